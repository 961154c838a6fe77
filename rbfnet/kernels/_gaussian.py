"""The Gaussian kernel."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from rbfnet.kernels._decay import decay
from rbfnet.kernels._kernel import ClosedForm


class Gaussian(ClosedForm):
    """phi(s) = exp(-s), that is exp(-(epsilon r)^2).

    Derivatives: f^(k)(s) = (-1)^k exp(-s). Analytic; positive definite in every dimension (order 0).

    Equivalents: SciPy ``RBFInterpolator(kernel="gaussian", epsilon=epsilon)``; GPyTorch ``RBFKernel`` with
    lengthscale = 1 / (sqrt(2) epsilon). Source: Fasshauer, Meshfree Approximation Methods with MATLAB (2007), ch. 4.

    Example:
        >>> import torch
        >>> from rbfnet.kernels import Gaussian
        >>> Gaussian().phi(torch.tensor([0.0, 1.0]))
        tensor([1.0000, 0.3679])
    """

    smoothness = math.inf

    def derivatives(self, s: Tensor, orders: Sequence[int]) -> list[Tensor]:
        even = decay(s)
        odd = -even if any(k % 2 for k in orders) else even
        return [odd if k % 2 else even for k in orders]
