"""Multi-indices as sorted tuples of coordinates: u_xxy is (0, 0, 1). What Leibniz' rule and operators need of them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import product

from torch import Tensor

from rbfnet.operators import Coefficient, Operator

Index = tuple[int, ...]
"""The coordinates of a derivative, sorted; () for the value."""


def parts(index: Index) -> list[tuple[Index, Index, int]]:
    """(beta, alpha - beta, binomial coefficient) for every beta <= alpha: D^alpha (f g) = sum of C D^beta f D^(alpha-beta) g."""
    coords = sorted(set(index))
    counts = [index.count(i) for i in coords]
    found = []
    for taken in product(*(range(n + 1) for n in counts)):
        beta = tuple(i for i, k in zip(coords, taken, strict=True) for _ in range(k))
        rest = tuple(i for i, k, n in zip(coords, taken, counts, strict=True) for _ in range(n - k))
        found.append((beta, rest, math.prod(math.comb(n, k) for n, k in zip(counts, taken, strict=True))))
    return found


def lower_set(indices: Iterable[Index]) -> list[Index]:
    """Every multi-index below one of these, those of lower order first."""
    return sorted({beta for index in indices for beta, _, _ in parts(index)}, key=lambda index: (len(index), index))


def raised(index: Index, along: int) -> Index:
    """The multi-index with one more derivative along a coordinate."""
    return tuple(sorted((*index, along)))


def terms_of(op: Operator, dims: int) -> dict[Index, Coefficient]:
    """The operator as a sum over multi-indices, vectors written out in coordinates."""
    found: dict[Index, Coefficient] = {}
    for directions, c in op.terms:
        choices = [range(dims) if isinstance(v, Tensor) else (int(v),) for v in directions]
        for chosen in product(*choices):
            factor = c
            for v, i in zip(directions, chosen, strict=True):
                factor = factor * v[:, i] if isinstance(v, Tensor) else factor
            index = tuple(sorted(chosen))
            found[index] = found[index] + factor if index in found else factor
    return found
