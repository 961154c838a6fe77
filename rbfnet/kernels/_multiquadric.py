from __future__ import annotations

from rbfnet.kernels._shifted_power import ShiftedPower


class Multiquadric(ShiftedPower):
    """phi(s) = sqrt(1 + s), that is sqrt(1 + (epsilon r)^2).

    Derivatives: f^(k)(s) = b (b-1) ... (b-k+1) (1+s)^(b-k) with b = 1/2. Analytic; conditionally positive definite of
    order 1 with the sign -phi, so that its tail has degree 0 at least.

    Equivalents: minus SciPy's ``RBFInterpolator(kernel="multiquadric", epsilon=epsilon)`` (the sign goes into the weights);
    none in GPyTorch. Source: Hardy, J. Geophys. Res. 76 (1971); Micchelli, Constr. Approx. 2 (1986).

    Example:
        >>> import torch
        >>> from rbfnet.kernels import Multiquadric
        >>> Multiquadric().phi(torch.tensor([0.0, 3.0]))
        tensor([1., 2.])
    """

    exponent = 0.5
    order = 1
