from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import cache

import torch
from torch import Tensor

from rbfnet.errors import InputError
from rbfnet.kernels._kernel import ClosedForm
from rbfnet.kernels._ladder import rungs
from rbfnet.kernels._radius import inverse_power, whole_power

PROFILES = {0: (2, (1,)), 2: (4, (1, 4)), 4: (6, (1, 6, Fraction(35, 3))), 6: (8, (1, 8, 25, 32))}
"""continuity: (a, q), for phi = (1 - r)^a q(r) with the coefficients of q from the constant one up."""


class Wendland(ClosedForm):
    """Wendland's kernel of compact support and least degree for three dimensions, with r = sqrt(s); 0 for r >= 1.

    C0: (1-r)^2; C2: (1-r)^4 (4r+1); C4: (1-r)^6 (35r^2+18r+3)/3; C6: (1-r)^8 (32r^3+25r^2+8r+1).

    Derivatives: f^(k)(s) = (1-r)^a q(r) r^-P, where the next rung has a - 1, P + 2 and the polynomial
    ((1-r)(r q' - P q) - a r q) / 2, divided by the powers of r it has in common with the pole. Smoothness 0, 2, 4, 6 at the
    origin; positive definite (order 0) in one to three dimensions only.

    Equivalents: none in SciPy; GPyTorch ``PiecewisePolynomialKernel(q=continuity/2)`` in three dimensions, whose degree
    follows the dimension, with lengthscale = 1 / epsilon. Source: Wendland, Adv. Comput. Math. 4 (1995); Wendland (2004), table 9.1.

    Args:
        continuity: 0, 2, 4 or 6.

    Raises:
        InputError: another continuity.
    """

    max_dims = 3
    compact = True

    def __init__(self, continuity: int = 4) -> None:
        super().__init__()
        if isinstance(continuity, bool) or not isinstance(continuity, (int, float)) or continuity not in PROFILES:
            raise InputError(f"A Wendland kernel has continuity 0, 2, 4 or 6, but got {continuity!r}.")
        self.continuity = int(continuity)
        self.smoothness = self.continuity

    def derivatives(self, s: Tensor, orders: Sequence[int]) -> list[Tensor]:
        return rungs(self._formulas, s, orders)

    def _formulas(self, s: Tensor, orders: Sequence[int]) -> list[Tensor]:
        r = s.sqrt()
        rest = (1.0 - r).clamp(min=0.0)
        powers: dict[int, Tensor] = {}
        lower = 0
        for a in sorted({_rung(self.continuity, k)[0] for k in orders} - {0}):
            step = whole_power(rest, a - lower)
            powers[a] = powers[lower] * step if lower else step
            lower = a
        found = []
        for k in orders:
            a, q, pole = _rung(self.continuity, k)
            value = torch.full_like(r, q[-1])
            for c in reversed(q[:-1]):
                value = value * r + c
            if pole:
                value = value * inverse_power(r, pole)
            found.append(value * powers[a] if a else torch.where(r < 1.0, value, 0.0))
        return found

    def extra_repr(self) -> str:
        return f"continuity={self.continuity}"


@cache
def _rung(continuity: int, k: int) -> tuple[int, tuple[float, ...], int]:
    a, q, pole = _exact_rung(continuity, k)
    return a, tuple(map(float, q)), pole


@cache
def _exact_rung(continuity: int, k: int) -> tuple[int, tuple[Fraction, ...], int]:
    """(a, q, P) of f^(k) = (1 - r)^a q(r) r^-P, in exact numbers."""
    if k == 0:
        a, q = PROFILES[continuity]
        return a, tuple(map(Fraction, q)), 0
    a, q, pole = _exact_rung(continuity, k - 1)
    # d/ds = (1 / 2r) d/dr.
    slope = [(i - pole) * c / 2 for i, c in enumerate(q)]
    if a:
        up, down = [*slope, Fraction(0)], [Fraction(0), *(c + a * d / 2 for c, d in zip(slope, q, strict=True))]
        slope, a = [c - d for c, d in zip(up, down, strict=True)], a - 1
    pole += 2
    while pole and not slope[0]:
        slope, pole = slope[1:], pole - 1
    while not slope[-1]:
        slope.pop()
    return a, tuple(slope), pole
