"""Poisson's equation."""

from __future__ import annotations

from collections.abc import Iterable
from math import pi

from torch import Tensor, sin

from rbfnet.domains import Rectangle
from rbfnet.problems._problem import Problem
from rbfnet.problems.conditions import Condition, Dirichlet, Interior


class Poisson(Problem):
    """-Lap u = f on the unit square, u = 0 on its boundary; f such that u = sin(pi x) sin(pi y).

    Source: Mueller and Zeinhofer, Achieving High Accuracy with PINNs via Energy Natural Gradients, ICML 2023, section 4.1.

    Args:
        num_interior, num_boundary, sampler: see :class:`Problem`.

    Example:
        >>> import rbfnet
        >>> from rbfnet.problems import Poisson
        >>> rbfnet.solve(Poisson(), num_centers=100).verdict
        'solved'
    """

    domain = Rectangle(x=(0, 1), y=(0, 1))

    def __init__(self, num_interior: int | None = None, num_boundary: int | None = None, sampler: str = "halton") -> None:
        super().__init__(num_interior=num_interior, num_boundary=num_boundary, sampler=sampler)

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda u: u.laplacian() + 2 * pi**2 * sin(pi * u.x) * sin(pi * u.y))
        yield Dirichlet(0.0)

    def exact(self, x: Tensor, y: Tensor) -> Tensor:
        return sin(pi * x) * sin(pi * y)
