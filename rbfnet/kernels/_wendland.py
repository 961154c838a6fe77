"""Wendland's compactly supported kernels."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import torch
from torch import Tensor

from rbfnet.errors import InputError, number
from rbfnet.kernels._kernel import ClosedForm
from rbfnet.kernels._ladder import rungs
from rbfnet.kernels._radius import inverse_power, whole_power

PROFILES = {0: (2, (1,)), 2: (4, (1, 4)), 4: (6, (1, 6, Fraction(35, 3))), 6: (8, (1, 8, 25, 32))}
"""continuity: (a, q), for phi = (1 - r)^a q(r) with the coefficients of q from the constant one up."""

READY = 12
"""Number of precomputed derivatives, more than any allowed operator and its gradients use."""


class Wendland(ClosedForm):
    """Wendland's kernel of compact support and least degree for three dimensions, with r = sqrt(s); 0 for r >= 1.

    C0: (1-r)^2; C2: (1-r)^4 (4r+1); C4: (1-r)^6 (35r^2+18r+3)/3; C6: (1-r)^8 (32r^3+25r^2+8r+1).

    Derivatives: f^(k)(s) = (1-r)^a q(r) r^-P, where the next rung has a - 1, P + 2 and the polynomial
    ((1-r)(r q' - P q) - a r q) / 2, divided by the powers of r it has in common with the pole. Smoothness 0, 2, 4, 6 at the
    origin; positive definite (order 0) in one to three dimensions only.

    Equivalents: none in SciPy; GPyTorch ``PiecewisePolynomialKernel(q=continuity/2)`` in three dimensions, whose degree
    follows the dimension, with lengthscale = 1 / epsilon.
    Source: Wendland, Adv. Comput. Math. 4 (1995); Wendland (2004), table 9.1.

    Args:
        continuity: 0, 2, 4 or 6.

    Raises:
        InputError: another continuity.

    Example:
        >>> import torch
        >>> from rbfnet.kernels import Wendland
        >>> Wendland(2).phi(torch.tensor([0.0, 0.25, 1.0]))  # (1 - r)^4 (4 r + 1)
        tensor([1.0000, 0.1875, 0.0000])
    """

    max_dims = 3
    compact = True

    def __init__(self, continuity: int = 4) -> None:
        super().__init__()
        if number(continuity) not in PROFILES:
            raise InputError(f"A Wendland kernel needs continuity 0, 2, 4 or 6, but got {continuity!r}.")
        self.continuity = int(continuity)
        self.smoothness = self.continuity
        self._rungs = _rungs(self.continuity, READY)

    def derivatives(self, s: Tensor, orders: Sequence[int]) -> list[Tensor]:
        return rungs(self._formulas, s, orders)

    def _formulas(self, s: Tensor, orders: Sequence[int]) -> list[Tensor]:
        known = self._rungs if max(orders) < READY else _rungs(self.continuity, max(orders) + 1)
        r = s.sqrt()
        rest = (1.0 - r).relu_()
        powers: dict[int, Tensor] = {}
        lower = 0
        for a in sorted({known[k][0] for k in orders} - {0}):
            step = whole_power(rest, a - lower)
            powers[a] = powers[lower] * step if lower else step
            lower = a
        found = []
        for k in orders:
            a, q, pole = known[k]
            value = torch.full_like(r, q[-1]) if len(q) == 1 else (q[-1] * r).add_(q[-2])
            for c in reversed(q[:-2]):
                value = value.mul_(r).add_(c)
            if pole:
                value = value.mul_(inverse_power(r, pole))
            found.append(value.mul_(powers[a]) if a else torch.where(r < 1.0, value, 0.0))
        return found

    def extra_repr(self) -> str:
        return f"continuity={self.continuity}"


Rung = tuple[int, tuple[float, ...], int]
"""(a, q, P) of f^(k) = (1 - r)^a q(r) r^-P."""


def _rungs(continuity: int, count: int) -> list[Rung]:
    """f, f', f'', ..., worked out in exact numbers."""
    a, start = PROFILES[continuity]
    q, pole, zero = [Fraction(c) for c in start], 0, Fraction(0)
    found = []
    for _ in range(count):
        found.append((a, tuple(map(float, q)), pole))
        # d/ds = (1 / 2r) d/dr.
        slope = [(i - pole) * c / 2 for i, c in enumerate(q)]
        if a:
            outer = [c + a * d / 2 for c, d in zip(slope, q, strict=True)]
            slope = [c - d for c, d in zip([*slope, zero], [zero, *outer], strict=True)]
        a, q, pole = max(a - 1, 0), slope, pole + 2
        while pole and not q[0]:
            q, pole = q[1:], pole - 1
        while not q[-1]:
            q.pop()
    return found
