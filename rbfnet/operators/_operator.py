"""Linear differential operators as data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from rbfnet.errors import InputError, unknown

Direction = str | int | Tensor
"""What one derivative is taken along: a coordinate by name or index, or a vector (B, D), one row a point."""

Coefficient = float | Tensor
"""A number, or (B,): one number a point."""


def _sort_key(direction: Direction) -> tuple[int, str]:
    return (1, str(id(direction))) if isinstance(direction, Tensor) else (0, str(direction))


@dataclass(frozen=True, eq=True)
class Operator:
    """A linear differential operator: a sum of terms, each a coefficient times derivatives along directions.

    ``terms`` maps the sorted tuple of directions to its coefficient, so that u_xx + 3 u_y is
    ``{("x", "x"): 1.0, ("y",): 3.0}`` and the identity is ``{(): 1.0}``. A direction is a coordinate or, for directional
    derivatives, a vector per point; a coefficient is a number or one number per point. Operators are immutable, can
    be added, scaled, and composed with ``@``; the composition ``p @ q`` is exact where the coefficients of ``q`` are numbers.

    Example: ``Operator.d("t") - 0.1 * Operator.d("x", "x")``.
    """

    terms: tuple[tuple[tuple[Direction, ...], Coefficient], ...]

    @classmethod
    def of(cls, terms: Iterable[tuple[Sequence[Direction], Coefficient]]) -> Operator:
        """Build from (directions, coefficient) pairs; equal directions are merged."""
        merged: dict[tuple[Direction, ...], Coefficient] = {}
        for directions, coefficient in terms:
            key = tuple(sorted(directions, key=_sort_key))
            merged[key] = merged[key] + coefficient if key in merged else coefficient
        return cls(tuple(merged.items()))

    @classmethod
    def identity(cls) -> Operator:
        """u itself."""
        return cls.of([((), 1.0)])

    @classmethod
    def d(cls, *directions: Direction) -> Operator:
        """The derivative along each direction in turn: ``d("x", "x")`` is u_xx."""
        return cls.of([(directions, 1.0)])

    @classmethod
    def laplacian(cls, *coords: str | int) -> Operator:
        """The sum of the second derivatives along the coordinates given."""
        return cls.of([((c, c), 1.0) for c in coords])

    @classmethod
    def directional(cls, v: Tensor, order: int = 1) -> Operator:
        """The ``order``-th derivative along v (B, D): (v . grad)^order u with v held fixed."""
        return cls.of([((v,) * order, 1.0)])

    @property
    def order(self) -> int:
        """The highest number of derivatives in any term."""
        return max((len(directions) for directions, _ in self.terms), default=0)

    @property
    def tensors(self) -> list[Tensor]:
        """Every tensor in the operator, each once: what a blockwise evaluation has to slice along with the points."""
        found = {id(t): t for directions, c in self.terms for t in (*directions, c) if isinstance(t, Tensor)}
        return list(found.values())

    def replace(self, change: Callable[[Direction | Coefficient], Direction | Coefficient]) -> Operator:
        """The same operator with every direction and coefficient passed through ``change``."""
        return Operator(
            tuple((tuple(change(d) for d in directions), change(c)) for directions, c in self.terms)  # type: ignore[misc]
        )

    def with_tensors(self, mapping: Mapping[int, Tensor]) -> Operator:
        """The same operator with each tensor replaced by ``mapping[id(tensor)]``."""
        return self.replace(lambda part: mapping[id(part)] if isinstance(part, Tensor) else part) if mapping else self

    def over(self, num_points: int, dims: int) -> Operator:
        """The same operator with each vector (num_points, dims) and each coefficient (num_points,).

        Raises:
            InputError: an index that is no coordinate, or a tensor that does not have that shape and cannot be repeated to it.
        """

        def repeated(tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
            try:
                return tensor.expand(shape)
            except RuntimeError:
                raise InputError(
                    f"A tensor of the operator {self} must have shape {shape}, but got {tuple(tensor.shape)}."
                ) from None

        swap: dict[int, Tensor] = {}
        for directions, c in self.terms:
            if isinstance(c, Tensor):
                swap[id(c)] = repeated(c, (num_points,))
            for v in directions:
                if isinstance(v, Tensor):
                    swap[id(v)] = repeated(v, (num_points, dims))
                elif not isinstance(v, int) or not 0 <= v < dims:
                    raise InputError(f"The operator {self} needs coordinates from 0 to {dims - 1}, but names {v!r}.")
        return self.with_tensors(swap)

    def bind(self, coords: Sequence[str]) -> Operator:
        """The same operator with coordinate names replaced by their index in ``coords``.

        Raises:
            InputError: a name is not among ``coords``, or an index is out of range.
        """
        names = list(coords)

        def index(direction: Direction) -> Direction:
            if isinstance(direction, Tensor):
                return direction
            if isinstance(direction, str):
                if direction not in names:
                    raise unknown("coordinate", direction, names)
                return names.index(direction)
            if not 0 <= direction < len(names):
                raise InputError(
                    f"Coordinate index {direction} is out of range for {len(names)} coordinates ({', '.join(names)})."
                )
            return direction

        return Operator.of((tuple(index(d) for d in directions), c) for directions, c in self.terms)

    def __add__(self, other: Operator) -> Operator:
        return Operator.of([*self.terms, *other.terms])

    def __neg__(self) -> Operator:
        return -1.0 * self

    def __sub__(self, other: Operator) -> Operator:
        return self + (-other)

    def __rmul__(self, factor: Coefficient) -> Operator:
        return Operator(tuple((directions, factor * c) for directions, c in self.terms))

    def __mul__(self, factor: Coefficient) -> Operator:
        return factor * self

    def __matmul__(self, other: Operator) -> Operator:
        if any(isinstance(c, Tensor) for _, c in other.terms):
            raise InputError(
                "An operator whose coefficients vary from point to point cannot be differentiated again; compose it on the left."
            )
        return Operator.of(((*p, *q), a * b) for p, a in self.terms for q, b in other.terms)

    def __str__(self) -> str:
        def term(directions: tuple[Direction, ...], c: Coefficient) -> str:
            name = "u" + ("_" + "".join("v" if isinstance(d, Tensor) else str(d) for d in directions) if directions else "")
            return f"c*{name}" if isinstance(c, Tensor) else name if c == 1 else f"{c:g}*{name}"

        return " + ".join(term(*t) for t in self.terms) or "0"
