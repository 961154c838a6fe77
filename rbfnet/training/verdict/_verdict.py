"""Whether a run has solved its problem, judged at unseen points."""

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
from rbfnet.solvers import Solver
from rbfnet.solvers.time import errors_in_time
from rbfnet.solvers.validation import Estimate, Miss, close_points, estimate, fresh_points, misses
from rbfnet.training.verdict._remedies import contradictions, remedy

ACCURACY, ACCURACY_OF_DATA = 1e-3, 2e-2
"""The relative accuracy asked for by default: of the solution of equations, and of a fit to data, which have noise."""

SOLVED, ROUGH = 10.0, 100.0
"""By how many times the accuracy an equation may be missed: residuals are derivatives, and mostly ten times the error."""

CLOSE = 3.0
"""By how many times the estimated error of a solution that counts as solved may exceed the accuracy: so good is the estimate."""

AT_MOST, AT_WORST = 0.2, 0.5
"""What is missed by more is never solved, or never rough, however little accuracy is asked for."""

BESIDE = 0.1
"""Of the points close to the boundary, the share at which the equations may be missed altogether, as at a singular corner."""

UNDETERMINED = 0.5
"""A relative standard error above which an unknown is not determined."""

FOR_EACH = 3.0
"""Fresh points for each coefficient of an output, at least, to estimate the error by."""

SEED = 1_234_567
"""Of the points that are used for the verdict."""


@dataclass(frozen=True)
class Verdict:
    """What the residuals at fresh points, and the estimated error, say of a solution.

    Attributes:
        word: ``"solved"``, ``"rough"`` or ``"not solved"``.
        residuals: for each equation of each condition a row: condition, equation, rms and largest residual relative to the size
            of its terms, the point where it is largest.
        sentences: what is missed most, what is not determined, and what helps, where the problem is not solved; how well data
            determine unknowns.
        estimated_error: relative L2, of all outputs; None where there is none.

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
    """The accuracy asked for, or that of the kind of problem.

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
    """The verdict on a model that is to solve the equations of a problem.

    At new points, twice as many as were used, each equation is missed by its root mean square residual relative to the size of
    its own terms (:func:`rbfnet.solvers.validation.misses`). With a = ``accuracy`` a solution is

    - solved: every equation is missed by 10 a at most, and the estimated error is 3 a at most;
    - rough: both are 100 a at most;
    - not solved: otherwise, or if the conditions do not determine the solution or an unknown, or if the equations do not
      hold at all close to the boundary.

    More than 20 % is never solved, and more than 50 % never rough. The global random state is left as it was.

    Args:
        model: a model of the solution, where it is.
        problem, solver: what was solved, and how; for the advice.
        used: the points that were used.
        accuracy: relative; None takes 1e-3.

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
        torch.manual_seed(SEED)
        return _judged(model, problem, solver, used, a)


def _judged(model: Differentiable, problem: Problem, solver: Solver, used: Mapping[str, Sample], a: float) -> Verdict:
    fresh = fresh_points(problem, used)
    found = misses(model, problem, fresh)
    beside = close_points(problem, used, _centers(model, problem))
    astray = [miss for miss in misses(model, problem, beside) if miss.share > BESIDE] if beside else []
    likely = _estimated(model, problem, fresh, found)
    # What is not a number is missed by all there is.
    worst = max(found, key=lambda miss: math.inf if math.isnan(miss.rms) else miss.rms)
    errors = max(likely.errors.values()) if likely else 0.0
    unknowns = _unknowns(problem, likely)
    lost = [sentence for determined, sentence in unknowns if not determined]
    # Of something that is no solution at all it cannot be said what is free in it.
    missing = _not_determined(problem, likely) if worst.rms <= AT_WORST else []
    if lost or missing or astray or not (worst.rms <= min(ROUGH * a, AT_WORST) and errors <= min(ROUGH * a, AT_WORST)):
        word = "not solved"
    elif worst.rms <= min(SOLVED * a, AT_MOST) and errors <= min(CLOSE * a, AT_MOST):
        word = "solved"
    else:
        word = "rough"
    sentences = [sentence for _, sentence in unknowns]
    if word != "solved" and not lost:
        told = contradictions(problem, fresh, found) or missing
        sentences += told or [_most(worst, astray, likely), remedy(model, problem, solver, used, word)]
    return Verdict(word, tuple(map(_row, found)), tuple(s for s in sentences if s), likely.error if likely else None)


def _estimated(model: Differentiable, problem: Problem, fresh: Mapping[str, Sample], found: Sequence[Miss]) -> Estimate | None:
    if isinstance(model, Evolving):
        return errors_in_time(model, problem, fresh)
    if not isinstance(model, LinearModel):
        return None
    rows, wanted = sum(sample.num_rows for sample in fresh.values()), FOR_EACH * model.coefficients.shape[0]
    if rows < wanted:
        # Of a few points nothing could be said of what they leave open.
        fresh = fresh_points(problem, fresh, wanted / rows)
        found = misses(model, problem, fresh)
    return estimate(model, problem, fresh, found)


def _centers(model: Differentiable, problem: Problem) -> torch.Tensor | None:
    """Where the centres are in the domain: not those in space alone, nor those of a map without an inverse."""
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
                f"{which} is not determined: any constant may be added, if there is a solution at all (sources and fluxes have "
                "to balance); give its mean, Mean(...), or a value somewhere."
            )
        else:
            words.append(
                f"{which} is not determined: there are functions of the same size that change no condition by more than "
                f"{1 / likely.constant:.0e} of it; a boundary or initial condition is missing, or the problem is at resonance."
            )
    return words


def _unknowns(problem: Problem, likely: Estimate | None) -> list[tuple[bool, str]]:
    """For each unknown whether it is determined, and how well: by its standard error, or by what an error of it would change."""
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
            found.append(
                (False, f"The unknown {name!r} is not determined: it is off by as much as {percent(relative)}; give data.")
            )
        else:
            found.append((True, f"The unknown {name!r} is determined to {percent(relative)}."))
    return found


def _most(worst: Miss, astray: Sequence[Miss], likely: Estimate | None) -> str:
    if astray and (first := max(astray, key=lambda miss: miss.share)).share > worst.share:
        return (
            f"Condition {first.condition!r} does not hold close to the boundary: at {100 * first.share:.0f} % of the points "
            "there its residual is larger than half of its terms."
        )
    error = f", and the error is likely to be {percent(likely.error)}" if likely else ""
    return f"Condition {worst.condition!r} is missed by {percent(worst.rms)}{error}."


def percent(part: float) -> str:
    """A relative number in words: 11 %, or 2e-07."""
    return "100 % or more" if part >= 1 else f"{100 * part:.2g} %" if part >= 1e-3 else f"{part:.1g}"
