from __future__ import annotations

import math

import torch
from torch import Tensor

from rbfnet.errors import InputError
from rbfnet.kernels._kernel import Kernel
from rbfnet.kernels._ladder import ladder
from rbfnet.kernels._radius import inverse_power


class Matern(Kernel):
    """The Matern kernel of half-integer nu = n + 1/2: phi = theta_n(z) exp(-z) / (2n-1)!! with z = sqrt(2 nu s).

    nu = 0.5: exp(-z); 1.5: (1+z) exp(-z); 2.5: (1 + z + z^2/3) exp(-z); 3.5: (1 + z + 2z^2/5 + z^3/15) exp(-z).

    Derivatives: f^(k)(s) = (-nu)^k theta_{n-k}(z) exp(-z) / (2n-1)!!, where theta_j are the reverse Bessel polynomials,
    theta_0 = 1, theta_1 = 1 + z, theta_j = (2j-1) theta_{j-1} + z^2 theta_{j-2}, and theta_{-m} = theta_{m-1} z^(1-2m).
    All their terms are positive, so nothing cancels. Smoothness 2n; positive definite in every dimension (order 0).

    Equivalents: GPyTorch ``MaternKernel(nu=nu)`` and scikit-learn ``Matern(nu=nu)`` with lengthscale = 1 / epsilon; none in
    SciPy.
    Source: Rasmussen and Williams, Gaussian Processes for Machine Learning (2006), section 4.2.

    Args:
        nu: 0.5, 1.5, 2.5 or 3.5.

    Raises:
        InputError: another nu.
    """

    def __init__(self, nu: float = 2.5) -> None:
        super().__init__()
        if nu not in (0.5, 1.5, 2.5, 3.5):
            raise InputError(f"A Matern kernel has nu 0.5, 1.5, 2.5 or 3.5, but got {nu}.")
        self.nu = float(nu)
        self.n = int(nu)
        self.smoothness = 2 * self.n

    def phi(self, s: Tensor) -> Tensor:
        return self.derivative(s, 0)

    def derivative(self, s: Tensor, k: int) -> Tensor:
        return ladder(self._formula, s, k)

    def _formula(self, s: Tensor, k: int) -> Tensor:
        z = (2.0 * self.nu * s).sqrt()
        scale = (-self.nu) ** k / math.prod(range(1, 2 * self.n, 2))
        return scale * _reverse_bessel(z, self.n - k) * (-z).exp()

    def extra_repr(self) -> str:
        return f"nu={self.nu:g}"


def _reverse_bessel(z: Tensor, j: int) -> Tensor:
    if j < 0:
        return _reverse_bessel(z, -j - 1) * inverse_power(z, -2 * j - 1)
    below, here = torch.ones_like(z), 1.0 + z
    if j == 0:
        return below
    for i in range(2, j + 1):
        below, here = here, (2 * i - 1) * here + z * z * below
    return here
