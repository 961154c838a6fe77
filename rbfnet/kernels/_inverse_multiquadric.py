from __future__ import annotations

from rbfnet.kernels._shifted_power import ShiftedPower


class InverseMultiquadric(ShiftedPower):
    """phi(s) = 1 / sqrt(1 + s), that is 1 / sqrt(1 + (epsilon r)^2).

    Derivatives: f^(k)(s) = b (b-1) ... (b-k+1) (1+s)^(b-k) with b = -1/2. Analytic; positive definite in every
    dimension (order 0).

    Equivalents: SciPy ``RBFInterpolator(kernel="inverse_multiquadric", epsilon=epsilon)``; GPyTorch ``RQKernel`` with
    alpha = 1/2 and lengthscale = 1 / epsilon. Source: Fasshauer (2007), ch. 4.

    Example:
        >>> import torch
        >>> from rbfnet.kernels import InverseMultiquadric
        >>> InverseMultiquadric().phi(torch.tensor([0.0, 3.0]))
        tensor([1.0000, 0.5000])
    """

    exponent = -0.5
