"""The base class of radial kernels."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import jvp

from rbfnet.errors import number
from rbfnet.initialised import Initialised

if TYPE_CHECKING:
    from rbfnet.kernels._product import Product
    from rbfnet.kernels._scaled import Scaled
    from rbfnet.kernels._sum import Sum


class Kernel(nn.Module, Initialised, ABC):
    """A radial kernel phi as a function of s = (epsilon r)^2, never of r.

    Subclasses write one function and state how smooth it is::

        class Bump(Kernel):
            smoothness = math.inf
            def phi(self, s):
                return 1 / (1 + s)

    As a function of s, a smooth kernel is smooth at its centre too, so that derivatives of any order are finite there.
    Parameters of a kernel (``nn.Parameter``) are trained like any other. ``k1 + k2``, ``k1 * k2`` and ``2.0 * k`` are kernels.

    Attributes:
        smoothness: how many continuous derivatives x -> phi(|x|^2) has at the origin; ``math.inf`` for an analytic phi.
            There is no default: a wrong one turns an error into a wrong number.
        order: order of conditional positive definiteness m: interpolation needs a polynomial tail of degree m - 1
            at least; 0 for a positive definite kernel, None where nothing is guaranteed.
            (-1)^m phi is the positive one.
        max_dims: the highest dimension in which ``order`` holds.
        compact: phi is 0 for s >= 1.
    """

    _needed = ("_parameters",)
    smoothness: float
    order: int | None = 0
    max_dims: float = math.inf
    compact: bool = False

    def __init__(self) -> None:
        super().__init__()

    @abstractmethod
    def phi(self, s: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
        """The kernel, element by element, for s >= 0."""
        raise NotImplementedError

    def derivative(self, s: Float[Tensor, "*B"], k: int) -> Float[Tensor, "*B"]:
        """The k-th derivative of phi in s, element by element; differentiates to ``derivative(s, k + 1)``.

        The default differentiates ``phi`` itself (forward mode, nested k times), which is correct for a phi that is analytic
        in s. A phi that contains the square root of s has to override this, best by :func:`rbfnet.kernels.ladder`.
        """
        return _climb(self.phi, s, k)[k]

    def derivatives(self, s: Float[Tensor, "*B"], orders: Sequence[int]) -> list[Float[Tensor, "*B"]]:
        """``derivative(s, k)`` for each k of ``orders``, from shared work unless ``derivative`` is a subclass's own."""
        if type(self).derivative is not Kernel.derivative:
            return [self.derivative(s, k) for k in orders]
        found = _climb(self.phi, s, max(orders))
        return [found[k] for k in orders]

    def forward(self, s: Float[Tensor, "*B"], k: int | Sequence[int] = 0) -> Tensor | list[Tensor]:
        """``derivative(s, k)``, or ``derivatives(s, k)`` for a sequence: for ``torch.func.functional_call``."""
        return self.derivative(s, k) if isinstance(k, int) else self.derivatives(s, k)

    # The three compositions are kernels themselves and import this file.

    def __add__(self, other: Kernel) -> Sum:
        from rbfnet.kernels._sum import Sum

        return Sum([self, other]) if isinstance(other, Kernel) else NotImplemented

    def __mul__(self, other: Kernel | float) -> Product | Scaled:
        from rbfnet.kernels._product import Product
        from rbfnet.kernels._scaled import Scaled

        if isinstance(other, Kernel):
            return Product([self, other])
        return Scaled(self, other) if number(other) is not None else NotImplemented

    def __rmul__(self, factor: float) -> Scaled:
        from rbfnet.kernels._scaled import Scaled

        return Scaled(self, factor) if number(factor) is not None else NotImplemented


def _climb(phi: Callable[[Tensor], Tensor], s: Tensor, k: int) -> tuple[Tensor, ...]:
    """phi, phi', ..., phi^(k): what forward mode through the lower ones has passed on its way is kept."""
    if k == 0:
        return (phi(s),)
    values, slopes = jvp(lambda t: _climb(phi, t, k - 1), (s,), (torch.ones_like(s),))[:2]
    # Forward mode makes float64 of a float32 number to the power of a parameter (PyTorch 2.13).
    return (*values, slopes[-1].to(s.dtype))


class ClosedForm(Kernel):
    """A kernel whose derivatives are given by formula, several at once from shared work; ``phi`` and ``derivative`` follow.

    A formula that contains sqrt(s) or log(s) has to use :func:`rbfnet.kernels.rungs`.

    Example:
        >>> import math, torch
        >>> from rbfnet.kernels import ClosedForm
        >>> class Exponential(ClosedForm):
        ...     smoothness = math.inf
        ...     def derivatives(self, s, orders):
        ...         value = torch.exp(-2 * s)
        ...         return [(-2) ** k * value for k in orders]
        >>> Exponential().phi(torch.zeros(1)), Exponential().derivative(torch.zeros(1), 2)
        (tensor([1.]), tensor([4.]))
    """

    @abstractmethod
    def derivatives(self, s: Float[Tensor, "*B"], orders: Sequence[int]) -> list[Float[Tensor, "*B"]]:
        """f^(k)(s) for each k of ``orders``; each differentiates to the next one."""
        raise NotImplementedError

    def phi(self, s: Tensor) -> Tensor:
        return self.derivatives(s, (0,))[0]

    def derivative(self, s: Tensor, k: int) -> Tensor:
        return self.derivatives(s, (k,))[0]
