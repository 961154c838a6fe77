"""Kernels given as plain functions."""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import Tensor

from rbfnet.kernels._kernel import Kernel


class Profile(Kernel):
    """A plain function of s, element by element, as a kernel: ``RBFNetwork(2, 1, 100, kernel=lambda s: 1 / (1 + s))``.

    It is assumed to be analytic, which is tested when a layer is built from it; positive definiteness is not assumed.

    Args:
        function: phi(s), of PyTorch operations.
    """

    smoothness = math.inf
    order = None

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def phi(self, s: Tensor) -> Tensor:
        return self.function(s)

    def extra_repr(self) -> str:
        return getattr(self.function, "__name__", type(self.function).__name__)
