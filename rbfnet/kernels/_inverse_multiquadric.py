from __future__ import annotations

import math

from torch import Tensor

from rbfnet.kernels._kernel import Kernel
from rbfnet.kernels._multiquadric import shifted_power


class InverseMultiquadric(Kernel):
    """phi(s) = 1 / sqrt(1 + s), that is 1 / sqrt(1 + (epsilon r)^2).

    Derivatives: f^(k)(s) = b (b-1) ... (b-k+1) (1+s)^(b-k) with b = -1/2. Analytic; positive definite in every
    dimension (order 0).

    Equivalents: SciPy ``RBFInterpolator(kernel="inverse_multiquadric", epsilon=epsilon)``; GPyTorch ``RQKernel`` with
    alpha = 1/2 and lengthscale = 1 / epsilon. Source: Fasshauer (2007), ch. 4.
    """

    smoothness = math.inf

    def phi(self, s: Tensor) -> Tensor:
        return (1.0 + s).rsqrt()

    def derivative(self, s: Tensor, k: int) -> Tensor:
        return shifted_power(s, -0.5, k)
