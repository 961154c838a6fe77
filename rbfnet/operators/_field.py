"""Field: a model at some points, with channels that read like the equation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError, unknown
from rbfnet.operators._operator import Operator
from rbfnet.operators._protocol import apply_operators

Channel = Float[Tensor, " B"]


def default_coords(dims: int) -> tuple[str, ...]:
    """x, y, z for up to three dimensions, x1 ... xD above."""
    return ("x", "y", "z")[:dims] if dims <= 3 else tuple(f"x{j + 1}" for j in range(dims))


class UnknownCoordinate(InputError, AttributeError):
    """A field was asked for an attribute that is none of its coordinates."""


class Field:
    """The outputs of a model u at points x (B, D), and their derivatives, by name.

    ``u.d("t") + u * u.d("x") - nu * u.d("xx")`` is Burgers' equation. Every channel and every coordinate is (B,), so
    that nothing broadcasts by accident; a field with several outputs is indexed by name first: ``u["p"].d("x")``.
    Wherever a channel is wanted the field stands for its value: ``u ** 2``, ``torch.sin(u)``.

    Args:
        u: a model or any callable (B, D) -> (B, O).
        x: the points.
        coords: a name for each column of x; by default x, y, z, or x1, x2, ... above three. One that a field has an attribute of
            its own for (``value``, ``d``) can be differentiated along, and its values are a column of ``points``.
        outputs: a name for each output.
        ahead: operators that are known to be needed: they are evaluated together, from the same distances.

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
    ) -> None:
        names = default_coords(x.shape[1]) if coords is None else tuple(coords)
        if len(names) != x.shape[1] or len(set(names)) != len(names):
            raise InputError(f"The points have {x.shape[1]} columns, but the coordinates are named {names}.")
        self._u, self._x, self._coords, self._outputs = u, x, names, tuple(outputs)
        self._only: str | None = self._outputs[0] if len(self._outputs) == 1 else None
        self._known: dict[Operator, Tensor] = {}
        self._evaluate([op.bind(names) for op in ahead])

    # -- channels ------------------------------------------------------------------------------------------------------

    @property
    def value(self) -> Channel:
        """The output itself, (B,)."""
        return self.apply(Operator.identity())

    def d(self, *coords: str) -> Channel:
        """A derivative, (B,): ``d("x")``, ``d("xx")`` for coordinates of one letter, ``d("x1", "x1")`` for any."""
        return self.apply(Operator.d(*[name for given in coords for name in self._split(given)]))

    def laplacian(self, *coords: str) -> Channel:
        """The sum of second derivatives along ``coords``, by default along all of them, (B,)."""
        return self.apply(Operator.laplacian(*(coords or self._coords)))

    def directional(self, v: Float[Tensor, "B D"], order: int = 1) -> Channel:
        """The derivative along v (B, D), ``order`` times, (B,)."""
        return self.apply(Operator.directional(v, order))

    def apply(self, op: Operator) -> Channel:
        """Any operator, over coordinate names or indices, (B,)."""
        if self._only is None:
            raise InputError(
                f"This field has the outputs {', '.join(self._outputs)}: say which one is meant, as in u[{self._outputs[0]!r}]."
            )
        bound = op.bind(self._coords)
        if bound not in self._known:
            self._evaluate([bound])
        return self._known[bound][:, self._outputs.index(self._only)]

    def __getitem__(self, output: str) -> Field:
        """The field of one output by name; what has been evaluated is shared."""
        if output not in self._outputs:
            raise unknown("output", output, self._outputs)
        one = object.__new__(Field)
        one.__dict__.update(self.__dict__)
        one._only = output
        return one

    def __getattr__(self, name: str) -> Channel:
        """A coordinate by name, (B,)."""
        if name.startswith("_"):
            raise AttributeError(name)
        if name not in self._coords:
            raise UnknownCoordinate(str(unknown("coordinate", name, self._coords)))
        return self._x[:, self._coords.index(name)]

    @property
    def coords(self) -> tuple[str, ...]:
        """The names of the coordinates."""
        return self._coords

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the outputs."""
        return self._outputs

    @property
    def points(self) -> Float[Tensor, "B D"]:
        """The points themselves."""
        return self._x

    # -- evaluation ----------------------------------------------------------------------------------------------------

    def _evaluate(self, ops: list[Operator]) -> None:
        if not ops:
            return
        values = apply_operators(self._u, self._x, ops)
        if values.shape[1] != len(self._outputs):
            raise InputError(
                f"The model has {values.shape[1]} outputs, but {len(self._outputs)} are named: {', '.join(self._outputs)}."
            )
        self._known.update(zip(ops, values.unbind(-1), strict=True))

    def _split(self, given: str) -> list[str]:
        if given in self._coords:
            return [given]
        for letter in given:
            if letter not in self._coords:
                raise unknown("coordinate", given if len(given) > 1 and max(map(len, self._coords)) > 1 else letter, self._coords)
        return list(given)

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """``torch.sin(u)`` and ``tensor * u`` see the value of the field."""
        return func(*_values(args), **_values(kwargs or {}))

    # A field in arithmetic is its value.
    def __add__(self, other: Any) -> Channel:
        return self.value + _values(other)

    def __radd__(self, other: Any) -> Channel:
        return other + self.value

    def __sub__(self, other: Any) -> Channel:
        return self.value - _values(other)

    def __rsub__(self, other: Any) -> Channel:
        return other - self.value

    def __mul__(self, other: Any) -> Channel:
        return self.value * _values(other)

    def __rmul__(self, other: Any) -> Channel:
        return other * self.value

    def __truediv__(self, other: Any) -> Channel:
        return self.value / _values(other)

    def __rtruediv__(self, other: Any) -> Channel:
        return other / self.value

    def __pow__(self, other: Any) -> Channel:
        return self.value ** _values(other)

    def __rpow__(self, other: Any) -> Channel:
        return other**self.value

    def __neg__(self) -> Channel:
        return -self.value


def _values(part: Any) -> Any:
    """``part`` with every Field in it replaced by its value."""
    if isinstance(part, Field):
        return part.value
    if isinstance(part, (tuple, list)):
        return type(part)(_values(p) for p in part)
    return {key: _values(p) for key, p in part.items()} if isinstance(part, dict) else part
