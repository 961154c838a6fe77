"""A descent continues only from models with a finite loss, and the last of them is kept."""

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
        solution: what the run has found: the last model with a finite loss and gradient, and its errors.
    """

    solution: Solution


class LastFinite:
    """Guards the closure of an optimizer, and keeps the parameters of the last model that was finite.

    The point a step starts from must have a finite loss and gradient. What an optimizer tries within a step need not: the line
    search of L-BFGS may reach too far, is told of a loss above the one it came from, and comes back. (Of infinity it would make
    NaN: its interpolation subtracts.)

    Args:
        parameters: what is trained.
        agree: makes all processes decide as one.
    """

    def __init__(self, parameters: Iterable[Tensor], agree: Callable[[bool], bool]) -> None:
        self.parameters, self.agree = list(parameters), agree
        self.loss: float | None = None
        self._kept: list[Tensor] = []

    def guard(self, closure: Callable[[], Tensor], refuse: Callable[[], Exception]) -> Callable[[], Tensor]:
        """``closure`` for one step; raises what ``refuse`` gives where it starts from a point that is not finite."""
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
        """Back to the last model that was finite."""
        for parameter, kept in zip(self.parameters, self._kept, strict=True):
            parameter.copy_(kept)
