"""Loss balancing by gradient norms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from rbfnet.errors import InputError, positive
from rbfnet.solvers.balance._balance import Balance, Terms


class GradientNorm(Balance):
    """Equalise the gradients of the equations: weights follow sum_j |grad L_j| / |grad L_i|, as a running mean.

    Source: Wang, Teng and Perdikaris, SIAM J. Sci. Comput. 43 (2021) A3055, with the symmetric ratio of Wang, Sankaran, Wang and
    Perdikaris, An Expert's Guide to Training PINNs (2023), which singles out no condition.

    Args:
        period: number of steps between updates.
        memory: the fraction of the old weight that is kept.

    Raises:
        InputError: a period below 1, a memory outside of [0, 1).

    Example:
        >>> from rbfnet.solvers import Adam, GradientNorm
        >>> Adam(balance=GradientNorm(period=50)).balance.period
        50
    """

    def __init__(self, period: int = 10, memory: float = 0.9) -> None:
        self.period = int(positive("period", period, whole=True))
        self.memory = positive("memory", memory, zero=True)
        if self.memory >= 1:
            raise InputError(f"memory must be below 1, but got {memory!r}.")

    def update(self, weights: Terms, squares: Mapping[str, list[Tensor]], parameters: Sequence[Tensor], step: int) -> Terms:
        if weights and step % self.period:
            return weights
        before = weights or {name: [term.new_ones(()) for term in terms] for name, terms in squares.items()}
        norms = {name: [_norm(term.mean(), parameters) for term in terms] for name, terms in squares.items()}
        total = torch.stack([norm for found in norms.values() for norm in found]).sum()
        return {
            # An equation with zero gradient keeps its weight.
            name: [
                self.memory * old + (1 - self.memory) * total / norm if norm > 0 else old
                for old, norm in zip(before[name], found, strict=True)
            ]
            for name, found in norms.items()
        }


def _norm(loss: Tensor, parameters: Sequence[Tensor]) -> Tensor:
    if not loss.requires_grad:
        return torch.zeros_like(loss)
    found = torch.autograd.grad(loss, parameters, allow_unused=True, retain_graph=True)
    return torch.stack([g.square().sum() for g in found if g is not None]).sum().sqrt()
