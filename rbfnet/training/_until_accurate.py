"""Whole runs with more and more centres, until the estimated error meets the requested accuracy."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import lightning.pytorch as pl

from rbfnet.errors import InputError
from rbfnet.memory import budget
from rbfnet.problems import DataProblem, Problem
from rbfnet.training._model import AUTOMATIC
from rbfnet.training._solution import Solution
from rbfnet.training.callbacks import Adaptive
from rbfnet.training.stopping import Interrupted, Terminated

FIRST, MOST = 100, 3200
"""The number of centres of the first run, and the maximum number of unknowns: beyond it, a run takes minutes to hours."""

BYTES = 8 * 4 * 4
"""Bytes of a dense solve per squared unknown: four rows per unknown, four copies of the matrix."""

FAILURES = 3
"""With this many runs that failed from too few centres and none that worked, the error is raised: with 400 centres."""

RESOLVED = 0.1
"""A larger estimated error says nothing about convergence: layers and waves are not resolved yet."""

SETTLED = 0.03
"""The rate of convergence is believed if the last three estimated errors are smaller."""

STALLED = 0.5
"""More centres do not help if two runs in a row do not reduce the smallest estimated error by this factor."""

ROUNDING = 1e-8
"""Where a smaller error stops decreasing, the reason is rounding."""

HOPELESS = 10
"""A predicted number of centres above this multiple of the maximum ends the search."""


@dataclass(frozen=True)
class Trial:
    """The number of centres of a run, the error it is compared by, and whether it is accurate enough."""

    centers: int
    there: int
    error: float
    estimated: bool
    met: bool

    @classmethod
    def of(cls, centers: int, solution: Solution, accuracy: float) -> Trial:
        """The run with so many centres. Without an estimate of its error, the largest relative residual takes its place."""
        summary = solution.summary
        found = summary["estimated_error"]
        error = max((row["rms"] for row in summary["residuals"]), default=math.inf) if found is None else found
        met = summary["verdict"] == "solved" and (found is None or found <= accuracy)
        return cls(centers, solution.model.num_centers, math.inf if math.isnan(error) else error, found is not None, met)


def grows(
    problem: Problem,
    accuracy: float | None,
    network: Mapping[str, Any],
    trainer: Mapping[str, Any],
    callbacks: Sequence[pl.Callback] = (),
) -> bool:
    """Whether a run takes more centres until it is accurate: an accuracy is given, and the number of centres is not.

    Raises:
        InputError: it does, but with several processes.
    """
    automatic = network.get("num_centers") == AUTOMATIC and isinstance(network.get("centers", ""), str)
    moved = any(isinstance(callback, Adaptive) for callback in callbacks)
    if accuracy is None or not automatic or moved or isinstance(problem, DataProblem):
        return False
    if trainer.get("num_nodes", 1) != 1 or trainer.get("devices", 1) not in (1, "1", "auto"):
        raise InputError(
            "The number of centres for an accuracy is found in one process; use devices=1, or give the number "
            "(network.num_centers=400)."
        )
    return True


def until_accurate(attempt: Callable[[int], Solution], accuracy: float, outputs: int) -> tuple[int, Solution]:
    """The number of centres and the solution of the first run that is accurate enough, or of the most accurate one.

    It runs with 100, 200, 400, ... centres, and four times as many instead of twice if the rate of convergence of the estimated
    error requires it. It ends where the verdict is solved and the estimated error at most ``accuracy``; where two runs in a row
    do not halve the error; where the rate predicts far more centres than are possible; or at the most centres that are tried.
    The summary lists the runs, and says what limits the accuracy.

    Args:
        attempt: a whole run with a number of centres.
        accuracy: the requested relative error.
        outputs: the number of outputs, each of which has a weight per centre.

    Raises:
        InputError: no run worked.
        Interrupted, Terminated: the process was told to stop; ``solution`` is that of an earlier run if this one has none.
    """
    most, why = largest(outputs)
    trials: list[Trial] = []
    best: Solution | None = None
    centers, failures, limit = min(FIRST, most), 0, ""
    while not limit:
        try:
            solution = attempt(centers)
        except InputError as error:
            failures += 1
            if best is None and (failures == FAILURES or centers == most):
                raise
            if best is not None:
                limit = f"{centers} centres do not work: {error}"
            centers = min(2 * centers, most)
            continue
        except (Interrupted, Terminated) as stopped:
            if stopped.solution is None and best is not None and not best.problem.unknowns():
                stopped.solution = best
            raise
        trials.append(Trial.of(centers, solution, accuracy))
        if best is None or trials[-1] is chosen(trials):
            best = solution
        if trials[-1].met:
            break
        limit = limits(trials, accuracy, most, why)
        centers = following(trials, accuracy, most)
    assert best is not None
    best.summary["words"] = [*best.summary.get("words", []), told(trials, accuracy)]
    if limit:
        best.summary["reasons"] = [*best.summary["reasons"], limit]
    return chosen(trials).centers, best


def chosen(trials: Sequence[Trial]) -> Trial:
    """The run that is kept."""
    return min(trials, key=lambda trial: (not trial.met, trial.error))


def largest(outputs: int) -> tuple[int, str]:
    """The most centres that are tried, and the reason for this number."""
    fits = math.isqrt(budget() // BYTES)
    most = max(1, min(MOST, fits) // outputs)
    return most, "fit into half of this machine's memory" if fits < MOST else "are tried unless network.num_centers asks for more"


def needed(trials: Sequence[Trial], accuracy: float) -> float:
    """The number of centres that the rate of convergence of the last runs predicts; infinite without convergence."""
    first, last = trials[max(0, len(trials) - 3)], trials[-1]
    if not 0 < last.error < first.error < math.inf:
        return math.inf
    rate = math.log(first.error / last.error) / math.log(last.centers / first.centers)
    exponent = math.log(max(last.error / accuracy, 1.0)) / rate
    return last.centers * math.exp(exponent) if exponent < 100 else math.inf


def following(trials: Sequence[Trial], accuracy: float, most: int) -> int:
    """The number of centres of the next run."""
    far = len(trials) > 2 and trials[-1].error < RESOLVED and needed(trials, accuracy) > 4 * trials[-1].centers
    return min((4 if far else 2) * trials[-1].centers, most)


def limits(trials: Sequence[Trial], accuracy: float, most: int, why: str) -> str:
    """What limits the accuracy, as a sentence; empty if more centres may help."""
    last, smallest = trials[-1], min(trial.error for trial in trials)
    if len(trials) > 1 and last.there <= trials[-2].there:
        return "The accuracy does not depend on num_centers here; the tolerance of the solver or the given centres limit it."
    if smallest < ROUNDING and last.error > STALLED * min((trial.error for trial in trials[:-1]), default=math.inf):
        return f"More centres do not reduce the estimated error, {_because(smallest)}."
    if len(trials) > 2 and smallest < RESOLVED:
        before = min(trial.error for trial in trials[:-2])
        if smallest > STALLED * before:
            return f"More centres do not reduce the estimated error, {_because(smallest)}."
        settled = all(trial.error < SETTLED for trial in trials[-3:])
        if settled and (predicted := needed(trials, accuracy)) > HOPELESS * most:
            number = f"about {predicted:.0e}" if math.isfinite(predicted) else "any number of"
            return f"At this rate of convergence it takes {number} centres, {_because(smallest)}."
    return f"No more than {most} centres {why}." if last.centers >= most else ""


def told(trials: Sequence[Trial], accuracy: float) -> str:
    """The runs as a sentence."""
    parts = [
        f"{trial.centers} centres: {'estimated error' if trial.estimated else 'relative residual'} {trial.error:.1e}"
        for trial in trials
    ]
    return f"{'; '.join(parts)} (asked for {accuracy:.2g})."


def _because(error: float) -> str:
    """What usually is the reason at this size."""
    return "as at rounding level" if error < ROUNDING else "as at a singularity: a corner, a jump, conditions that disagree"
