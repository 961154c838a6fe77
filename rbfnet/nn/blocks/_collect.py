"""Find powers of the Laplacian in an operator: their collected forms are several times cheaper than the sum of their terms."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

from torch import Tensor

from rbfnet.operators import Coefficient, Direction, Operator

Term = tuple[tuple[Direction, ...], Coefficient]
Left = dict[tuple[int, ...], Coefficient]
"""What has not been collected yet: sorted inputs -> coefficient."""


@dataclass(frozen=True)
class Collected:
    """coefficient * (Laplacian over ``subset``)^power, differentiated along the input ``along`` unless that is None."""

    coefficient: Coefficient
    subset: tuple[int, ...]
    power: int
    along: int | None = None


def collect(op: Operator, dims: int) -> tuple[list[Collected], list[Term]]:
    """The collected parts of an operator over ``dims`` inputs, and the terms that remain; their sum is the operator.

    Coefficients that vary from point to point are alike where they are one tensor, as in an ansatz d(x) u(x).
    """
    left: Left = {}
    rest: list[Term] = []
    for directions, c in op.terms:
        if any(isinstance(v, Tensor) for v in directions):
            rest.append((directions, c))
        else:
            left[tuple(sorted([int(v) for v in directions]))] = c
    parts = _biharmonic(left, dims)
    for along in (*range(dims), None):
        parts += _laplacian(left, dims, along)
    return parts, [*rest, *((directions, c) for directions, c in left.items())]


def _laplacian(left: Left, dims: int, along: int | None) -> list[Collected]:
    extra = () if along is None else (along,)
    key = {i: tuple(sorted((i, i, *extra))) for i in range(dims)}
    parts = []
    for c, subset in _alike({i: left[key[i]] for i in range(dims) if key[i] in left}):
        # One input alone has nothing to collect, unless it is the only one.
        if len(subset) >= min(2, dims):
            parts.append(Collected(c, subset, 1, along))
            for i in subset:
                del left[key[i]]
    return parts


def _biharmonic(left: Left, dims: int) -> list[Collected]:
    parts = []
    for c, subset in _alike({i: left[i, i, i, i] for i in range(dims) if (i, i, i, i) in left}):
        mixed = [(i, i, j, j) for i, j in combinations(subset, 2)]
        if len(subset) >= min(2, dims) and all(term in left and _equal(left[term], 2.0 * c) for term in mixed):
            parts.append(Collected(c, subset, 2))
            for term in (*((i, i, i, i) for i in subset), *mixed):
                del left[term]
    return parts


def _alike(coefficients: dict[int, Coefficient]) -> list[tuple[Coefficient, tuple[int, ...]]]:
    """The inputs that have the same coefficient, with that."""
    found: list[tuple[Coefficient, tuple[int, ...]]] = []
    for i, c in coefficients.items():
        for n, (other, subset) in enumerate(found):
            if _equal(c, other):
                found[n] = (other, (*subset, i))
                break
        else:
            found.append((c, (i,)))
    return found


def _equal(a: Coefficient, b: Coefficient) -> bool:
    return a is b or (not isinstance(a, Tensor) and not isinstance(b, Tensor) and a == b)
