from __future__ import annotations

import torch
from torch import Tensor

from rbfnet.kernels._kernel import Kernel
from rbfnet.kernels._ladder import ladder
from rbfnet.kernels._radius import inverse_power, safe_log


class ThinPlateSpline(Kernel):
    """phi = r^2 log r with r = sqrt(s), that is (epsilon r)^2 log(epsilon r), and 0 at the centre.

    Derivatives: f^(k)(s) = 2^-k r^(2-2k) (A_k log r + B_k), A_0 = 1, B_0 = 0, A_{k+1} = (2-2k) A_k,
    B_{k+1} = (2-2k) B_k + A_k. One continuous derivative, so gradients but no Laplacians at the centres; conditionally positive
    definite of order 2, so that its tail has degree 1 at least. In interpolation epsilon changes nothing.

    Equivalent: SciPy ``RBFInterpolator(kernel="thin_plate_spline")``. Source: Duchon, in Constructive Theory of Functions of
    Several Variables (1977); Wendland, Scattered Data Approximation (2004), ch. 8.
    """

    smoothness = 1
    order = 2

    def phi(self, s: Tensor) -> Tensor:
        return self.derivative(s, 0)

    def derivative(self, s: Tensor, k: int) -> Tensor:
        return ladder(_formula, s, k)


def _formula(s: Tensor, k: int) -> Tensor:
    if k == 0:
        return 0.5 * torch.xlogy(s, s)
    a, b = 1.0, 0.0
    for j in range(k):
        a, b = (2 - 2 * j) * a, (2 - 2 * j) * b + a
    # log r = log(s) / 2, so that no square root is needed where the power of r is even, as it is here.
    profile = 0.5 * a * safe_log(s) + b if a else b
    return 2.0**-k * profile * inverse_power(s, k - 1)
