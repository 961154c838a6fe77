"""A kernel's own phi in 50-digit arithmetic: numbers that answer PyTorch's functions with mpmath's."""

from __future__ import annotations

import copy
import math
import operator
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import mpmath
import torch
from torch import Tensor

from rbfnet.kernels import Kernel, rungs

DIGITS = 50

Exact = Callable[[Any], Any]
"""phi as a function of an mpmath number s."""


def derivative(phi: Exact, s: float, k: int) -> float:
    """f^(k)(s) from 50 digits; at s = 0 its limit."""
    # Next to 0 rather than at it, where a square root of s has no derivatives.
    s = s or 1e-30
    # Central differences with steps of s / 10^26 are off by about 10^-52; a step takes its digits once an order.
    with mpmath.workdps(DIGITS + k * (26 + max(0, math.ceil(-math.log10(s))))):
        at = mpmath.mpf(s)
        h = at / mpmath.mpf(10) ** 26
        terms = ((-1) ** j * math.comb(k, j) * phi(at + (mpmath.mpf(k) / 2 - j) * h) for j in range(k + 1))
        return float(mpmath.fsum(terms) / h**k)


def follow(kernel: Kernel) -> Exact:
    """``kernel.phi`` as a function of mpmath numbers, with the kernel's parameters and buffers taken as exact numbers.

    Raises:
        AssertionError: phi uses something that cannot be followed, so that ``exact`` has to be given.
    """
    given = copy.deepcopy(kernel)
    for module in given.modules():
        for own in (module._parameters, module._buffers):
            for name, value in list(own.items()):
                if value is not None and value.numel() == 1:
                    del own[name]
                    module.__dict__[name] = _Number(value)

    def phi(s: Any) -> Any:
        try:
            found = given.phi(_Number(s))  # type: ignore[arg-type]
            return _Number(found).value
        except (TypeError, AttributeError, NotImplementedError, RuntimeError, ValueError) as error:
            raise AssertionError(
                f"{kernel}: phi could not be followed in exact arithmetic ({str(error).splitlines()[0]}); give it as a function "
                "of an mpmath number: check_kernel(kernel, exact=lambda s: mpmath.exp(-s))."
            ) from error

    return phi


def _power(x: Any, y: Any) -> Any:
    return mpmath.power(x, y)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{name: getattr(mpmath, name) for name in ["exp", "expm1", "log", "log1p", "log10", "sqrt", "erf", "erfc"]},
    **{
        name: getattr(mpmath, name)
        for name in ["sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh"]
    },
    **{
        name: getattr(operator, name)
        for name in ["add", "sub", "mul", "truediv", "neg", "abs", "lt", "le", "gt", "ge", "eq", "ne"]
    },
    "exp2": lambda x: _power(2, x),
    "decay": lambda z: mpmath.exp(-z),
    "pow": _power,
    "float_power": _power,
    "div": operator.truediv,
    "true_divide": operator.truediv,
    "multiply": operator.mul,
    "subtract": operator.sub,
    "negative": operator.neg,
    "radd": lambda x, y: y + x,
    "rsub": lambda x, y: y - x,
    "rmul": lambda x, y: y * x,
    "rdiv": lambda x, y: y / x,
    "rtruediv": lambda x, y: y / x,
    "rpow": lambda x, y: _power(y, x),
    "mod": lambda x, y: x % y,
    "square": lambda x: x * x,
    "reciprocal": lambda x: 1 / x,
    "rsqrt": lambda x: 1 / mpmath.sqrt(x),
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "log2": lambda x: mpmath.log(x, 2),
    "xlogy": lambda x, y: x * mpmath.log(y) if x else mpmath.mpf(0),
    "sinc": mpmath.sincpi,
    "where": lambda condition, x, y: x if condition else y,
    "relu": lambda x: max(x, mpmath.mpf(0)),
    "maximum": max,
    "minimum": min,
    "clamp": lambda x, min=None, max=None: _clamped(x, min, max),
    "addcmul": lambda x, y, z, value=1: x + value * y * z,
    "ones_like": lambda x: mpmath.mpf(1),
    "zeros_like": lambda x: mpmath.mpf(0),
    "full_like": lambda x, value: mpmath.mpf(value),
    "clone": lambda x: x,
    "detach": lambda x: x,
}
"""What phi may be made of, by the name PyTorch has for it."""


def _clamped(x: Any, low: Any, high: Any) -> Any:
    x = x if low is None or x > low else low
    return x if high is None or x < high else high


class _Number:
    """An mpmath number in the place of a tensor with one element."""

    dtype, device, shape, ndim = torch.float64, torch.device("cpu"), torch.Size(()), 0

    def __init__(self, value: Any) -> None:
        self.value = _plain(value)
        if not isinstance(self.value, (int, float, mpmath.mpf)):
            raise TypeError(f"{type(value).__name__} is no number")

    def __getattr__(self, name: str) -> Any:
        if name.rstrip("_") not in FUNCTIONS:
            raise AttributeError(f"no exact twin of Tensor.{name}")

        def method(*args: Any, **kwargs: Any) -> _Number:
            found = _call(name, self, *args, **kwargs)
            if name.endswith("_"):
                self.value, found = found.value, self
            return found

        return method

    def __bool__(self) -> bool:
        return bool(self.value)

    def __int__(self) -> int:
        return int(self.value)

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> Any:
        if func is rungs:
            formulas, s, orders = args
            return formulas(s, orders)
        return _call(getattr(func, "__name__", str(func)), *args, **(kwargs or {}))


OPERATORS = "add sub mul truediv pow mod neg abs lt le gt ge eq ne radd rsub rmul rtruediv rpow"

for _name in OPERATORS.split():
    setattr(_Number, f"__{_name}__", lambda self, *args, name=_name: _call(name, self, *args))


def _call(name: str, *args: Any, **kwargs: Any) -> _Number:
    name = name.strip("_")
    if name not in FUNCTIONS:
        raise NotImplementedError(f"no exact twin of torch.{name}")
    found = FUNCTIONS[name](*map(_plain, args), **{key: _plain(value) for key, value in kwargs.items()})
    return _Number(found)


def _plain(value: Any) -> Any:
    if isinstance(value, _Number):
        return value.value
    if isinstance(value, Tensor) and value.numel() == 1:
        return mpmath.mpf(value.item())
    if isinstance(value, float) and math.isfinite(value):
        # 5 / 3 is meant, not the double next to it: with that, terms that cancel at the centre would not.
        simple = Fraction(value).limit_denominator(10_000)
        return mpmath.mpf(simple.numerator) / simple.denominator if float(simple) == value else mpmath.mpf(value)
    return value
