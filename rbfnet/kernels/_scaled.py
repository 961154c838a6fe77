"""Kernels with an amplitude and a shape factor."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from rbfnet.errors import flag, positive
from rbfnet.kernels._as_kernel import KernelLike, as_kernel
from rbfnet.kernels._composite import Composite


class Scaled(Composite):
    """amplitude * phi(shape^2 s): a member of a sum with a weight and a width of its own; ``2.0 * k`` in Python.

    Derivatives: amplitude shape^(2k) f^(k)(shape^2 s). Smoothness and order are the member's; compact (0 for s >= 1) if the
    member is and the shape is a fixed one of at least 1.

    Equivalents: GPyTorch ``ScaleKernel`` with outputscale = amplitude around a kernel whose lengthscale is divided by shape;
    none in SciPy. Source: none is needed.

    Args:
        kernel: whatever a layer takes.
        amplitude: positive.
        shape: positive; multiplies the layer's epsilon.
        trainable: both are parameters (their logarithms, so that they stay positive).

    Attributes:
        amplitude, shape: numbers or, where they are trained, tensors.

    Raises:
        InputError: an amplitude or shape that is not positive and finite, or something that is not a kernel.

    Example:
        >>> import torch
        >>> from rbfnet.kernels import Gaussian, Scaled
        >>> (2.0 * Gaussian()).phi(torch.zeros(1))
        tensor([2.])
        >>> Scaled(Gaussian(), amplitude=2.0, shape=3.0).phi(torch.tensor([1 / 9]))
        tensor([0.7358])
    """

    def __init__(self, kernel: KernelLike, amplitude: float = 1.0, shape: float = 1.0, trainable: bool = False) -> None:
        member = as_kernel(kernel)
        super().__init__([member])
        self._amplitude, self._shape = float(positive("amplitude", amplitude)), float(positive("shape", shape))
        self.order = member.order
        self.compact = member.compact and shape >= 1.0 and not trainable
        if flag("trainable", trainable):
            self.log_amplitude = nn.Parameter(torch.tensor(math.log(amplitude)))
            self.log_shape = nn.Parameter(torch.tensor(math.log(shape)))
        self.trainable = trainable

    @property
    def amplitude(self) -> float | Tensor:
        return self.log_amplitude.exp() if self.trainable else self._amplitude

    @property
    def shape(self) -> float | Tensor:
        return self.log_shape.exp() if self.trainable else self._shape

    def derivatives(self, s: Tensor, orders: Sequence[int]) -> list[Tensor]:
        amplitude, a = self.amplitude, self.shape**2
        found = self.members[0].derivatives(s if self._is_one(a) else a * s, orders)
        factors = [amplitude * a**k for k in orders]
        return [f if self._is_one(c) else c * f for c, f in zip(factors, found, strict=True)]

    def _is_one(self, factor: float | Tensor) -> bool:
        return not isinstance(factor, Tensor) and factor == 1.0

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={torch.as_tensor(getattr(self, name)).item():g}" for name in ("amplitude", "shape"))
