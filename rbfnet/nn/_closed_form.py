"""The one formula: any linear differential operator of phi((epsilon |x - c|)^2), from shared distances."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.operators import Coefficient, Direction, Operator

Profile = Callable[[Tensor, int], Tensor]
"""(s, k) -> f^(k)(s)."""


def radial_columns(
    profile: Profile,
    ops: Sequence[Operator],
    x: Float[Tensor, "B D"],
    centers: Float[Tensor, "M D"],
    epsilon: Float[Tensor, ...],
) -> list[Float[Tensor, "B M"]]:
    """Each operator in x of phi(epsilon_j^2 |x_b - c_j|^2), one (B, M) array an operator.

    With d = x - c, a = epsilon^2 and s = a |d|^2, a derivative along directions v_1 .. v_n is (design, section 4)

        sum over partial matchings of {1..n} of  prod over pairs 2a v_i.v_j * prod over singles 2a v_i.d * f^(n - #pairs)(s).

    s is a sum of squared differences, taken dimension by dimension: exact to rounding wherever the points lie, and never
    a B x M x D array.
    """
    geometry = _Geometry(x, centers, epsilon)
    rungs: dict[int, Tensor] = {}

    def rung(k: int) -> Tensor:
        if k not in rungs:
            rungs[k] = profile(geometry.s, k)
        return rungs[k]

    columns = []
    for op in ops:
        factors: dict[int, Factor] = {}
        laplacian, terms = _split_laplacian(op, x.shape[1])
        if laplacian:
            factors = {k: _times(laplacian, factor) for k, factor in geometry.laplacian().items()}
        for directions, c in terms:
            scale = c.unsqueeze(-1) if isinstance(c, Tensor) else c
            for k, factor in geometry.factors(directions).items():
                factors[k] = _plus(factors.get(k, 0.0), _times(scale, factor))
        column: Factor = 0.0
        for k, factor in factors.items():
            column = _plus(column, _times(factor, rung(k)))
        columns.append(torch.broadcast_to(torch.as_tensor(column, dtype=x.dtype, device=x.device), geometry.s.shape))
    return columns


Factor = Tensor | float
"""What multiplies f^(k)(s): a number, or a tensor that broadcasts to (B, M)."""


def _times(a: Factor, b: Factor) -> Factor:
    """a * b, without a pass over an array to multiply it by one or zero."""
    if isinstance(b, float) and not isinstance(a, float):
        a, b = b, a
    return b if isinstance(a, float) and a == 1.0 else 0.0 if isinstance(a, float) and a == 0.0 else a * b


def _plus(a: Factor, b: Factor) -> Factor:
    """a + b, without a pass over an array to add zero."""
    return b if isinstance(a, float) and a == 0.0 else a if isinstance(b, float) and b == 0.0 else a + b


def _split_laplacian(op: Operator, dims: int) -> tuple[float, list[tuple[tuple[Direction, ...], Coefficient]]]:
    """How many times the Laplacian over all inputs is in an operator, and the terms that remain.

    Its collected form, 2 D a f' + 4 a s f'', is several times cheaper than the sum over dimensions.
    """
    terms = dict(op.terms)
    pure = [terms.get((i, i), 0.0) for i in range(dims)]
    if dims == 1 or isinstance(pure[0], Tensor) or any(isinstance(c, Tensor) or c != pure[0] for c in pure[1:]):
        return 0.0, list(op.terms)
    axes = {(i, i) for i in range(dims)}
    return pure[0], [(directions, c) for directions, c in op.terms if directions not in axes]


class _Geometry:
    """Differences and squared distances of a block of points to all centres, and the two kinds of factors."""

    def __init__(self, x: Tensor, centers: Tensor, epsilon: Tensor) -> None:
        columns = centers.T.contiguous()
        self.x = x
        self.d = [x[:, i, None] - columns[i] for i in range(x.shape[1])]
        self.a = epsilon.square()
        r2 = self.d[0].square()
        for difference in self.d[1:]:
            r2 = r2 + difference.square()
        self.s = self.a * r2
        self._singles: dict[int, Tensor] = {}

    def single(self, v: Direction) -> Tensor:
        """2a v.d, (B, M)."""
        key = id(v) if isinstance(v, Tensor) else int(v)
        if key not in self._singles:
            if isinstance(v, Tensor):
                along = sum((v[:, i, None] * self.d[i] for i in range(1, len(self.d))), v[:, 0, None] * self.d[0])
            else:
                along = self.d[int(v)]
            self._singles[key] = (2.0 * self.a) * along
        return self._singles[key]

    def pair(self, v: Direction, w: Direction) -> Factor:
        """2a v.w, broadcastable to (B, M); 0.0 for two different axes."""
        if isinstance(v, Tensor) and isinstance(w, Tensor):
            return 2.0 * self.a * (v * w).sum(dim=-1, keepdim=True)
        if isinstance(v, Tensor):
            return 2.0 * self.a * v[:, int(w), None]
        if isinstance(w, Tensor):
            return self.pair(w, v)
        return 2.0 * self.a if v == w else 0.0

    def laplacian(self) -> dict[int, Factor]:
        """The factors of the Laplacian over all inputs."""
        return {1: (2.0 * len(self.d)) * self.a, 2: (4.0 * self.a) * self.s}

    def factors(self, directions: tuple[Direction, ...]) -> dict[int, Factor]:
        """What multiplies f^(k)(s) in a derivative along ``directions``, for each k."""
        ids = [id(v) if isinstance(v, Tensor) else int(v) for v in directions]
        labels = tuple(ids.index(i) for i in ids)
        axes = tuple(not isinstance(v, Tensor) for v in directions)
        found: dict[int, Factor] = {}
        for count, pairs, singles in _matchings(labels, axes):
            product: Factor = float(count)
            for i, j in pairs:
                product = _times(product, self.pair(directions[i], directions[j]))
            for i in singles:
                product = _times(product, self.single(directions[i]))
            k = len(directions) - len(pairs)
            found[k] = _plus(found.get(k, 0.0), product)
        return found


Matching = tuple[int, tuple[tuple[int, int], ...], tuple[int, ...]]


@cache
def _matchings(labels: tuple[int, ...], axes: tuple[bool, ...]) -> list[Matching]:
    """The partial matchings of the positions, as (multiplicity, pairs, singles).

    Positions of equal label stand for the same direction, so matchings that differ only in these are counted, not listed;
    a pair of two different axes is 0 and left out.
    """

    def grow(rest: tuple[int, ...]) -> list[tuple[tuple[tuple[int, int], ...], tuple[int, ...]]]:
        if not rest:
            return [((), ())]
        first, others = rest[0], rest[1:]
        found = [(pairs, (first, *singles)) for pairs, singles in grow(others)]
        for n, partner in enumerate(others):
            if axes[first] and axes[partner] and first != partner:
                continue
            pair = (min(first, partner), max(first, partner))
            found += [((pair, *pairs), singles) for pairs, singles in grow(others[:n] + others[n + 1 :])]
        return found

    counts = Counter((tuple(sorted(pairs)), tuple(sorted(singles))) for pairs, singles in grow(labels))
    return [(count, pairs, singles) for (pairs, singles), count in counts.items()]
