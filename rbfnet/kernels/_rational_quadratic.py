"""The rational quadratic kernel."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from rbfnet.errors import flag, positive
from rbfnet.kernels._kernel import ClosedForm
from rbfnet.kernels._shifted_power import shifted_powers


class RationalQuadratic(ClosedForm):
    """phi(s) = (1 + s / (2 alpha))^-alpha: a mixture of Gaussians of all widths, and exp(-s/2) as alpha grows.

    Derivatives: f^(k)(s) = b (b-1) ... (b-k+1) (2 alpha)^-k (1 + s/(2 alpha))^(b-k) with b = -alpha. Analytic; positive definite
    in every dimension (order 0).

    Equivalents: GPyTorch ``RQKernel`` and scikit-learn ``RationalQuadratic`` with the same alpha and lengthscale = 1 / epsilon;
    none in SciPy. Source: Rasmussen and Williams, Gaussian Processes for Machine Learning (2006), section 4.2.

    Args:
        alpha: positive.
        trainable: alpha is a parameter (of log alpha, so that it stays positive).

    Attributes:
        alpha: a number or, where it is trained, a tensor.

    Raises:
        InputError: an alpha that is not positive and finite.

    Example:
        >>> import torch
        >>> from rbfnet.kernels import RationalQuadratic
        >>> RationalQuadratic(alpha=1.0).phi(torch.tensor([0.0, 2.0]))
        tensor([1.0000, 0.5000])
    """

    smoothness = math.inf

    def __init__(self, alpha: float = 1.0, trainable: bool = False) -> None:
        super().__init__()
        self._alpha = float(positive("alpha", alpha))
        if flag("trainable", trainable):
            self.log_alpha = nn.Parameter(torch.tensor(math.log(alpha)))
        self.trainable = trainable

    @property
    def alpha(self) -> float | Tensor:
        return self.log_alpha.exp() if self.trainable else self._alpha

    def derivatives(self, s: Tensor, orders: Sequence[int]) -> list[Tensor]:
        alpha = self.alpha
        inner = 0.5 / alpha
        found = shifted_powers(inner * s, -alpha, orders)
        return [inner**k * f if k else f for k, f in zip(orders, found, strict=True)]

    def extra_repr(self) -> str:
        return f"alpha={torch.as_tensor(self.alpha).item():g}"
