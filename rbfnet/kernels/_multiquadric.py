from __future__ import annotations

import math

from torch import Tensor

from rbfnet.kernels._kernel import Kernel


def shifted_power(s: Tensor, exponent: float, k: int) -> Tensor:
    """The k-th derivative of (1 + s)^b: b (b-1) ... (b-k+1) (1 + s)^(b-k)."""
    factor = math.prod(exponent - j for j in range(k))
    base = 1.0 + s
    # sqrt and rsqrt are several times cheaper than a general power; both exponents here are halves.
    whole = math.floor(exponent - k)
    power = base.sqrt() if exponent - k - whole else None
    integer = base**whole
    return factor * (integer if power is None else integer * power)


class Multiquadric(Kernel):
    """phi(s) = sqrt(1 + s), that is sqrt(1 + (epsilon r)^2).

    Derivatives: f^(k)(s) = b (b-1) ... (b-k+1) (1+s)^(b-k) with b = 1/2. Analytic; conditionally positive definite of
    order 1 with the sign -phi, so that its tail has degree 0 at least.

    Equivalents: minus SciPy's ``RBFInterpolator(kernel="multiquadric", epsilon=epsilon)`` (the sign goes into the weights);
    none in GPyTorch. Source: Hardy, J. Geophys. Res. 76 (1971); Micchelli, Constr. Approx. 2 (1986).
    """

    smoothness = math.inf
    order = 1

    def phi(self, s: Tensor) -> Tensor:
        return (1.0 + s).sqrt()

    def derivative(self, s: Tensor, k: int) -> Tensor:
        return shifted_power(s, 0.5, k)
