"""The generalised multiquadric kernel."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from rbfnet.errors import InputError, flag, number
from rbfnet.kernels._shifted_power import ShiftedPower


class GeneralizedMultiquadric(ShiftedPower):
    """phi(s) = (1 + s)^b, that is (1 + (epsilon r)^2)^b, with any exponent b but 0, 1, 2, ...

    Derivatives: f^(k)(s) = b (b-1) ... (b-k+1) (1+s)^(b-k). Analytic; positive definite (order 0) for b < 0, conditionally
    positive definite of order ceil(b) with the sign (-1)^ceil(b) for b > 0. A trained b stays between the whole numbers it
    started from, or below 0, so that the order stays true.

    Equivalents: b = 1/2, -1/2, -1 are ``Multiquadric``, ``InverseMultiquadric``, ``InverseQuadratic``, with theirs; for b < 0
    GPyTorch ``RQKernel`` with alpha = -b and lengthscale = 1 / (sqrt(-2b) epsilon).
    Source: Wendland, Scattered Data Approximation (2004), theorem 8.5; Fasshauer (2007), ch. 8.

    Args:
        exponent: the exponent b.
        trainable: b is a parameter: -exp(raw) for b < 0, n + sigmoid(raw) for n < b < n + 1.

    Attributes:
        exponent: b, a number or, where it is trained, a tensor.

    Raises:
        InputError: b = 0, 1, 2, ..., where phi is a polynomial, or b that is not finite.

    Example:
        >>> import torch
        >>> from rbfnet.kernels import GeneralizedMultiquadric
        >>> GeneralizedMultiquadric(-2.0).phi(torch.tensor([0.0, 1.0, 3.0]))
        tensor([1.0000, 0.2500, 0.0625])
    """

    def __init__(self, exponent: float = -2.0, trainable: bool = False) -> None:
        super().__init__()
        given = number(exponent)
        if given is None or not math.isfinite(given) or (given >= 0 and given == int(given)):
            raise InputError(f"exponent must be negative, or positive and not an integer, but got {exponent!r}.")
        self.order = max(0, math.ceil(exponent))
        self._exponent = float(exponent)
        if flag("trainable", trainable):
            part = exponent - math.floor(exponent)
            raw = math.log(-exponent) if exponent < 0 else math.log(part / (1.0 - part))
            self.raw_exponent = nn.Parameter(torch.tensor(raw))
        self.trainable = trainable

    @property
    def exponent(self) -> float | Tensor:
        if not self.trainable:
            return self._exponent
        return self.order - 1 + self.raw_exponent.sigmoid() if self.order else -self.raw_exponent.exp()

    def extra_repr(self) -> str:
        return f"exponent={torch.as_tensor(self.exponent).item():g}"
