"""Find powers of the Laplacian in an operator: their collected forms are several times cheaper than the sum of their terms."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

from torch import Tensor

from rbfnet.operators import Coefficient, Direction, Operator

Term = tuple[tuple[Direction, ...], Coefficient]


@dataclass(frozen=True)
class Collected:
    """coefficient * (Laplacian over ``subset``)^power, differentiated along the input ``along`` unless that is None."""

    coefficient: float
    subset: tuple[int, ...]
    power: int
    along: int | None = None


def collect(op: Operator, dims: int) -> tuple[list[Collected], list[Term]]:
    """The collected parts of an operator over ``dims`` inputs, and the terms that remain; their sum is the operator.

    Only numbers are collected; coefficients that vary from point to point remain as they are.
    """
    left: dict[tuple[int, ...], float] = {}
    rest: list[Term] = []
    for directions, c in op.terms:
        if isinstance(c, Tensor) or any(isinstance(v, Tensor) for v in directions):
            rest.append((directions, c))
        else:
            left[tuple(sorted(int(v) for v in directions))] = float(c)
    parts = _biharmonic(left, dims)
    for along in (*range(dims), None):
        parts += _laplacian(left, dims, along)
    return parts, [*rest, *((directions, c) for directions, c in left.items())]


def _laplacian(left: dict[tuple[int, ...], float], dims: int, along: int | None) -> list[Collected]:
    extra = () if along is None else (along,)
    key = {i: tuple(sorted((i, i, *extra))) for i in range(dims)}
    parts = []
    for c, subset in _alike({i: left[key[i]] for i in range(dims) if key[i] in left}).items():
        # One input alone has nothing to collect, unless it is the only one.
        if len(subset) >= min(2, dims):
            parts.append(Collected(c, subset, 1, along))
            for i in subset:
                del left[key[i]]
    return parts


def _biharmonic(left: dict[tuple[int, ...], float], dims: int) -> list[Collected]:
    parts = []
    for c, subset in _alike({i: left[i, i, i, i] for i in range(dims) if (i, i, i, i) in left}).items():
        mixed = [(i, i, j, j) for i, j in combinations(subset, 2)]
        if len(subset) >= min(2, dims) and all(left.get(term) == 2.0 * c for term in mixed):
            parts.append(Collected(c, subset, 2))
            for term in (*((i, i, i, i) for i in subset), *mixed):
                del left[term]
    return parts


def _alike(coefficients: dict[int, float]) -> dict[float, tuple[int, ...]]:
    """The inputs that have the same coefficient, by coefficient."""
    found: dict[float, tuple[int, ...]] = {}
    for i, c in coefficients.items():
        found[c] = (*found.get(c, ()), i)
    return found
