from __future__ import annotations

import math

from torch import Tensor

from rbfnet.kernels._kernel import Kernel


class Gaussian(Kernel):
    """phi(s) = exp(-s), that is exp(-(epsilon r)^2).

    Derivatives: f^(k)(s) = (-1)^k exp(-s). Analytic; positive definite in every dimension (order 0).

    Equivalents: SciPy ``RBFInterpolator(kernel="gaussian", epsilon=epsilon)``; GPyTorch ``RBFKernel`` with
    lengthscale = 1 / (sqrt(2) epsilon). Source: Fasshauer, Meshfree Approximation Methods with MATLAB (2007), ch. 4.
    """

    smoothness = math.inf

    def phi(self, s: Tensor) -> Tensor:
        return (-s).exp()

    def derivative(self, s: Tensor, k: int) -> Tensor:
        value = self.phi(s)
        return -value if k % 2 else value
