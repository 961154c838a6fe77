"""Choose shape, weights and damping for a linear problem by the residual at held-out points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from torch import Tensor

from rbfnet.problems import Data, Interior, Sample
from rbfnet.solvers.algebra import Factored, Regularization, processes
from rbfnet.solvers.assembly import AtZero, LinearSystem, Posed
from rbfnet.solvers.selection._candidates import Attempts, Solved
from rbfnet.solvers.selection._choose_width import choose_shape
from rbfnet.solvers.selection._unseen_columns import unseen
from rbfnet.solvers.validation import Yardstick, kept_apart

FEW_ROWS = 2.0
"""Rows per unknown that prevent oscillations between the points; with fewer, damping may be needed."""


class Choice(NamedTuple):
    """The choice, which has been applied to the model and the scales of the problem.

    Attributes:
        solved: the solution with the least residual.
        whole: whether it used all points, with none held out.
        words: sentences on the choice.
    """

    solved: Solved
    whole: bool
    words: list[str]


def chosen(posed: Posed, regularization: Regularization) -> Choice | None:
    """Choose the automatic options: epsilon and margin, equation weights, and the damping if there are few rows.

    Args:
        posed: a linear problem.
        regularization: the method for its linear systems.

    Returns:
        None if no points can be held out.
    """
    apart = kept_apart(posed.problem, posed.everywhere)
    if apart is None:
        return None
    used, model = replace(posed, samples=posed.own(apart[0])), posed.model
    outputs = model.coefficients.shape[1]

    def solve() -> Solved:
        system = seen(used, apart[1])
        factored = Factored(system.matrix)
        unknowns, words = regularization.solve_factored(factored, system.target)

        def coefficients(unknowns: Tensor) -> Tensor:
            return system.as_coefficients(processes.agreed(unknowns), outputs)

        def damped(damping: float) -> Tensor:
            return coefficients(factored.solve(system.target, damping))

        few = (
            system.moments is None and regularization.how == "damping" and num_rows(posed) < FEW_ROWS * model.coefficients.numel()
        )
        return Solved(coefficients(unknowns), words, system.target.shape[1] > 1, damped if few else None)

    attempts = Attempts(used, Yardstick.at(AtZero(model), posed.problem, apart[1], posed.known), solve)
    words = choose_shape(posed, attempts)
    if not words:
        attempts()
    solved = attempts.finish()
    if solved.damping is not None:
        words.append(f"There are few rows, so the damping was chosen in the same way: {solved.damping:.0e}.")
    whole = all(sample is posed.samples[name] for name, sample in used.samples.items())
    return Choice(solved, whole, words)


def seen(posed: Posed, others: Mapping[str, Sample] | None = None) -> LinearSystem:
    """The rows of a linear problem, with columns unseen by all points set to zero (:func:`rbfnet.solvers.selection.unseen`)."""
    system = posed.linear_system()
    faint = unseen(posed.model, posed.problem, posed.everywhere.values(), (others or {}).values())
    if faint.any():
        system.matrix[:, faint.repeat(system.matrix.shape[1] // len(faint))] = 0.0
    return system


def num_rows(posed: Posed) -> int:
    """Over all processes."""
    return posed.num_rows * processes.count()


def too_few(posed: Posed) -> list[str]:
    """A warning if there are no more rows than unknowns."""
    rows, unknowns = num_rows(posed), posed.model.coefficients.numel()
    if rows > unknowns:
        return []
    conditions = posed.problem.named_conditions()
    more = "fewer centres are"
    inside = [(name, sample) for name, sample in posed.samples.items() if isinstance(conditions[name], Interior)]
    if inside:
        equations = sum(len(posed.scales[name]) * sample.num_points for name, sample in inside)
        points = sum(sample.num_points for _, sample in inside)
        wanted = points + (FEW_ROWS * unknowns - rows) * points / equations
        more = f"more collocation points, problem.num_interior={wanted / len(inside):.0f}, are"
    elif not all(isinstance(condition, Data) for condition in conditions.values()):
        more = "more points or fewer centres are"
    return [f"{unknowns:,} unknowns but only {rows:,} rows: {more} needed."]
