"""Solutions of one problem in one basis after another, compared on one yardstick."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError
from rbfnet.solvers.algebra.processes import agreed
from rbfnet.solvers.assembly import Posed, automatic_scales, mean_square
from rbfnet.solvers.validation import Miss, Yardstick, relative_scales

LOST = 0.1
"""A solution that misses an equation by this share of its terms is none: zero misses by one."""

ROUGHLY = 0.5
"""One that misses less than this, or than this part of what was missed when they were last measured, tells the sizes of terms."""

DAMPINGS = (1e-10, 1e-8, 1e-6, 1e-4, 1e-2)
"""What is tried where rows are few, relative to the lengths of the columns: between rounding and all."""

AS_GOOD = 4.0
"""Scales within this factor of each other weigh alike."""


def enough(dtype: torch.dtype) -> float:
    """Half of the digits: what is missed by less is rounding rather than a shape or weights that do not suit."""
    return float(torch.finfo(dtype).eps ** 0.5)


class Solved(NamedTuple):
    """What came of a system.

    Attributes:
        coefficients: those of the model.
        words: what is to be said of the system, in sentences.
        together: its outputs have nothing to do with each other and satisfy the same equations (:func:`relative_scales`).
        damped: the coefficients for another damping, where rows are few; None where they are not.
        damping: the one these are for; None if that was left to the method.
    """

    coefficients: Float[Tensor, "N O"]
    words: list[str]
    together: bool = False
    damped: Callable[[float], Float[Tensor, "N O"]] | None = None
    damping: float | None = None


@dataclass(frozen=True)
class Attempt:
    """One solution.

    Attributes:
        missed: by how much it misses the equation that it misses most (:attr:`Miss.mean`); infinite where there is none.
        solved: what it is.
        found: by how much it misses each equation.
    """

    missed: float
    solved: Solved
    found: list[Miss]


class Attempts:
    """Solves a problem in whatever basis its model has at the time, and measures the solution at unseen points.

    The first solutions are found with automatic scales. As soon as one is roughly right, the terms of its equations say how large
    they are, and from then on each equation counts relative to that (:func:`relative_scales`), in every basis alike.

    Args:
        posed: the problem, with the points to solve with; its scales and the coefficients of its model are changed, in place.
        yardstick: its equations at unseen points.
        solve: solves with the model and the scales as they are.

    Attributes:
        best: the attempt that has missed the least.
        count: how many there were.
    """

    def __init__(self, posed: Posed, yardstick: Yardstick, solve: Callable[[], Solved]) -> None:
        self.posed, self.yardstick, self.solve = posed, yardstick, solve
        self.count = 0
        self.best: Attempt | None = None
        self._shown: tuple[Attempt, float] | None = None
        self._failed: Exception | None = None

    def __call__(self) -> float:
        """By how much the solution in the present basis misses the equations; infinite where the system cannot be solved."""
        if self.count:
            self._weigh()
        attempt = self._attempt()
        before = 1.0 if self._shown is None else self._shown[0].missed
        if enough(attempt.solved.coefficients.dtype) < attempt.missed < ROUGHLY * before:
            self._shown = attempt, mean_square(self.posed.model, self.posed.everywhere)
            if self._weigh():
                again = self._attempt()
                attempt = attempt if again.missed == math.inf else again
        if self.best is None or attempt.missed < self.best.missed:
            self.best = attempt
        return attempt.missed

    def finish(self) -> Solved:
        """The best solution, once the model has the basis it is for; its coefficients are in the model then, and its scales.

        Raises:
            Exception: what has come of the last system, if none could be solved.
        """
        if self.best is None or (self.best.missed == math.inf and self._failed is not None):
            raise cast(Exception, self._failed)
        self.posed.model.set_coefficients(self.best.solved.coefficients)
        if self.count > 1:
            self._weigh()
        return self.best.solved

    def _attempt(self) -> Attempt:
        self.count += 1
        try:
            solved = self.solve()
        except (InputError, torch.linalg.LinAlgError) as error:  # type: ignore[attr-defined]
            self._failed = error
            return Attempt(math.inf, Solved(self.posed.model.coefficients, []), [])
        best = self._measured(solved._replace(damped=None))
        if solved.damped is not None and best.missed > enough(solved.coefficients.dtype):
            for damping in DAMPINGS:
                coefficients = solved.damped(damping)
                attempt = self._measured(solved._replace(coefficients=coefficients, damped=None, damping=damping))
                best = attempt if attempt.missed < best.missed else best
        return best

    def _measured(self, solved: Solved) -> Attempt:
        self.posed.model.set_coefficients(solved.coefficients)
        found = self.yardstick.misses(self.posed.model)
        missed = agreed(torch.tensor([miss.mean for miss in found], dtype=torch.float64)).max()
        return Attempt(float(missed) if torch.isfinite(missed) else math.inf, solved, found)

    def _weigh(self) -> bool:
        """Take the scales that suit the basis, and the sizes of the terms if they are known; whether that changes much."""
        posed, before = self.posed, [scale for scales in self.posed.scales.values() for scale in scales]
        scales = automatic_scales(posed.model, posed.problem, posed.everywhere)
        if self._shown is not None:
            attempt, value = self._shown
            scales = relative_scales(posed.problem, scales, attempt.found, value, attempt.solved.together)
        # In place, for whoever asks for the loss afterwards.
        cast(dict[str, list[float]], posed.scales).update(
            {name: agreed(torch.tensor(each, dtype=torch.float64)).tolist() for name, each in scales.items()}
        )
        ratios = [a / b for a, b in zip((s for scales in posed.scales.values() for s in scales), before, strict=True)]
        return max(ratios) > AS_GOOD * min(ratios)
