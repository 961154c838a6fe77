"""Field: a model at some points, with channels that read like the equation."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence

from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError, unknown
from rbfnet.operators._arithmetic import Arithmetic, Channel, forward, values
from rbfnet.operators._operator import Operator
from rbfnet.operators._protocol import apply_operators, dimensions


def default_coords(dims: int) -> tuple[str, ...]:
    """x, y, z for up to three dimensions, x1 ... xD above.

    Example:
        >>> from rbfnet.operators import default_coords
        >>> default_coords(2), default_coords(4)
        (('x', 'y'), ('x1', 'x2', 'x3', 'x4'))
    """
    return ("x", "y", "z")[:dims] if dims <= 3 else tuple([f"x{j + 1}" for j in range(dims)])


class UnknownCoordinate(InputError, AttributeError):
    """A field was asked for an attribute that is none of its coordinates."""


class NoNormal(InputError):
    """A field was asked for the normal away from a boundary."""


class Field(Arithmetic):
    """The outputs of a model u at points x (B, D), and their derivatives, by name.

    ``u.d("t") + u * u.d("x") - nu * u.d("xx")`` is Burgers' equation. Every channel and every coordinate is (B,), or a tuple of
    (B,) where it is a vector, so that nothing broadcasts by accident. Wherever a channel is wanted the field stands for its
    value: ``u ** 2``, ``torch.sin(u)``, ``abs(u) < 1``.

    A field with several outputs is indexed by name first, ``u["p"].d("x")``, except for what is asked of several outputs by
    their names, which are then the components along the first coordinates, unless ``along`` names others. With the coordinates x,
    y, t and the outputs u, v, p, the Navier-Stokes equations are ::

        f.divergence("u", "v")
        f["u"].d("t") + f["u"].advection("u", "v") + f["p"].d("x") - nu * f["u"].laplacian("x", "y")
        f["v"].d("t") + f["v"].advection("u", "v") + f["p"].d("y") - nu * f["v"].laplacian("x", "y")

    What has been evaluated is kept: each channel is computed once.

    Args:
        u: a model or any callable (B, D) -> (B, O).
        x: the points.
        coords: a name for each column of x; by default x, y, z, or x1, x2, ... above three. One that a field has an attribute of
            its own for (``value``, ``d``) can be differentiated along, and its values are a column of ``points``.
        outputs: a name for each output.
        ahead: operators that are known to be needed: they are evaluated together, from the same distances.
        normal: the outward normal at each point, (B, D), where the points lie on a boundary.
        space: which of the coordinates are those of space, that Laplacians are taken along unless others are named; all of them
            if None. In a problem on a :class:`rbfnet.domains.SpaceTime` these are the coordinates of its space.

    Raises:
        InputError: names that do not fit the model or the points, an unknown coordinate or output, or a field of several
            outputs used as if it had one.
    """

    def __init__(
        self,
        u: Callable[[Tensor], Tensor],
        x: Float[Tensor, "B D"],
        coords: Sequence[str] | None = None,
        outputs: Sequence[str] = ("u",),
        ahead: Iterable[Operator] = (),
        normal: Float[Tensor, "B D"] | None = None,
        space: Sequence[str] | None = None,
    ) -> None:
        dims = dimensions(x)
        for what, given in (("coords", coords or ()), ("outputs", outputs), ("space", space or ())):
            if not (isinstance(given, (list, tuple)) and all([isinstance(name, str) for name in given])):
                raise InputError(f"{what} of a field is a list of names, as in ['x', 'y'], but got {given!r}.")
        names = default_coords(dims) if coords is None else tuple(coords)
        if len(names) != x.shape[1] or len(set(names)) != len(names):
            raise InputError(f"The points have {x.shape[1]} columns, but the coordinates are named {names}.")
        if not outputs or len(set(outputs)) != len(outputs):
            raise InputError(f"Each output needs a name of its own, but they are named {tuple(outputs)}.")
        self._u, self._x, self._coords, self._outputs = u, x, names, tuple(outputs)
        self._only: str | None = self._outputs[0] if len(self._outputs) == 1 else None
        self._normal, self._space = normal, names if space is None else tuple(space)
        self._known: dict[Operator, Tensor] = {}
        self._evaluate(ahead)

    __eq__ = forward(operator.eq)  # type: ignore[assignment]
    __ne__ = forward(operator.ne)  # type: ignore[assignment]
    __hash__ = object.__hash__

    # -- one output ----------------------------------------------------------------------------------------------------

    @property
    def value(self) -> Channel:
        """The output itself, (B,)."""
        return self.apply(Operator.identity())

    def d(self, *coords: str) -> Channel:
        """A derivative, (B,): ``d("x")``, ``d("xx")`` for coordinates of one letter, ``d("x1", "x1")`` for any."""
        return self.apply(Operator.d(*[name for given in coords for name in self._split(given)]))

    def gradient(self, *coords: str) -> tuple[Channel, ...]:
        """The first derivative along each of ``coords``, by default along all of them, time included."""
        return self._each([Operator.d(name) for name in coords or self._coords])

    def laplacian(self, *coords: str) -> Channel:
        """The sum of second derivatives along ``coords``, by default along those of space, (B,)."""
        return self.apply(Operator.laplacian(*self._spatial(coords)))

    def biharmonic(self, *coords: str) -> Channel:
        """The Laplacian of the Laplacian along ``coords``, by default along those of space, (B,)."""
        return self.apply(Operator.biharmonic(*self._spatial(coords)))

    def gradient_of_laplacian(self, *coords: str) -> tuple[Channel, ...]:
        """The gradient of the Laplacian, both along ``coords``, by default along those of space."""
        names = self._spatial(coords)
        return self._each([Operator.of([((j, i, i), 1.0) for i in names]) for j in names])

    def directional(self, v: Float[Tensor, "B D"], order: int = 1) -> Channel:
        """The derivative along v (B, D), ``order`` times, (B,)."""
        return self.apply(Operator.directional(v, order))

    def normal_derivative(self) -> Channel:
        """n . grad u, the derivative along the outward normal of a boundary, (B,)."""
        return self.directional(self.normal)

    def advection(self, *velocity: str | float | Tensor | Field, along: Sequence[str] | None = None) -> Channel:
        """(w . grad) u = w_1 u_x + w_2 u_y + ..., (B,), for a velocity w whose components are outputs by name, numbers, (B,), or
        fields: ``f["T"].advection("u", "v")``, ``u.advection(1.0, u.x)``.
        """
        ops = [Operator.d(name) for name in self._paired(len(velocity), along)]
        named = any([isinstance(w, str) for w in velocity])
        slopes = self._each([*ops, Operator.identity()] if named else ops)
        total: Channel | float = 0.0
        for w, slope in zip(velocity, slopes, strict=False):
            component = self[w].value if isinstance(w, str) else values(w)
            if isinstance(component, Tensor) and component.shape not in ((), slope.shape):
                raise InputError(
                    f"A component of a velocity is a number or has shape {tuple(slope.shape)}, but got {tuple(component.shape)}."
                )
            total = total + component * slope
        return total  # type: ignore[return-value]

    def apply(self, op: Operator) -> Channel:
        """Any operator, over coordinate names or indices, (B,)."""
        return self._each([op])[0]

    # -- several outputs -----------------------------------------------------------------------------------------------

    def divergence(self, *outputs: str, along: Sequence[str] | None = None) -> Channel:
        """u_x + v_y + ..., (B,), of the vector with the components ``outputs``."""
        j = self._jacobian(outputs, along)
        total = j[0][0]
        for i in range(1, len(j)):
            total = total + j[i][i]
        return total

    def curl(self, *outputs: str, along: Sequence[str] | None = None) -> Channel | tuple[Channel, Channel, Channel]:
        """The rotation: v_x - u_y, (B,), of two components u, v; (w_y - v_z, u_z - w_x, v_x - u_y) of three."""
        if len(outputs) not in (2, 3):
            raise InputError(f"The curl needs the names of two or three outputs, but got {len(outputs)}.")
        j = self._jacobian(outputs, along)
        last = j[1][0] - j[0][1]
        return last if len(j) == 2 else (j[2][1] - j[1][2], j[0][2] - j[2][0], last)

    def symmetric_gradient(self, *outputs: str, along: Sequence[str] | None = None) -> tuple[tuple[Channel, ...], ...]:
        """(u_i,j + u_j,i) / 2 as rows of (B,): the strain ((u_x, (u_y + v_x) / 2), ((u_y + v_x) / 2, v_y)) of two components."""
        j = self._jacobian(outputs, along)
        rows = range(len(j))
        upper = {(a, b): j[a][a] if a == b else (j[a][b] + j[b][a]) / 2 for a in rows for b in rows if a <= b}
        return tuple([tuple([upper[min(a, b), max(a, b)] for b in rows]) for a in rows])

    def vector_laplacian(self, *outputs: str, along: Sequence[str] | None = None) -> tuple[Channel, ...]:
        """The Laplacian of each component along the coordinates of space they are paired with, or ``along`` any others."""
        paired = self._paired(len(outputs), self._space[: len(outputs)] if along is None else along, square=along is None)
        return tuple([self[name].laplacian(*paired) for name in outputs])

    def __getitem__(self, output: str) -> Field:
        """The field of one output by name; what has been evaluated is shared."""
        self._place(output)
        one = object.__new__(Field)
        one._u, one._x, one._coords, one._outputs = self._u, self._x, self._coords, self._outputs
        one._known, one._only, one._normal, one._space = self._known, output, self._normal, self._space
        return one

    # -- names and points ----------------------------------------------------------------------------------------------

    def __getattr__(self, name: str) -> Channel:
        """A coordinate by name, (B,)."""
        if name.startswith("_"):
            raise AttributeError(name)
        if name not in self._coords:
            raise UnknownCoordinate(str(unknown("coordinate", name, self._coords)))
        return self._x[:, self._coords.index(name)].clone()

    @property
    def coords(self) -> tuple[str, ...]:
        """The names of the coordinates."""
        return self._coords

    @property
    def space(self) -> tuple[str, ...]:
        """Those of space."""
        return self._space

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the outputs."""
        return self._outputs

    @property
    def points(self) -> Float[Tensor, "B D"]:
        """The points themselves."""
        return self._x

    @property
    def normal(self) -> Float[Tensor, "B D"]:
        """The outward normal at each point of a boundary."""
        if self._normal is None:
            raise NoNormal("A field has normals on a boundary only, as in the conditions Boundary, Neumann and Robin.")
        return self._normal

    # -- evaluation ----------------------------------------------------------------------------------------------------

    def _each(self, ops: Sequence[Operator]) -> tuple[Channel, ...]:
        """Operators on the one output that is meant, evaluated together."""
        if self._only is None:
            raise InputError(
                f"This field has the outputs {', '.join(self._outputs)}: say which one is meant, as in u[{self._outputs[0]!r}]."
            )
        place = self._place(self._only)
        # Copies, so that what is done to one in place is done to no other.
        return tuple([value[:, place].clone() for value in self._evaluate(ops)])

    def _evaluate(self, ops: Iterable[Operator]) -> list[Float[Tensor, "B O"]]:
        """Operators on all outputs: those that are not known yet are evaluated together."""
        bound = [op.bind(self._coords) for op in ops]
        missing: list[Operator] = []
        for op in bound:
            if op not in self._known and op not in missing:
                missing.append(op)
        if missing:
            found = apply_operators(self._u, self._x, missing)
            if found.shape[1] != len(self._outputs):
                raise InputError(
                    f"The model has {found.shape[1]} outputs, but {len(self._outputs)} are named: {', '.join(self._outputs)}."
                )
            self._known.update(zip(missing, found.unbind(-1), strict=True))
        return [self._known[op] for op in bound]

    def _jacobian(self, outputs: Sequence[str], along: Sequence[str] | None) -> list[list[Channel]]:
        """First derivatives of some outputs along as many coordinates, row by row."""
        columns = self._evaluate([Operator.d(name) for name in self._paired(len(outputs), along)])
        return [[column[:, self._place(name)] for column in columns] for name in outputs]

    def _place(self, output: str) -> int:
        if output not in self._outputs:
            raise unknown("output", output, self._outputs)
        return self._outputs.index(output)

    def _paired(self, count: int, along: Sequence[str] | None, square: bool = True) -> tuple[str, ...]:
        """The coordinates that ``count`` components belong to."""
        if not count:
            raise InputError("A vector needs its components: name them, as in divergence('u', 'v').")
        names = self._coords[:count] if along is None else tuple(along)
        if not names or (len(names) != count and (square or along is None)):
            raise InputError(
                f"Each component of a vector belongs to a coordinate, but {count} components were given for the "
                f"{len(names)} coordinates {', '.join(names)}; name one output for each, and the coordinates by along=(...)."
            )
        return names

    def _spatial(self, coords: tuple[str, ...]) -> tuple[str, ...]:
        """The coordinates named, or else those of space."""
        if not coords and not self._space:
            raise InputError(f"None of the coordinates {', '.join(self._coords)} is one of space; name those that are meant.")
        return coords or self._space

    def _split(self, given: str) -> list[str]:
        if not isinstance(given, str):
            raise InputError(f"Coordinates are given by name, as in u.d('{self._coords[0]}'), but got {given!r}.")
        if given in self._coords:
            return [given]
        for letter in given:
            if letter not in self._coords:
                raise unknown("coordinate", given if len(given) > 1 and max(map(len, self._coords)) > 1 else letter, self._coords)
        return list(given)
