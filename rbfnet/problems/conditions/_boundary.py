"""Conditions on the boundary, or on a named part of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from jaxtyping import Bool, Float
from torch import Tensor

from rbfnet.given import call
from rbfnet.operators import Field
from rbfnet.problems.conditions._condition import Condition, Residual, Sample, of_field, positive_weight
from rbfnet.problems.conditions._given_values import FileValue, Value, checked, evaluate
from rbfnet.problems.conditions._placement import Part, is_file, lying_on, on_boundary, with_values
from rbfnet.problems.conditions._point_counts import on_parts

if TYPE_CHECKING:
    from rbfnet.problems._problem import Problem


class Boundary(Condition):
    """Any equation on the boundary: u.normal and u.normal_derivative() are available there.

    Example: ``Boundary(lambda u: (u.value, u.laplacian()))``, a simply supported plate.

    Args:
        residual: a function of the field, zero where the equation holds; several equations as a tuple.
        on: a part of the boundary: the name it has in ``domain.parts``, a function of points (B, D) that is true there, or a
            list of these for all that belongs to any; all of it if None.
        weight: how much more than by itself it counts.
        name: unique within the problem; by default made from the kind of condition, the output and the part.
        points: how many; if None the problem's ``num_boundary``, or a share of the points that follow the centres.

    Raises:
        InputError: when points are drawn, a part the boundary does not have.
    """

    def __init__(
        self,
        residual: Callable[[Field], Residual],
        on: Part | None = None,
        weight: float = 1.0,
        name: str | None = None,
        points: int | None = None,
    ) -> None:
        self.name = name or named("boundary", None, on)
        self._residual, self._on, self._points = of_field(residual, self.name), on, points
        self.weight = positive_weight(weight, self.name)

    def sample(self, problem: Problem) -> Sample:
        n = on_parts(problem, self._points, self.name, self._on)
        return on_boundary(problem.domain, n, problem.sampler, self._on)

    def at(self, problem: Problem, x: Float[Tensor, "N D"]) -> tuple[Bool[Tensor, " N"], Sample]:
        return lying_on(problem.domain, x, self._on)

    def residual(self, u: Field) -> Residual:
        return call(self._residual, f"The residual of condition {self.name!r}", u)


class GivenValue(Condition):
    """What conditions with a given value on the boundary share: :class:`Dirichlet` and :class:`Robin`."""

    normals: ClassVar[bool] = False

    def __init__(
        self,
        kind: str,
        value: Value | FileValue,
        output: str | None,
        weight: float,
        name: str | None,
        on: Part | None,
        points: int | None,
    ) -> None:
        self.name = name or named(kind, output, on)
        self.value = checked(value, self.name, file=True)
        self.output, self.on, self._points = output, on, points
        self.weight = positive_weight(weight, self.name)

    def sample(self, problem: Problem) -> Sample:
        if is_file(self.value):
            return with_values(self.value, problem.domain, self.output or problem.outputs[0], self.normals)
        n = on_parts(problem, self._points, self.name, self.on)
        return on_boundary(problem.domain, n, problem.sampler, self.on, self.normals)

    def at(self, problem: Problem, x: Float[Tensor, "N D"]) -> tuple[Bool[Tensor, " N"], Sample] | None:
        return None if is_file(self.value) else lying_on(problem.domain, x, self.on, self.normals)

    def given(self, u: Field, data: tuple[Tensor, ...]) -> Tensor | float:
        """The given value at the points of a field: what was read from a file, or the value itself."""
        return data[0] if data else evaluate(self.value, u.points.unbind(dim=1), self.name)


class Dirichlet(GivenValue):
    """A given value on the boundary: u - g = 0.

    Args:
        value: g: a number, a function of the coordinates in their order, g(x, y), or a file whose rows are the points: columns
            named as the coordinates and the output.
        output: which output, where the problem has several.
        on, weight, name, points: see :class:`Boundary`.
        hard: the model satisfies it by construction, :meth:`rbfnet.problems.Problem.ansatz`.

    Raises:
        InputError: a value of another kind; when points are drawn, a part of the boundary or a column that is not there.

    Example:
        >>> import rbfnet
        >>> from rbfnet.domains import Interval
        >>> from rbfnet.problems import Dirichlet, Equations
        >>> rod = Equations(Interval(x=(0, 1)), "u_xx", [Dirichlet(1.0, on="x=low"), Dirichlet(lambda x: 2 * x, on="x=high")])
        >>> rbfnet.solve(rod, num_centers=20).predict([0.5]).round(6)
        array([1.5])
    """

    def __init__(
        self,
        value: Value | FileValue = 0.0,
        output: str | None = None,
        weight: float = 1.0,
        name: str | None = None,
        *,
        on: Part | None = None,
        points: int | None = None,
        hard: bool = False,
    ) -> None:
        super().__init__("dirichlet", value, output, weight, name, on, points)
        self.hard = hard

    def residual(self, u: Field, *data: Tensor) -> Residual:
        return one(u, self.output).value - self.given(u, data)


class Robin(GivenValue):
    """alpha u + beta n . grad u = g on the boundary.

    Args:
        value: g: a number, a function of the coordinates, or a file whose rows are the points: columns named as the
            coordinates, the output, and normal_x, normal_y, ... for the outward normal.
        alpha, beta: numbers or functions of the coordinates.
        output, on, weight, name, points: see :class:`Dirichlet`.

    Raises:
        InputError: a value of another kind; when points are drawn, a part of the boundary or a column that is not there.

    Example:
        >>> import rbfnet
        >>> from rbfnet.domains import Interval
        >>> from rbfnet.problems import Dirichlet, Equations, Robin
        >>> leaving = Robin(3.0, alpha=1.0, beta=2.0, on="x=high")  # u + 2 du/dn = 3
        >>> rod = Equations(Interval(x=(0, 1)), "u_xx", [Dirichlet(0.0, on="x=low"), leaving])
        >>> rbfnet.solve(rod, num_centers=20).predict([1.0]).round(6)
        array([1.])
    """

    kind, normals = "robin", True

    def __init__(
        self,
        value: Value | FileValue = 0.0,
        alpha: Value = 1.0,
        beta: Value = 1.0,
        output: str | None = None,
        weight: float = 1.0,
        name: str | None = None,
        *,
        on: Part | None = None,
        points: int | None = None,
    ) -> None:
        super().__init__(self.kind, value, output, weight, name, on, points)
        self._alpha, self._beta = checked(alpha, self.name), checked(beta, self.name)

    def residual(self, u: Field, *data: Tensor) -> Residual:
        x = u.points.unbind(dim=1)
        field = one(u, self.output)
        flux = evaluate(self._beta, x, self.name) * field.normal_derivative()
        if self._alpha != 0.0:
            flux = flux + evaluate(self._alpha, x, self.name) * field.value
        return flux - self.given(u, data)


class Neumann(Robin):
    """a n . grad u = g on the boundary.

    Args:
        value: g, as in :class:`Robin`.
        coefficient: a, a number or a function of the coordinates.
        output, on, weight, name, points: see :class:`Dirichlet`.

    Raises:
        InputError: as :class:`Robin`.

    Example:
        >>> import rbfnet
        >>> from rbfnet.domains import Interval
        >>> from rbfnet.problems import Dirichlet, Equations, Neumann
        >>> rod = Equations(Interval(x=(0, 1)), "u_xx", [Dirichlet(1.0, on="x=low"), Neumann(3.0, on="x=high")])
        >>> rbfnet.solve(rod, num_centers=20).predict([1.0]).round(6)
        array([4.])
    """

    kind = "neumann"

    def __init__(
        self,
        value: Value | FileValue = 0.0,
        coefficient: Value = 1.0,
        output: str | None = None,
        weight: float = 1.0,
        name: str | None = None,
        *,
        on: Part | None = None,
        points: int | None = None,
    ) -> None:
        super().__init__(value, 0.0, coefficient, output, weight, name, on=on, points=points)


def named(kind: str, output: str | None, part: Part | None) -> str:
    """The name of a condition that was given none."""
    parts = part if isinstance(part, (list, tuple)) else [] if part is None else [part]
    names = [p if isinstance(p, str) else getattr(p, "__name__", "part").strip("<>") for p in parts]
    return "_".join([kind, *([] if output is None else [str(output)]), *names])


def one(u: Field, output: str | None) -> Field:
    """The field of the output that is meant."""
    return u if output is None else u[output]
