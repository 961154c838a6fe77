"""Differences, squared distances and metrics of a block of point-centre pairs: what every closed form is made of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from rbfnet.nn.blocks._pairs import Pairs
from rbfnet.operators import Direction

Factor = Tensor | float
"""What multiplies f^(k)(s): a number, or a tensor that broadcasts over the pairs."""


def times(a: Factor, b: Factor) -> Factor:
    """a * b, without a pass over an array to multiply it by one or zero."""
    if isinstance(b, float) and not isinstance(a, float):
        a, b = b, a
    return b if isinstance(a, float) and a == 1.0 else 0.0 if isinstance(a, float) and a == 0.0 else a * b


def plus(a: Factor, b: Factor) -> Factor:
    """a + b, without a pass over an array to add zero."""
    return b if isinstance(a, float) and a == 0.0 else a if isinstance(b, float) and b == 0.0 else a + b


def total(factors: Sequence[Factor]) -> Factor:
    """Their sum."""
    result: Factor = 0.0
    for factor in factors:
        result = plus(result, factor)
    return result


class Geometry(ABC):
    """d = x - c, s = d^T A d and y = A d for the pairs of a block.

    The differences are taken dimension by dimension, so that s is a sum of squares of numbers that are exact to rounding
    wherever the points lie, and nothing of size B x M x D is held.

    Attributes:
        d: one array over the pairs a dimension.
        s: (over the pairs), at least 0.
    """

    s: Tensor

    def __init__(self, x: Tensor, centers: Tensor, pairs: Pairs) -> None:
        self.pairs = pairs
        self.d = [pairs.of_points(x[:, i]) - pairs.of_centers(centers[:, i].contiguous()) for i in range(x.shape[1])]
        self._y: dict[int, Tensor] = {}
        # Keyed by identity, and holding the vectors, so that no identity is given away again.
        self._along: list[tuple[Tensor, Tensor]] = []

    @abstractmethod
    def _image(self, i: int) -> Tensor:
        """y_i = (A d)_i."""

    @abstractmethod
    def entry(self, i: int, j: int) -> Factor:
        """A_ij; 0.0 where it is zero for every centre."""

    def y(self, i: int) -> Tensor:
        """y_i = (A d)_i, computed once."""
        if i not in self._y:
            self._y[i] = self._image(i)
        return self._y[i]

    # -- the two kinds of factors of the general formula ---------------------------------------------------------------

    def single(self, v: Direction) -> Factor:
        """2 v^T A d."""
        if not isinstance(v, Tensor):
            return 2.0 * self.y(int(v))
        for known, along in self._along:
            if known is v:
                return along
        along = 2.0 * sum((self._component(v, i) * self.y(i) for i in range(1, len(self.d))), self._component(v, 0) * self.y(0))
        self._along.append((v, along))
        return along

    def pair(self, v: Direction, w: Direction) -> Factor:
        """2 v^T A w."""
        dims = range(len(self.d))
        if isinstance(v, Tensor) and isinstance(w, Tensor):
            columns = [self.pair(v, j) for j in dims]
            return total([times(self._component(w, j), column) for j, column in zip(dims, columns, strict=True)])
        if isinstance(v, Tensor):
            return total([times(self._component(v, i), times(2.0, self.entry(i, int(w)))) for i in dims])
        return self.pair(w, v) if isinstance(w, Tensor) else times(2.0, self.entry(int(v), int(w)))

    def _component(self, v: Tensor, i: int) -> Tensor:
        return self.pairs.of_points(v[:, i])

    # -- the traces and quadratic forms of the collected ones, over a subset C of the inputs ---------------------------

    def t1(self, subset: Sequence[int]) -> Factor:
        """tr(A C)."""
        return total([self.entry(i, i) for i in subset])

    def t2(self, subset: Sequence[int]) -> Factor:
        """tr((A C)^2)."""
        return total([times(e, e) for i in subset for j in subset for e in [self.entry(i, j)]])

    def q2(self, subset: Sequence[int]) -> Factor:
        """y^T C y."""
        return total([self.y(i).square() for i in subset])

    def q3(self, subset: Sequence[int]) -> Factor:
        """y^T C A C y."""
        return total([times(self.y(i), self.row(i, subset)) for i in subset])

    def row(self, i: int, subset: Sequence[int]) -> Factor:
        """(A C y)_i."""
        return total([times(self.entry(i, j), self.y(j)) for j in subset])


class IsotropicGeometry(Geometry):
    """A = a I, with a () or one a centre."""

    def __init__(self, x: Tensor, centers: Tensor, pairs: Pairs, epsilon: Tensor) -> None:
        super().__init__(x, centers, pairs)
        a = epsilon.square()
        self.a = pairs.of_centers(a) if a.ndim else a
        self.s = self.a * _sum_of_squares(self.d)

    def _image(self, i: int) -> Tensor:
        return self.a * self.d[i]

    def entry(self, i: int, j: int) -> Factor:
        return self.a if i == j else 0.0

    def q2(self, subset: Sequence[int]) -> Factor:
        if len(subset) == len(self.d):
            return self.a * self.s
        return self.a.square() * _sum_of_squares([self.d[i] for i in subset])

    def q3(self, subset: Sequence[int]) -> Factor:
        return times(self.a, self.q2(subset))


class DiagonalGeometry(Geometry):
    """A = diag(epsilon^2), with epsilon (D,) or (M, D)."""

    def __init__(self, x: Tensor, centers: Tensor, pairs: Pairs, epsilon: Tensor) -> None:
        super().__init__(x, centers, pairs)
        scale = [pairs.of_centers(e.contiguous()) if epsilon.ndim == 2 else e for e in epsilon.unbind(-1)]
        self.a = [e.square() for e in scale]
        self.s = _sum_of_squares([e * d for e, d in zip(scale, self.d, strict=True)])

    def _image(self, i: int) -> Tensor:
        return self.a[i] * self.d[i]

    def entry(self, i: int, j: int) -> Factor:
        return self.a[i] if i == j else 0.0


class FullGeometry(Geometry):
    """A = L L^T, with L lower triangular, (D, D) or (M, D, D): s = |L^T d|^2 cannot be negative."""

    def __init__(self, x: Tensor, centers: Tensor, pairs: Pairs, factor: Tensor) -> None:
        super().__init__(x, centers, pairs)
        dims = range(len(self.d))

        def laid(value: Tensor) -> Tensor:
            return pairs.of_centers(value) if value.ndim else value

        self.factor = [[laid(factor[..., i, k]) for k in range(i + 1)] for i in dims]
        matrix = factor @ factor.mT
        self.matrix = [[laid(matrix[..., i, j]) for j in dims] for i in dims]
        self.z = [sum((self.factor[i][k] * self.d[i] for i in dims[k + 1 :]), self.factor[k][k] * self.d[k]) for k in dims]
        self.s = _sum_of_squares(self.z)

    def _image(self, i: int) -> Tensor:
        return sum((self.factor[i][k] * self.z[k] for k in range(1, i + 1)), self.factor[i][0] * self.z[0])

    def entry(self, i: int, j: int) -> Factor:
        return self.matrix[i][j]


def _sum_of_squares(parts: Sequence[Tensor]) -> Tensor:
    result = parts[0].square()
    for part in parts[1:]:
        result = torch.addcmul(result, part, part)
    return result
