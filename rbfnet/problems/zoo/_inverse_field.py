"""An inverse problem with an unknown coefficient function."""

from __future__ import annotations

from collections.abc import Iterable
from math import pi

import torch
from torch import Tensor, cos, sin

from rbfnet.domains import Rectangle
from rbfnet.errors import positive
from rbfnet.operators import Field
from rbfnet.problems._problem import Problem
from rbfnet.problems.conditions import Condition, Data, Dirichlet, Interior, Residual
from rbfnet.problems.unknowns import UnknownField


class InverseField(Problem):
    """-div(a grad u) = f on the unit square with a unknown, u = 0 on its boundary, and 50^2 noisy values of u on a grid.

    f is such that a = 1 / (1 + x^2 + y^2 + (x-1)^2 + (y-1)^2) and u = sin(pi x) sin(pi y). The error of a is with the unknowns
    in the summary.

    Source: Hao et al., PINNacle: A Comprehensive Benchmark of Physics-Informed Neural Networks for Solving PDEs (2023).

    Args:
        num_interior, num_boundary, sampler: see :class:`Problem`.
        noise: the standard deviation of the normal errors of the values.

    Raises:
        InputError: a number of points below 1, or negative noise.

    Example:
        >>> from rbfnet.problems import InverseField
        >>> list(InverseField().unknowns())
        ['a']
    """

    domain = Rectangle(x=(0, 1), y=(0, 1))

    def __init__(
        self, num_interior: int | None = None, num_boundary: int | None = None, sampler: str = "halton", noise: float = 0.1
    ) -> None:
        super().__init__(num_interior=num_interior, num_boundary=num_boundary, sampler=sampler)
        points = self.domain.grid(50**2)
        spread = float(positive("noise", noise, zero=True))
        values = self.exact(*points.unbind(dim=1))
        self._measured = points, values + spread * torch.randn(len(points), dtype=points.dtype)
        self.a = UnknownField(self.domain, 1.0, positive=True, exact=coefficient)

    def conditions(self) -> Iterable[Condition]:
        yield Interior(self._equation)
        yield Dirichlet(0.0)
        yield Data(*self._measured)

    def exact(self, x: Tensor, y: Tensor) -> Tensor:
        return sin(pi * x) * sin(pi * y)

    def _equation(self, u: Field) -> Residual:
        a = self.a(u)
        return source(u.x, u.y) + a * u.laplacian() + a.d("x") * u.d("x") + a.d("y") * u.d("y")


def coefficient(x: Tensor, y: Tensor) -> Tensor:
    """The true a."""
    return 1 / (1 + x**2 + y**2 + (x - 1) ** 2 + (y - 1) ** 2)


def source(x: Tensor, y: Tensor) -> Tensor:
    """f = -div(a grad u) for the true a and u; grad a = -a^2 (4x - 2, 4y - 2)."""
    a = coefficient(x, y)
    slopes = (4 * x - 2) * cos(pi * x) * sin(pi * y) + (4 * y - 2) * sin(pi * x) * cos(pi * y)
    return 2 * pi**2 * a * sin(pi * x) * sin(pi * y) + pi * a**2 * slopes
