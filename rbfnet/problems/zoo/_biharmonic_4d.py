"""The biharmonic equation in four dimensions."""

from __future__ import annotations

from collections.abc import Iterable
from math import pi

from torch import Tensor, sin

from rbfnet.domains import Box
from rbfnet.operators import Field
from rbfnet.problems._problem import Problem
from rbfnet.problems.conditions import Boundary, Condition, Interior, Residual


class Biharmonic4D(Problem):
    """Lap^2 u + u^3 = f on [-1, 1]^4, u and Lap u given on the boundary; f such that u = sum_i sin(pi x_i / 2).

    Nonlinear. Errors are measured at Halton points that are always the same.

    Source: none; f is made for the solution.

    Args:
        num_interior, num_boundary, sampler: see :class:`Problem`.

    Example:
        >>> import torch
        >>> from rbfnet.problems import Biharmonic4D
        >>> Biharmonic4D().exact(*torch.ones(4, 1))
        tensor([4.])
    """

    domain = Box(x1=(-1, 1), x2=(-1, 1), x3=(-1, 1), x4=(-1, 1))

    def __init__(self, num_interior: int = 2000, num_boundary: int = 1000, sampler: str = "halton") -> None:
        super().__init__(num_interior=num_interior, num_boundary=num_boundary, sampler=sampler)

    def conditions(self) -> Iterable[Condition]:
        yield Interior(self._plate)
        yield Boundary(self._supported)

    def exact(self, *x: Tensor) -> Tensor:
        return sum((sin(pi / 2 * xi) for xi in x[1:]), sin(pi / 2 * x[0]))

    def _plate(self, u: Field) -> Residual:
        exact = self.exact(*u.points.unbind(dim=1))
        return u.biharmonic() + u**3 - (pi / 2) ** 4 * exact - exact**3

    def _supported(self, u: Field) -> Residual:
        exact = self.exact(*u.points.unbind(dim=1))
        return u.value - exact, u.laplacian() + (pi / 2) ** 2 * exact
