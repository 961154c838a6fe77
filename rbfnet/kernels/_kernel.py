"""The contract every radial kernel fulfils."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import jvp


class Kernel(nn.Module, ABC):
    """A radial kernel phi as a function of s = (epsilon r)^2, never of r.

    Subclasses write one function and state how smooth it is::

        class Bump(Kernel):
            smoothness = math.inf
            def phi(self, s):
                return 1 / (1 + s)

    In s every smooth kernel is smooth at its centre too, which is what keeps derivatives of any order finite there.
    Parameters of a kernel (``nn.Parameter``) are trained like any other.

    Attributes:
        smoothness: how many continuous derivatives x -> phi(|x|^2) has at the origin; ``math.inf`` for an analytic phi.
            There is no default: a wrong one turns an error into a wrong number.
        order: order of conditional positive definiteness m: interpolation needs a polynomial tail of degree m - 1
            at least; 0 for a positive definite kernel, None where nothing is guaranteed.
            (-1)^m phi is the positive one.
    """

    smoothness: float
    order: int | None = 0
    compact: bool = False
    max_dims: float = math.inf

    def __init__(self) -> None:
        super().__init__()

    @abstractmethod
    def phi(self, s: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
        """The kernel, element by element, for s >= 0."""
        raise NotImplementedError

    def derivative(self, s: Float[Tensor, "*B"], k: int) -> Float[Tensor, "*B"]:
        """The k-th derivative of phi in s, element by element; differentiates to ``derivative(s, k + 1)``.

        The default differentiates ``phi`` itself (forward mode, nested k times), which is right for a phi that is analytic
        in s. A phi with a square root of s in it has to override this, best through :func:`rbfnet.kernels.ladder`.
        """
        if k == 0:
            return self.phi(s)
        return jvp(lambda t: self.derivative(t, k - 1), (s,), (torch.ones_like(s),))[1]

    def derivatives(self, s: Float[Tensor, "*B"], orders: Sequence[int]) -> list[Tensor]:
        """f^(k)(s) for several k."""
        return [self.derivative(s, k) for k in orders]

    def forward(self, s: Float[Tensor, "*B"], k: int | Sequence[int] = 0) -> Float[Tensor, "*B"] | list[Float[Tensor, "*B"]]:
        """``derivative(s, k)``, or ``derivatives(s, k)`` for several."""
        return self.derivative(s, k) if isinstance(k, int) else self.derivatives(s, k)
