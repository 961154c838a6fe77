"""The one formula: any linear differential operator of phi((x - c)^T A (x - c)), from shared distances."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from rbfnet.nn.blocks._collect import Collected, collect
from rbfnet.nn.blocks._geometry import Factor, Geometry, plus, times
from rbfnet.operators import Coefficient, Direction, Operator

Rungs = Callable[[Tensor, Sequence[int]], Sequence[Tensor]]
"""(s, orders) -> f^(k)(s) for each k of the orders: ``Kernel.derivatives``."""


def radial_columns(rungs: Rungs, ops: Sequence[Operator], geometry: Geometry) -> list[Tensor]:
    """Each operator in x of phi(s), one array over the pairs an operator.

    With d = x - c, s = d^T A d, y = A d, a derivative along directions v_1 .. v_n is (docs/design.md, section 4)

        sum over partial matchings of {1..n} of  prod over pairs 2 v_i^T A v_j * prod over singles 2 v_i.y * f^(n - #pairs)(s).

    Powers of the Laplacian over any of the inputs, and their gradients, have collected forms, which are several times cheaper.
    Results are finite as long as (epsilon sqrt(s))^n is a number of the dtype: to sqrt(s) = 1e8 in float32 and 1e70 in float64
    for operators of order n = 4 and epsilon = 1. Gradients take a power more: to 1e6 and 1e56.
    """
    factors = [_factors(op, geometry) for op in ops]
    orders = sorted({k for by_rung in factors for k in by_rung})
    f = dict(zip(orders, rungs(geometry.s, orders), strict=True)) if orders else {}
    columns = []
    for by_rung in factors:
        column: Factor = 0.0
        for k, factor in by_rung.items():
            column = plus(column, times(factor, f[k]))
        if not isinstance(column, Tensor):
            column = torch.full_like(geometry.s, column)
        columns.append(column if column.shape == geometry.s.shape else column.expand(geometry.s.shape))
    return columns


def _factors(op: Operator, geometry: Geometry) -> dict[int, Factor]:
    """What multiplies f^(k)(s) in an operator, for each k."""
    parts, rest = collect(op, len(geometry.d))
    found: dict[int, Factor] = {}

    def add(c: Factor, by_rung: dict[int, Factor]) -> None:
        for k, factor in by_rung.items():
            term = times(c, factor)
            if not (isinstance(term, float) and term == 0.0):
                found[k] = plus(found[k], term) if k in found else term

    for part in parts:
        add(_laid(part.coefficient, geometry), _collected(part, geometry))
    for directions, c in rest:
        add(_laid(c, geometry), _matched(directions, geometry))
    return found


def _laid(c: Coefficient, geometry: Geometry) -> Factor:
    return geometry.pairs.of_points(c) if isinstance(c, Tensor) else float(c)


def _collected(part: Collected, g: Geometry) -> dict[int, Factor]:
    """The factors of Lap, Lap^2 and d_k Lap over a subset of the inputs (docs/design.md, section 4)."""
    subset = part.subset
    t1, q2 = g.t1(subset), g.q2(subset)
    if part.along is not None:
        y = g.y(part.along)
        return {
            2: plus(times(4.0, times(t1, y)), times(8.0, g.row(part.along, subset))),
            3: times(8.0, times(q2, y)),
        }
    if part.power == 1:
        return {1: times(2.0, t1), 2: times(4.0, q2)}
    return {
        2: plus(times(4.0, times(t1, t1)), times(8.0, g.t2(subset))),
        3: plus(times(times(16.0, t1), q2), times(32.0, g.q3(subset))),
        4: times(16.0, times(q2, q2)),
    }


def _matched(directions: tuple[Direction, ...], geometry: Geometry) -> dict[int, Factor]:
    """The factors of a derivative along ``directions``."""
    labels = tuple(next(m for m, w in enumerate(directions) if w is v or _same(v, w)) for v in directions)
    found: dict[int, Factor] = {}
    for count, pairs, singles in _matchings(labels):
        product: Factor = float(count)
        for i, j in pairs:
            product = times(product, geometry.pair(directions[i], directions[j]))
        if isinstance(product, float) and product == 0.0:
            continue
        for i in singles:
            product = times(product, geometry.single(directions[i]))
        k = len(directions) - len(pairs)
        found[k] = plus(found.get(k, 0.0), product)
    return found


def _same(v: Direction, w: Direction) -> bool:
    return not isinstance(v, Tensor) and not isinstance(w, Tensor) and v == w


Matching = tuple[int, tuple[tuple[int, int], ...], tuple[int, ...]]


def _matchings(labels: tuple[int, ...]) -> list[Matching]:
    """The partial matchings of the positions, as (multiplicity, pairs, singles).

    Positions of equal label stand for the same direction, so matchings that differ only in these are counted, not listed.
    """

    def grow(rest: tuple[int, ...]) -> list[tuple[tuple[tuple[int, int], ...], tuple[int, ...]]]:
        if not rest:
            return [((), ())]
        first, others = rest[0], rest[1:]
        found = [(pairs, (first, *singles)) for pairs, singles in grow(others)]
        for n, partner in enumerate(others):
            pair = (min(first, partner), max(first, partner))
            found += [((pair, *pairs), singles) for pairs, singles in grow(others[:n] + others[n + 1 :])]
        return found

    counts = Counter((tuple(sorted(pairs)), tuple(sorted(singles))) for pairs, singles in grow(labels))
    return [(count, pairs, singles) for (pairs, singles), count in counts.items()]
