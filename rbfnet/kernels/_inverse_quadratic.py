"""The inverse quadratic kernel."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from rbfnet.kernels._kernel import ClosedForm
from rbfnet.kernels._shifted_power import shifted_powers


class InverseQuadratic(ClosedForm):
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

    smoothness = math.inf

    def derivatives(self, s: Tensor, orders: Sequence[int]) -> list[Tensor]:
        return shifted_powers(s, -1.0, orders)
