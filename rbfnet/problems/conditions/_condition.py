"""Conditions on the solution: equations, boundary and initial values, data."""

from __future__ import annotations

import reprlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from jaxtyping import Bool, Float
from torch import Tensor

from rbfnet.errors import InputError, positive
from rbfnet.initialised import Initialised
from rbfnet.operators import Field

if TYPE_CHECKING:
    from rbfnet.problems._problem import Problem

R = TypeVar("R")

Residual = Tensor | Field | tuple[Tensor | Field, ...]
"""(B,), or a tuple of them, one per equation: what is to be zero at each point."""


class Sample(NamedTuple):
    """The points of a condition with their normals, weights and data, all with B rows.

    Attributes:
        sites: the points, (B, D); a condition that compares the field at two places has two such sets.
        normal: the outward normal of a boundary, (B, D).
        weights: of a quadrature, (B,): the residual is not zero at each point, but its integral is.
        data: whatever else the residual needs at each point.

    Example:
        >>> import torch
        >>> from rbfnet.problems import Sample
        >>> sample = Sample((torch.rand(10, 2),))
        >>> sample.num_points, sample.rows(slice(3)).num_points
        (10, 3)
    """

    sites: tuple[Float[Tensor, "B D"], ...]
    normal: Float[Tensor, "B D"] | None = None
    weights: Float[Tensor, " B"] | None = None
    data: tuple[Tensor, ...] = ()

    @property
    def num_points(self) -> int:
        """B."""
        return len(self.sites[0])

    @property
    def num_rows(self) -> int:
        """The number of rows per equation, one per point or one for an integral."""
        return self.num_points if self.weights is None else 1

    def contract(self, values: Float[Tensor, "B ..."]) -> Float[Tensor, "R ..."]:
        """Turn one row per point into one row per equation: the weighted sum for an integral, no change otherwise."""
        return values if self.weights is None else (self.weights @ values)[None]

    def rows(self, chosen: Any) -> Sample:
        """The sample of the points ``chosen``: a list, slice or tensor of indices."""

        def part(t: Tensor | None) -> Any:
            return None if t is None else t[chosen]

        return Sample(tuple(map(part, self.sites)), part(self.normal), part(self.weights), tuple(map(part, self.data)))


class Condition(Initialised, ABC):
    """An equation, residual = 0, at points, between pairs of points, or for an integral over points.

    The residual is pointwise: a function of the channels of the field (values, derivatives, coordinates) at one point of each
    site. So an equation is a sum over sites of operators on outputs, plus a rest, summed with the weights of a quadrature
    where there are any; loss, linear system and the check of linearity all see nothing else.

    The loss is the sum over equations of weight x scale x mean squared residual, where the scale is automatic
    (:func:`rbfnet.solvers.automatic_scales`): with the default weight 1 no equation drowns in another.

    Attributes:
        name: unique within a problem.
        weight: positive: how much more than by itself the condition counts.
        hard: the model satisfies it by construction (:meth:`Problem.ansatz`), so that it is not trained for.
        pointwise: no user's function is part of the residual, so that :func:`rbfnet.solvers.require_pointwise` need not check it.

    Example:
        >>> import rbfnet
        >>> from rbfnet.domains import Interval
        >>> from rbfnet.problems import Condition, Interior, Sample
        >>> class AtMiddle(Condition):
        ...     name, weight = "middle", 1.0
        ...     def sample(self, problem):
        ...         return Sample((problem.domain.box.mean(dim=0, keepdim=True),))
        ...     def residual(self, u):
        ...         return u.value - 1.0
        >>> class Growth(rbfnet.Problem):
        ...     domain = Interval(t=(0, 2))
        ...     def conditions(self):
        ...         yield Interior(lambda u: u.d("t") - u)
        ...         yield AtMiddle()
        >>> rbfnet.solve(Growth(), num_centers=20).predict([2.0]).round(5)  # e
        array([2.71828])
    """

    _needed = ("name", "weight")
    name: str
    weight: float
    hard: bool = False
    pointwise: bool = False

    @abstractmethod
    def sample(self, problem: Problem) -> Sample:
        """The points, and what belongs to each of them."""

    def at(self, problem: Problem, x: Float[Tensor, "N D"]) -> tuple[Bool[Tensor, " N"], Sample] | None:
        """Which of some points the condition holds at, and these as a sample; None where it has points of its own."""
        return None

    def support(self) -> Float[Tensor, "N D"] | None:
        """Points that the condition itself brings to a fit, where centres are needed; None if there are none."""
        return None

    def noise(self, equation: int) -> float | None:
        """The standard deviation of the errors of one residual; None where it is not known, or nothing was measured."""
        return None

    @abstractmethod
    def residual(self, *given: Any, **_: Any) -> Residual:
        """The residual, from a field at each site of the sample, followed by its data."""

    def equations(self, fields: tuple[Field, ...], data: tuple[Tensor, ...] = ()) -> tuple[Float[Tensor, " B"], ...]:
        """The residual as a tuple of (B,) tensors.

        Raises:
            InputError: a residual of another shape, which would broadcast unnoticed, or of other than real numbers.
        """
        returned = self.residual(*fields, *data)
        given = returned if isinstance(returned, tuple) else (returned,)
        points = len(fields[0].points)
        if not given:
            raise InputError(f"The residual of condition {self.name!r} is empty; return one or more tensors (B,).")
        for residual in given:
            if isinstance(residual, Field) and len(residual.outputs) == 1:
                continue
            if isinstance(residual, Tensor) and residual.shape == (points,) and residual.is_floating_point():
                continue
            found: object = type(residual).__name__
            if isinstance(residual, Tensor):
                found = tuple(residual.shape) if residual.shape != (points,) else residual.dtype
            raise InputError(
                f"The residual of condition {self.name!r} must be (B,), one number per point, here ({points},), but is {found}."
            )
        return tuple(r.value if isinstance(r, Field) else r for r in given)


def positive_weight(weight: float, name: str) -> float:
    """``weight``, once it is known to be one."""
    return float(positive(f"The weight of condition {name!r}", weight))


def sampled(condition: Condition, problem: Problem) -> Sample:
    """The points of a condition, once they are known to be some."""
    sample = condition.sample(problem)
    if not isinstance(sample, Sample) or not isinstance(sample.sites, (tuple, list)):
        raise InputError(f"`sample` of condition {condition.name!r} must return a Sample, but returned {reprlib.repr(sample)}.")
    shapes = [tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__ for x in sample.sites]
    dims = len(problem.domain.coords)
    if len(set(shapes)) != 1 or len(shapes[0]) != 2 or shapes[0][1] != dims or not shapes[0][0]:
        raise InputError(
            f"`sample` of condition {condition.name!r} must give points (B, {dims}) with B > 0 at each site, but gave "
            f"{', '.join(map(str, shapes)) or 'none'}."
        )
    return sample


def of_field(function: Callable[[Field], R], name: str) -> Callable[[Field], R]:
    """``function``, once it is known to be one."""
    if not callable(function):
        raise InputError(f"Condition {name!r} takes a function of the field, as in `lambda u: u.d('x')`, but got {function!r}.")
    return function
