"""Objects that behave like their value in expressions."""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from jaxtyping import Float
from torch import Tensor

Channel = Float[Tensor, " B"]


def forward(f: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Channel]:
    """A binary operator as a method of an object that stands for its value."""
    return lambda self, other: f(self.value, values(other))


def _reflected(f: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Channel]:
    return lambda self, other: f(values(other), self.value)


class Arithmetic(ABC):
    """In arithmetic, where it is compared by order and in functions of torch an object of this class is its ``value``.

    Example:
        >>> from rbfnet.problems import Unknown
        >>> nu = Unknown(0.5)  # an Arithmetic: it may be used without being called
        >>> float((2 * nu + 1).detach())
        2.0
    """

    @property
    @abstractmethod
    def value(self) -> Channel:
        """One number a point, (B,), or one for all."""
        raise NotImplementedError

    __add__, __radd__ = forward(operator.add), _reflected(operator.add)
    __sub__, __rsub__ = forward(operator.sub), _reflected(operator.sub)
    __mul__, __rmul__ = forward(operator.mul), _reflected(operator.mul)
    __truediv__, __rtruediv__ = forward(operator.truediv), _reflected(operator.truediv)
    __pow__, __rpow__ = forward(operator.pow), _reflected(operator.pow)
    __mod__, __rmod__ = forward(operator.mod), _reflected(operator.mod)
    __lt__, __le__, __gt__, __ge__ = (forward(f) for f in (operator.lt, operator.le, operator.gt, operator.ge))

    def __neg__(self) -> Channel:
        return -self.value

    def __pos__(self) -> Channel:
        return self.value

    def __abs__(self) -> Channel:
        return abs(self.value)

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """``torch.sin(u)`` and ``tensor * u`` see the value."""
        return func(*values(args), **values(kwargs or {}))


def values(part: Any) -> Any:
    """``part`` with everything in it that stands for its value replaced by it."""
    if isinstance(part, Arithmetic):
        return part.value
    if isinstance(part, (tuple, list)):
        return type(part)([values(p) for p in part])
    return {key: values(p) for key, p in part.items()} if isinstance(part, dict) else part
