"""What a solution has to satisfy, and where."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError, positive
from rbfnet.operators import Field

if TYPE_CHECKING:
    from rbfnet.problems._problem import Problem

Residual = Tensor | tuple[Tensor, ...]
"""(B,), or a tuple of them, one an equation: what is to be zero at each point."""

Sample = tuple[Tensor, ...]
"""The points (N, D), then whatever else a residual needs at each of them, (N, ...)."""


class Condition(ABC):
    """Points, and a residual that is to be zero at each of them.

    The residual is pointwise: a function of the channels of the field (values, derivatives, coordinates) at one
    point. The loss of a condition is weight x mean over its points of the squared residual, summed over its equations.

    Attributes:
        name: unique within a problem.
        weight: positive.
    """

    name: str
    weight: float

    @abstractmethod
    def sample(self, problem: Problem) -> Sample:
        """The points, and what belongs to each of them."""

    @abstractmethod
    def residual(self, u: Field, *extra: Tensor) -> Residual:
        """What is to be zero, from a field at the points and the rest of the sample."""

    def equations(self, u: Field, *extra: Tensor) -> tuple[Float[Tensor, " B"], ...]:
        """The residual as a tuple of (B,) tensors.

        Raises:
            InputError: a residual of another shape, which would broadcast unnoticed.
        """
        given = self.residual(u, *extra)
        given = given if isinstance(given, tuple) else (given,)
        for residual in given:
            if isinstance(residual, Field) and len(residual.outputs) == 1:
                continue
            if not isinstance(residual, Tensor) or residual.shape != (len(u.points),):
                shape = tuple(residual.shape) if isinstance(residual, Tensor) else type(residual).__name__
                raise InputError(
                    f"The residual of condition {self.name!r} must be (B,), one number a point, here ({len(u.points)},), "
                    f"but it is {shape}."
                )
        return tuple(r.value if isinstance(r, Field) else r for r in given)


class Interior(Condition):
    """A differential equation inside the domain.

    Args:
        residual: a function of the field, zero where the equation holds:
            ``lambda u: u.laplacian() + torch.sin(u.x)``; several equations as a tuple.
        weight: of its mean square in the loss.
        name: unique within the problem.
    """

    def __init__(self, residual: Callable[[Field], Residual], weight: float = 1.0, name: str = "interior") -> None:
        self._residual, self.weight, self.name = residual, _weight(weight, name), name

    def sample(self, problem: Problem) -> Sample:
        return (problem.domain.interior(problem.num_interior, problem.sampler),)

    def residual(self, u: Field, *extra: Tensor) -> Residual:
        return self._residual(u)


class Dirichlet(Condition):
    """A given value on the boundary: u - g = 0.

    Args:
        value: a number, or a function of the coordinates in their order, g(x, y).
        output: which output, where the problem has several.
        weight: of its mean square in the loss.
        name: unique within the problem.
    """

    def __init__(
        self,
        value: float | Callable[..., Tensor] = 0.0,
        output: str | None = None,
        weight: float = 1.0,
        name: str = "dirichlet",
    ) -> None:
        self._value, self._output, self.weight, self.name = value, output, _weight(weight, name), name

    def sample(self, problem: Problem) -> Sample:
        return (problem.domain.boundary(problem.num_boundary, problem.sampler),)

    def residual(self, u: Field, *extra: Tensor) -> Residual:
        field = u if self._output is None else u[self._output]
        value = self._value(*u.points.unbind(dim=1)) if callable(self._value) else self._value
        return field.value - value


class Data(Condition):
    """Measured values: u - y = 0 for every output.

    Args:
        x: (N, D).
        y: (N, O), or (N,) for one output.
        weight: of the mean square in the loss.
        name: unique within the problem.
        scale: (O,), what each output's residual is divided by, so that outputs in different units weigh alike.
    """

    def __init__(
        self,
        x: Float[Tensor, "N D"],
        y: Float[Tensor, "N O"],
        weight: float = 1.0,
        name: str = "data",
        scale: Float[Tensor, " O"] | None = None,
    ) -> None:
        y = y[:, None] if y.ndim == 1 else y
        if x.ndim != 2 or y.ndim != 2 or len(x) != len(y) or not len(x):
            raise InputError(f"Data are x (N, D) and y (N, O) with the same N, but got {tuple(x.shape)} and {tuple(y.shape)}.")
        self._sample, self.weight, self.name = (x, y), _weight(weight, name), name
        self._scale = torch.ones_like(y[0]) if scale is None else scale

    def sample(self, problem: Problem) -> Sample:
        return self._sample

    def residual(self, u: Field, *extra: Tensor) -> Residual:
        (y,) = extra
        scale = self._scale.tolist()
        return tuple((u[name].value - y[:, o]) / scale[o] for o, name in enumerate(u.outputs))


def _weight(weight: float, name: str) -> float:
    return float(positive(f"The weight of condition {name!r}", weight))
