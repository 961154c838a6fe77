from __future__ import annotations

from rbfnet.kernels._shifted_power import ShiftedPower


class InverseQuadratic(ShiftedPower):
    """phi(s) = 1 / (1 + s), that is 1 / (1 + (epsilon r)^2).

    Derivatives: f^(k)(s) = (-1)^k k! (1+s)^(-1-k). Analytic; positive definite in every dimension (order 0).

    Equivalents: SciPy ``RBFInterpolator(kernel="inverse_quadratic", epsilon=epsilon)``; GPyTorch ``RQKernel`` with alpha = 1
    and lengthscale = 1 / (sqrt(2) epsilon). Source: Fasshauer (2007), ch. 4.

    Example:
        >>> import torch
        >>> from rbfnet.kernels import InverseQuadratic
        >>> InverseQuadratic().phi(torch.tensor([0.0, 3.0]))
        tensor([1.0000, 0.2500])
    """

    exponent = -1.0
