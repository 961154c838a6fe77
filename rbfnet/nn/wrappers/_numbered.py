"""The terms of operators with their directions numbered, and the two sums over parts of them: Leibniz and Faa di Bruno."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from torch import Tensor

from rbfnet.operators import Coefficient, Direction, Operator

Key = tuple[int, ...]
"""The numbers of some directions, sorted: one derivative."""


class Numbered:
    """Operators whose directions are numbers: these can be sorted, split and looked up, which tensors cannot.

    Attributes:
        directions: the different directions of all operators, by number.
        terms: for each operator the pairs (key, coefficient).
    """

    def __init__(self, ops: Sequence[Operator]) -> None:
        self.directions: list[Direction] = []
        self.terms: list[list[tuple[Key, Coefficient]]] = [
            [(tuple(sorted(self._number(v) for v in directions)), c) for directions, c in op.terms] for op in ops
        ]

    def _number(self, v: Direction) -> int:
        for n, known in enumerate(self.directions):
            # Tensors are the same only if they are one object.
            if known is v or (not (isinstance(v, Tensor) or isinstance(known, Tensor)) and known == v):
                return n
        self.directions.append(v)
        return len(self.directions) - 1

    @property
    def keys(self) -> Iterator[Key]:
        """The derivatives in all terms."""
        return (key for terms in self.terms for key, _ in terms)

    def along(self, key: Key) -> tuple[Direction, ...]:
        """The directions of a key."""
        return tuple(self.directions[n] for n in key)


def times(count: float, c: Coefficient, factor: Coefficient = 1.0) -> Coefficient:
    """count * c * factor. What is multiplied by one stays the same object, so that equal coefficients can be told to be equal."""
    for part in (count, c):
        if isinstance(part, Tensor) or part != 1.0:
            factor = factor * part
    return factor


def splits(key: Key) -> list[tuple[float, Key, Key]]:
    """All ways to part a key in two, (multiplicity, one part, the rest): the terms of the derivative of a product."""
    parts = (
        tuple(tuple(n for i, n in enumerate(key) if chosen >> i & 1 == side) for side in (1, 0))
        for chosen in range(2 ** len(key))
    )
    return [(float(count), part, rest) for (part, rest), count in Counter(parts).items()]


def partitions(key: Key) -> list[tuple[float, tuple[Key, ...]]]:
    """All ways to part a key into blocks, (multiplicity, blocks): the terms of the derivative of a composition."""

    def grow(rest: Key) -> Iterator[tuple[Key, ...]]:
        if not rest:
            yield ()
            return
        first, others = rest[:1], rest[1:]
        for blocks in grow(others):
            yield (first, *blocks)
            for i, block in enumerate(blocks):
                yield (*blocks[:i], first + block, *blocks[i + 1 :])

    return [(float(count), blocks) for blocks, count in Counter(tuple(sorted(blocks)) for blocks in grow(key)).items()]
