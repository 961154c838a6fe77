"""Guard a descent against non-finite losses, and keep the last finite model."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from rbfnet.training._solution import Solution


class Diverged(ArithmeticError):
    """The loss of a descent, or its gradient, became NaN or infinite; the message names the condition, epoch and step.

    Attributes:
        solution: the last model with a finite loss and gradient, and its errors.
    """

    solution: Solution


class LastFinite:
    """Guards the closure of an optimizer and keeps the parameters of the last finite model.

    The starting point of a step must have a finite loss and gradient; trial points within a step need not. If the line search
    of L-BFGS goes too far, it gets a finite loss larger than the one it started from, and backtracks. (From infinity its
    interpolation, which subtracts, would compute NaN.)

    Args:
        parameters: the trained parameters.
        agree: makes all processes take the same decision.
    """

    def __init__(self, parameters: Iterable[Tensor], agree: Callable[[bool], bool]) -> None:
        self.parameters, self.agree = list(parameters), agree
        self.loss: float | None = None
        self._kept: list[Tensor] = []

    def guard(self, closure: Callable[[], Tensor], refuse: Callable[[], Exception]) -> Callable[[], Tensor]:
        """Guard ``closure`` for one step; raises the exception from ``refuse`` if the starting point is not finite."""
        start: list[Tensor] = []

        def guarded() -> Tensor:
            loss = closure()
            finite = self.agree(bool(torch.isfinite(loss)) and self._gradient_is_finite())
            if not start:
                if not finite:
                    raise refuse()
                self._keep(loss)
                start.append(loss.detach())
            elif not finite:
                for parameter in self.parameters:
                    if parameter.grad is not None:
                        parameter.grad.zero_()
                return 10 * start[0]
            return loss

        return guarded

    def _gradient_is_finite(self) -> bool:
        return all(bool(torch.isfinite(p.grad).all()) for p in self.parameters if p.grad is not None)

    def _keep(self, loss: Tensor) -> None:
        self.loss = float(loss.detach())
        self._kept = [p.detach().clone() for p in self.parameters]

    @torch.no_grad()
    def restore(self) -> None:
        """Restore the last finite model."""
        for parameter, kept in zip(self.parameters, self._kept, strict=True):
            parameter.copy_(kept)
