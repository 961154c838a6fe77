"""Linear differential operators as data.

All of it is traced by ``torch.compile``. So tensors are told apart by ``is``: an ``id`` would be a guard, and a new compilation
for each new tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from torch import Tensor

from rbfnet.errors import InputError, unknown

Direction = str | int | Tensor
"""What one derivative is taken along: a coordinate by name or index, or a vector (B, D), one row per point."""

Coefficient = float | Tensor
"""A number, or (B,): one number per point."""


@dataclass(frozen=True, eq=False)
class Operator:
    """A linear differential operator: a sum of terms, each a coefficient times derivatives along directions.

    ``terms`` maps a tuple of directions, coordinates first and sorted, to its coefficient, so that u_xx + 3 u_y is
    ``{("x", "x"): 1.0, ("y",): 3.0}``, the identity is ``{(): 1.0}`` and zero ``{}``. A direction is a coordinate or, for
    directional derivatives, a vector per point; a coefficient is a number or one number per point. Operators are immutable, can
    be added, scaled, and composed with ``@``; the composition ``p @ q`` is exact where the coefficients of ``q`` are numbers.

    Two operators are equal if they have the same terms, in any order; tensors in them are the same only if they are one object.

    Example: ``Operator.d("t") - 0.1 * Operator.d("x", "x")``.
    """

    terms: tuple[tuple[tuple[Direction, ...], Coefficient], ...]

    @classmethod
    def of(cls, terms: Iterable[tuple[Sequence[Direction], Coefficient]]) -> Operator:
        """Build from (directions, coefficient) pairs; equal directions are merged."""
        merged: list[tuple[tuple[Direction, ...], Coefficient]] = []
        places: dict[tuple[str | int, ...], list[int]] = {}
        for directions, coefficient in terms:
            coords, vectors = _split(directions)
            key = (*coords, *vectors)
            # Only terms with the same coordinates can be the same, and without vectors there is one of them.
            alike = places.setdefault(coords, [])
            for n in alike:
                if _same(vectors, _split(merged[n][0])[1]):
                    merged[n] = (merged[n][0], merged[n][1] + coefficient)
                    break
            else:
                alike.append(len(merged))
                merged.append((key, coefficient))
        return cls(tuple(merged))

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
    def biharmonic(cls, *coords: str | int) -> Operator:
        """The Laplacian of the Laplacian over the coordinates given: sum over i and j of u_iijj."""
        return cls.of([((a, a, b, b), 1.0) for a in coords for b in coords])

    @classmethod
    def directional(cls, v: Tensor, order: int = 1) -> Operator:
        """The ``order``-th derivative along v (B, D): (v . grad)^order u with v held fixed.

        Raises:
            InputError: a negative order.
        """
        if order < 0:
            raise InputError(f"The order of a derivative must be 0, 1, 2, ..., but got {order}.")
        return cls.of([((v,) * order, 1.0)])

    @property
    def order(self) -> int:
        """The highest number of derivatives in any term."""
        return max([0, *(len(directions) for directions, _ in self.terms)])

    @property
    def tensors(self) -> list[Tensor]:
        """The distinct tensors in the operator, which blockwise evaluation slices along with the points."""
        found: list[Tensor] = []
        for directions, c in self.terms:
            for part in (*directions, c):
                if isinstance(part, Tensor) and _place(part, found) is None:
                    found.append(part)
        return found

    def replace(self, change: Callable[[Direction | Coefficient], Direction | Coefficient]) -> Operator:
        """The same operator with every direction and coefficient passed through ``change``."""
        return Operator(
            tuple((tuple(change(d) for d in directions), change(c)) for directions, c in self.terms)  # type: ignore[misc]
        )

    def substitute(self, old: Sequence[Tensor], new: Sequence[Tensor]) -> Operator:
        """The same operator with each tensor that is in ``old`` replaced by the one at its place in ``new``."""

        def change(part: Direction | Coefficient) -> Direction | Coefficient:
            place = _place(part, old) if isinstance(part, Tensor) else None
            return part if place is None else new[place]

        return self.replace(change) if old else self

    def over(self, num_points: int, dims: int) -> Operator:
        """The same operator with each vector (num_points, dims) and each coefficient (num_points,).

        Raises:
            InputError: an index that is not a coordinate, or a tensor that does not have that shape and cannot be repeated to it.
        """
        old: list[Tensor] = []
        new: list[Tensor] = []

        def repeat(tensor: Tensor, shape: tuple[int, ...]) -> None:
            if _place(tensor, old) is None:
                try:
                    fits = tensor.ndim == len(shape) and tuple(tensor.shape) == shape
                    new.append(tensor if fits else tensor.expand(shape))
                except RuntimeError:
                    raise InputError(
                        f"A tensor of the operator {self} must have shape {shape}, but got {tuple(tensor.shape)}."
                    ) from None
                old.append(tensor)

        for directions, c in self.terms:
            if isinstance(c, Tensor):
                repeat(c, (num_points,))
            for v in directions:
                if isinstance(v, Tensor):
                    repeat(v, (num_points, dims))
                elif not isinstance(v, int) or not 0 <= v < dims:
                    raise InputError(f"The operator {self} needs coordinates from 0 to {dims - 1}, but names {v!r}.")
        return self.substitute(old, new)

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

    def written_out(self, dims: int) -> list[tuple[tuple[int, ...], Coefficient]]:
        """The terms as (coordinates, sorted; coefficient), vectors written out in the ``dims`` coordinates, none of them zero.

        Example: the derivative along v in the plane is ``[((0,), v[:, 0]), ((1,), v[:, 1])]``.
        """
        found: list[tuple[tuple[int, ...], Coefficient]] = []
        for directions, c in self.terms:
            choices = [range(dims) if isinstance(v, Tensor) else (int(v),) for v in directions]
            for chosen in product(*choices):
                factor = c
                for v, i in zip(directions, chosen, strict=True):
                    if isinstance(v, Tensor):
                        factor = factor * v[:, i]
                if not isinstance(factor, Tensor) or factor.any():
                    found.append((tuple(sorted(chosen)), factor))
        return found

    def __add__(self, other: Operator) -> Operator:
        return Operator.of([*self.terms, *other.terms])

    def __neg__(self) -> Operator:
        return self.__rmul__(-1.0)

    def __sub__(self, other: Operator) -> Operator:
        return self + (-other)

    def __rmul__(self, factor: Coefficient) -> Operator:
        return Operator(tuple((directions, _product(factor, c)) for directions, c in self.terms))

    def __mul__(self, factor: Coefficient) -> Operator:
        return self.__rmul__(factor)

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """A tensor times an operator: without this ``torch.compile`` takes it for a product of tensors."""
        if getattr(func, "__name__", "") not in ("mul", "__mul__", "__rmul__") or len(args) != 2:
            return NotImplemented
        return args[1].__rmul__(args[0]) if isinstance(args[1], Operator) else args[0].__rmul__(args[1])

    def __matmul__(self, other: Operator) -> Operator:
        if any(isinstance(c, Tensor) for _, c in other.terms):
            raise InputError("An operator with variable coefficients cannot be differentiated; compose it on the left.")
        return Operator.of(((*p, *q), _product(a, b)) for p, a in self.terms for q, b in other.terms)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Operator):
            return NotImplemented
        if len(self.terms) != len(other.terms):
            return False
        rest = list(other.terms)
        for directions, c in self.terms:
            for n, (candidate, k) in enumerate(rest):
                if _same((c,), (k,)) and _same(directions, candidate):
                    del rest[n]
                    break
            else:
                return False
        return True

    def __hash__(self) -> int:
        return hash(frozenset((_split(directions)[0], None if isinstance(c, Tensor) else c) for directions, c in self.terms))

    def __str__(self) -> str:
        def term(directions: tuple[Direction, ...], c: Coefficient) -> str:
            name = "u" + ("_" + "".join("v" if isinstance(d, Tensor) else str(d) for d in directions) if directions else "")
            return f"c*{name}" if isinstance(c, Tensor) else name if c == 1 else f"{c:g}*{name}"

        return " + ".join(term(*t) for t in self.terms) or "0"


def _split(directions: Sequence[Direction]) -> tuple[tuple[str | int, ...], tuple[Tensor, ...]]:
    """The coordinates, sorted, and the vectors among directions."""
    coords = sorted([d for d in directions if not isinstance(d, Tensor)], key=str)
    for name in coords:
        if isinstance(name, bool) or not isinstance(name, (str, int)) or name == "":
            raise InputError(f"A derivative needs the name or index of a coordinate, as in d('x'), but got {name!r}.")
    return tuple(coords), tuple([d for d in directions if isinstance(d, Tensor)])


def _place(tensor: Tensor, among: Sequence[Tensor]) -> int | None:
    """Where in a sequence this very tensor is."""
    for n, candidate in enumerate(among):
        if candidate is tensor:
            return n
    return None


def _same(p: Sequence[Direction | Coefficient], q: Sequence[Direction | Coefficient]) -> bool:
    """Whether two sequences have the same members in some order."""
    rest = list(q)
    for part in p:
        for n, candidate in enumerate(rest):
            tensors = isinstance(part, Tensor) or isinstance(candidate, Tensor)
            if part is candidate if tensors else part == candidate:
                del rest[n]
                break
        else:
            return False
    return not rest


def _product(a: Coefficient, b: Coefficient) -> Coefficient:
    """a * b, where 1.0 times a tensor is this very tensor, so that operators stay comparable."""
    if isinstance(a, Tensor) and not isinstance(b, Tensor) and b == 1.0:
        return a
    if isinstance(b, Tensor) and not isinstance(a, Tensor) and a == 1.0:
        return b
    return a * b


def tensors_of(ops: Sequence[Operator]) -> list[Tensor]:
    """Every tensor in the operators, each once.

    Example:
        >>> import torch
        >>> from rbfnet.operators import Operator, tensors_of
        >>> len(tensors_of([Operator.d(0), torch.ones(3) * Operator.d(1)]))
        1
    """
    found: list[Tensor] = []
    for op in ops:
        found += [t for t in op.tensors if not any(t is other for other in found)]
    return found
