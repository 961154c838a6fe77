"""Kernels (1 + s)^b, and the derivatives of such a power."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence

from torch import Tensor

from rbfnet.kernels._kernel import ClosedForm
from rbfnet.kernels._radius import whole_power


class ShiftedPower(ClosedForm):
    """phi(s) = (1 + s)^b."""

    smoothness = math.inf

    @property
    @abstractmethod
    def exponent(self) -> float | Tensor:
        """b."""

    def derivatives(self, s: Tensor, orders: Sequence[int]) -> list[Tensor]:
        return shifted_powers(s, self.exponent, orders)


def shifted_powers(s: Tensor, b: float | Tensor, orders: Sequence[int]) -> list[Tensor]:
    """b (b-1) ... (b-k+1) (1 + s)^(b-k) for each k of ``orders``: one power, then multiplications by 1 / (1 + s).

    Differentiable in s and, as a tensor, in b.
    """
    base = 1.0 + s
    first, last = min(orders), max(orders)
    power = _power(base, b - first)
    inverse = base.reciprocal() if last > first else base
    factor: float | Tensor = 1.0
    for j in range(first):
        factor = factor * (b - j)
    found: dict[int, Tensor] = {}
    for k in range(first, last + 1):
        if k > first:
            factor, power = factor * (b - (k - 1)), power * inverse
        if k in orders:
            found[k] = factor * power if k else power
    return [found[k] for k in orders]


def _power(base: Tensor, exponent: float | Tensor) -> Tensor:
    if isinstance(exponent, Tensor) or (2 * exponent) % 1:
        return base**exponent
    if exponent % 1 == 0:
        return whole_power(base, int(exponent))
    # A root and multiplications are several times cheaper than a general power.
    root = base.sqrt() if exponent > 0 else base.rsqrt()
    n = int(abs(exponent))
    return root * whole_power(base if exponent > 0 else root * root, n) if n else root
