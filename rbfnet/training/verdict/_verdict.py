"""The verdict on a run that solves equations, from residuals at held-out points."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from rbfnet.annotations import as_number
from rbfnet.errors import InputError, positive
from rbfnet.nn import Evolving
from rbfnet.operators import Differentiable, LinearModel
from rbfnet.problems import DataProblem, Problem, Sample, Unknown
from rbfnet.seeding import manual_seed
from rbfnet.solvers import Solver
from rbfnet.solvers.time import errors_in_time
from rbfnet.solvers.validation import Estimate, Miss, close_points, estimate, fresh_points, misses
from rbfnet.training.verdict._remedies import contradictions, reached, remedy

ACCURACY, ACCURACY_OF_DATA = 1e-3, 2e-2
"""The default relative accuracy: for the solution of equations, and for a fit to data, which are noisy."""

SOLVED, ROUGH = 10.0, 100.0
"""The maximum relative residual, as a multiple of the accuracy: residuals are typically ten times the error."""

CLOSE = 3.0
"""The maximum estimated error of a solved problem, as a multiple of the accuracy: the estimate is about this reliable."""

AT_MOST, AT_WORST = 0.2, 0.5
"""A larger relative residual is never solved, or never rough, whatever the requested accuracy."""

BESIDE = 0.1
"""The fraction of points close to the boundary where the equations may fail to hold, as at a singular corner."""

UNDETERMINED = 0.5
"""The relative standard error above which an unknown counts as undetermined."""

FOR_EACH = 3.0
"""Minimum number of held-out points per coefficient of an output for the error estimate."""

SEED = 1_234_567
"""The seed of the points used for the verdict."""


@dataclass(frozen=True)
class Verdict:
    """The verdict on a solution, from residuals at held-out points and the estimated error.

    Attributes:
        word: ``"solved"``, ``"rough"`` or ``"not solved"``.
        residuals: one row per equation of each condition: condition, equation, rms and largest residual relative to the size of
            its terms, and the point where it is largest.
        sentences: the largest residual, what is not determined, and suggestions if the problem is not solved; how well data
            determine unknowns.
        estimated_error: relative L2, over all outputs; None if it cannot be estimated.

    Example:
        >>> from rbfnet.training import Verdict
        >>> row = {"condition": "interior", "equation": 0, "rms": 2e-5, "largest": 1e-4, "where": {"x": 0.1, "y": 0.9}}
        >>> verdict = Verdict("solved", (row,), (), estimated_error=3e-6)  # what `judge` finds, for example
        >>> max(row["rms"] for row in verdict.residuals)
        2e-05
    """

    word: str
    residuals: tuple[dict[str, Any], ...]
    sentences: tuple[str, ...]
    estimated_error: float | None = None


def accuracy_for(problem: Problem, accuracy: float | None) -> float:
    """The requested accuracy, or the default for the kind of problem.

    Raises:
        InputError: a number that is not positive.
    """
    if accuracy is not None:
        if (given := positive("accuracy", as_number(accuracy))) > 1:
            raise InputError(f"accuracy is relative and must be at most 1, as in 1e-3, but got {accuracy!r}.")
        return float(given)
    return ACCURACY_OF_DATA if isinstance(problem, DataProblem) else ACCURACY


def judge(
    model: Differentiable, problem: Problem, solver: Solver, used: Mapping[str, Sample], accuracy: float | None = None
) -> Verdict:
    """The verdict on a model as the solution of a problem.

    The relative residual of an equation is its root mean square residual at held-out points, twice as many as were used,
    relative to the size of its own terms (:func:`rbfnet.solvers.validation.misses`). With a = ``accuracy`` a solution is

    - solved: every relative residual is at most 10 a and the estimated error is at most 3 a;
    - rough: both are at most 100 a;
    - not solved: otherwise, or if the conditions do not determine the solution or an unknown, or if the equations do not hold
      close to the boundary.

    More than 20 % is never solved, and more than 50 % is never rough. The global random state is not changed.

    Args:
        model: a model of the solution.
        problem, solver: the problem and its solver, for the suggestions.
        used: the points that were used.
        accuracy: relative; the default is 1e-3.

    Example:
        >>> import torch
        >>> from rbfnet.nn import RBFNetwork
        >>> from rbfnet.problems import Poisson
        >>> from rbfnet.solvers import LeastSquares
        >>> from rbfnet.training import judge
        >>> problem = Poisson(num_interior=100, num_boundary=40)
        >>> verdict = judge(RBFNetwork(2, 1, 30, dtype=torch.float64), problem, LeastSquares(), problem.sample())
        >>> verdict.word, [row["condition"] for row in verdict.residuals], len(verdict.sentences) > 0  # weights of zero
        ('not solved', ['interior', 'dirichlet'], True)
    """
    a = accuracy_for(problem, accuracy)
    with torch.random.fork_rng(devices=[]):
        manual_seed(SEED)
        return _judged(model, problem, solver, used, a)


def _judged(model: Differentiable, problem: Problem, solver: Solver, used: Mapping[str, Sample], a: float) -> Verdict:
    fresh = fresh_points(problem, used)
    found = misses(model, problem, fresh)
    beside = close_points(problem, used, _centers(model, problem))
    astray = [miss for miss in misses(model, problem, beside) if miss.share > BESIDE] if beside else []
    likely = _estimated(model, problem, fresh, found)
    # A non-finite residual counts as infinite.
    worst = max(found, key=lambda miss: math.inf if math.isnan(miss.rms) else miss.rms)
    errors = max(likely.errors.values()) if likely else 0.0
    unknowns = _unknowns(problem, likely)
    lost = [sentence for determined, sentence in unknowns if not determined]
    # The undetermined directions of something that is not a solution are meaningless.
    missing = _not_determined(problem, likely) if worst.rms <= AT_WORST else []
    word = word_for(worst.rms, errors, a, failed=bool(lost or missing or astray))
    sentences = [sentence for _, sentence in unknowns]
    if word != "solved" and not lost:
        told = contradictions(problem, fresh, found, levels=not isinstance(model, Evolving)) or missing
        sentences += told or [reason(worst, astray, likely.error if likely else None), remedy(model, problem, solver, used, word)]
    return Verdict(word, tuple(map(_row, found)), tuple(s for s in sentences if s), likely.error if likely else None)


def word_for(residual: float, error: float, a: float, failed: bool) -> str:
    """The word for the largest relative residual and the estimated error; ``failed`` if something else is wrong."""
    if failed or not (residual <= min(ROUGH * a, AT_WORST) and error <= min(ROUGH * a, AT_WORST)):
        return "not solved"
    return "solved" if residual <= min(SOLVED * a, AT_MOST) and error <= min(CLOSE * a, AT_MOST) else "rough"


def _estimated(model: Differentiable, problem: Problem, fresh: Mapping[str, Sample], found: Sequence[Miss]) -> Estimate | None:
    if isinstance(model, Evolving):
        return errors_in_time(model, problem, fresh, found) if reached(model, problem) else None
    if not isinstance(model, LinearModel):
        return None
    rows, wanted = sum(sample.num_rows for sample in fresh.values()), FOR_EACH * model.coefficients.shape[0]
    if rows < wanted:
        # A few points could not show what they leave undetermined.
        fresh = fresh_points(problem, fresh, wanted / rows)
        found = misses(model, problem, fresh)
    return estimate(model, problem, fresh, found)


def _centers(model: Differentiable, problem: Problem) -> torch.Tensor | None:
    """The centres in coordinates of the domain; none for centres in space alone or behind a map without an inverse."""
    try:
        centers = getattr(model, "centers", None)
    except InputError:
        return None
    return centers if isinstance(centers, torch.Tensor) and centers.shape[1] == len(problem.domain.coords) else None


def _row(miss: Miss) -> dict[str, Any]:
    return {**asdict(miss), "at": list(miss.at)}


def _not_determined(problem: Problem, likely: Estimate | None) -> list[str]:
    if likely is None:
        return []
    words = []
    if not likely.determined:
        which = "The solution" if len(problem.outputs) == 1 else f"The output {' and '.join(map(repr, likely.free))}"
        if likely.flat:
            words.append(
                f"{which} is determined only up to a constant, if a solution exists at all (sources and fluxes must "
                "balance); give its mean, Mean(...), or a value somewhere."
            )
        elif math.isinf(likely.constant):
            words.append(
                f"{which} is not determined: part of the boundary has fewer conditions than the order of the equations requires."
            )
        else:
            words.append(
                f"{which} is not determined: functions of the same size change no condition by more than "
                f"{1 / likely.constant:.0e} of it; a boundary or initial condition is missing, or the problem is at resonance."
            )
    return words


def _unknowns(problem: Problem, likely: Estimate | None) -> list[tuple[bool, str]]:
    """Whether and how well each unknown is determined: by its standard error or its effect on the residuals."""
    found = []
    for name, part in problem.unknowns().items():
        report = part.report(problem.domain)
        size = abs(report["value"]) if "value" in report else max(abs(report["min"]), abs(report["max"]))
        off = report.get("standard_error")
        if off is None and isinstance(part, Unknown) and likely is not None:
            off = likely.unknowns.get(f"{name}.raw", math.inf) * abs(float(part.raw.detach())) * (size if part.positive else 1.0)
        if off is None:
            continue
        relative = off / size if size else math.inf
        if relative > UNDETERMINED:
            found.append((False, f"The unknown {name!r} is not determined: its error may be {percent(relative)}; give data."))
        else:
            found.append((True, f"The unknown {name!r} is determined to {percent(relative)}."))
    return found


def reason(worst: Miss, astray: Sequence[Miss], error: float | None) -> str:
    """The sentence on the largest residual, or on the one close to the boundary."""
    if astray and (first := max(astray, key=lambda miss: miss.share)).share > worst.share:
        return (
            f"Condition {first.condition!r} does not hold close to the boundary: at {100 * first.share:.0f} % of the points "
            "there its residual exceeds half the size of its terms."
        )
    also = "" if error is None else f", and the estimated error is {percent(error)}"
    return f"Condition {worst.condition!r} has a relative residual of {percent(worst.rms)}{also}."


def percent(part: float) -> str:
    """Format a relative number: 11 %, or 2e-07."""
    return "100 % or more" if part >= 1 else f"{100 * part:.2g} %" if part >= 1e-3 else f"{part:.1g}"
