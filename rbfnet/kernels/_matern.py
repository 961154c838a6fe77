"""Matern kernels."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from rbfnet.config import require_nu
from rbfnet.errors import InputError, number
from rbfnet.kernels._decay import decay
from rbfnet.kernels._kernel import ClosedForm
from rbfnet.kernels._ladder import rungs
from rbfnet.kernels._radius import inverse_power


class Matern(ClosedForm):
    """The Matern kernel of half-integer nu = n + 1/2: phi = theta_n(z) exp(-z) / (2n-1)!! with z = sqrt(2 nu s).

    nu = 0.5: exp(-z); 1.5: (1+z) exp(-z); 2.5: (1 + z + z^2/3) exp(-z); 3.5: (1 + z + 2z^2/5 + z^3/15) exp(-z).

    Derivatives: f^(k)(s) = (-nu)^k theta_{n-k}(z) exp(-z) / (2n-1)!!, where theta_j are the reverse Bessel polynomials,
    theta_0 = 1, theta_1 = 1 + z, theta_j = (2j-1) theta_{j-1} + z^2 theta_{j-2}, and theta_{-m} = theta_{m-1} z^(1-2m).
    All their terms are positive, so nothing cancels. Smoothness 2n; positive definite in every dimension (order 0).

    Equivalents: GPyTorch ``MaternKernel(nu=nu)`` (up to 2.5) and scikit-learn ``Matern(nu=nu)`` with lengthscale = 1 / epsilon;
    none in SciPy.
    Source: Rasmussen and Williams, Gaussian Processes for Machine Learning (2006), section 4.2.

    Args:
        nu: 0.5, 1.5, 2.5, ..., 150.5 at most.

    Raises:
        InputError: another nu.

    Example:
        >>> from rbfnet.kernels import Matern
        >>> Matern(nu=2.5).smoothness  # enough for a biharmonic operator at the centres
        4
    """

    def __init__(self, nu: float = 2.5) -> None:
        super().__init__()
        given = number(nu)
        if given is None or not 0 < given < math.inf or given % 1 != 0.5:
            raise InputError(f"A Matern kernel needs nu = 0.5, 1.5, 2.5, ... (a half-integer), but got {nu!r}.")
        require_nu(nu)
        self.nu = float(nu)
        self.n = int(nu)
        self.smoothness = 2 * self.n

    def derivatives(self, s: Tensor, orders: Sequence[int]) -> list[Tensor]:
        return rungs(self._formulas, s, orders)

    def _formulas(self, s: Tensor, orders: Sequence[int]) -> list[Tensor]:
        z = (2.0 * self.nu * s).sqrt_()
        indices = [self.n - k for k in orders]
        # theta_{-m} is theta_{m-1} and a pole.
        wanted = [j if j >= 0 else -j - 1 for j in indices]
        # h_j = theta_j exp(-z) / (2j-1)!!, which takes one pass over the array a step.
        h = [decay(z)]
        for j in range(1, max(wanted) + 1):
            h.append(torch.addcmul(h[-1], z, h[-1]) if j == 1 else self._next(s, j, h[-1], h[-2]))
        found = []
        for k, j, i in zip(orders, indices, wanted, strict=True):
            scale = (-self.nu) ** k * _double_factorial(2 * i - 1) / _double_factorial(2 * self.n - 1)
            # Each rung is an array of its own.
            value = h[i] * scale if k else h[i]
            found.append(value if j >= 0 else value.mul_(inverse_power(z, -2 * j - 1)))
        return found

    def _next(self, s: Tensor, j: int, here: Tensor, below: Tensor) -> Tensor:
        return torch.addcmul(here, s, below, value=2.0 * self.nu / ((2 * j - 1) * (2 * j - 3)))

    def extra_repr(self) -> str:
        return f"nu={self.nu:g}"


def _double_factorial(n: int) -> int:
    return math.prod(range(1, n + 1, 2))
