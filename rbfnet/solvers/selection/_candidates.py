"""Solutions of one problem in several bases, compared by their residuals at the same held-out points."""

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
"""A relative residual above this is no solution: that of zero is one."""

ROUGHLY = 0.5
"""The sizes of terms are updated below this relative residual, or below this fraction of that at the last update."""

DAMPINGS = (1e-10, 1e-8, 1e-6, 1e-4, 1e-2)
"""Dampings tried if there are few rows, relative to the column norms."""

AS_GOOD = 4.0
"""Scales within this factor count as equal."""


def enough(dtype: torch.dtype) -> float:
    """Half of the digits: smaller residuals are due to rounding rather than unsuitable shapes or weights."""
    return float(torch.finfo(dtype).eps ** 0.5)


class Solved(NamedTuple):
    """The solution of a linear system.

    Attributes:
        coefficients: the coefficients of the model.
        words: sentences about the system.
        together: whether its outputs are uncoupled and satisfy the same equations (:func:`relative_scales`).
        damped: the coefficients for another damping, if there are few rows; otherwise None.
        damping: the damping used; None if it was left to the method.
    """

    coefficients: Float[Tensor, "N O"]
    words: list[str]
    together: bool = False
    damped: Callable[[float], Float[Tensor, "N O"]] | None = None
    damping: float | None = None


@dataclass(frozen=True)
class Attempt:
    """One solution and its residuals.

    Attributes:
        missed: the maximum relative residual (:attr:`Miss.mean`); infinite if there is no solution.
        solved: the solution.
        found: the relative residual of each equation.
    """

    missed: float
    solved: Solved
    found: list[Miss]


class Attempts:
    """Solve a problem in the current basis of its model, and measure the residual at held-out points.

    The first solutions use automatic scales. As soon as a solution is roughly right, each equation is scaled by the size of its
    terms (:func:`relative_scales`), in all later bases alike.

    Args:
        posed: the problem, with the collocation points; its scales and the coefficients of its model are changed in place.
        yardstick: its equations at held-out points.
        solve: solves with the current model and scales.

    Attributes:
        best: the attempt with the least residual.
        count: the number of attempts.
    """

    def __init__(self, posed: Posed, yardstick: Yardstick, solve: Callable[[], Solved]) -> None:
        self.posed, self.yardstick, self.solve = posed, yardstick, solve
        self.count = 0
        self.best: Attempt | None = None
        self._shown: tuple[Attempt, float] | None = None
        self._failed: Exception | None = None

    def __call__(self) -> float:
        """The relative residual of the solution in the current basis; infinite if the system cannot be solved."""
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
        """Restore the coefficients and scales of the best solution; the model must have its basis.

        Raises:
            Exception: the error of the last system, if none could be solved.
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
        """Update the scales for the basis and, if known, the sizes of the terms; returns whether this changes them much."""
        posed, before = self.posed, [scale for scales in self.posed.scales.values() for scale in scales]
        scales = automatic_scales(posed.model, posed.problem, posed.everywhere)
        if self._shown is not None:
            attempt, value = self._shown
            scales = relative_scales(posed.problem, scales, attempt.found, value, attempt.solved.together)
        # In place, so that the loss uses them from now on.
        cast(dict[str, list[float]], posed.scales).update(
            {name: agreed(torch.tensor(each, dtype=torch.float64)).tolist() for name, each in scales.items()}
        )
        ratios = [a / b for a, b in zip((s for scales in posed.scales.values() for s in scales), before, strict=True)]
        return max(ratios) > AS_GOOD * min(ratios)
