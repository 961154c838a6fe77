"""The wave equation."""

from __future__ import annotations

from collections.abc import Iterable
from math import pi

from torch import Tensor, cos, sin

from rbfnet.domains import Interval, SpaceTime
from rbfnet.problems._problem import Problem
from rbfnet.problems.conditions import Condition, Dirichlet, Initial, Interior


class Wave(Problem):
    """u_tt = 4 u_xx for x and t in [0, 1], u = 0 at both ends, at rest at first: u_t(x, 0) = 0.

    u(x, 0) is such that u = sin(pi x) cos(2 pi t) + sin(4 pi x) cos(8 pi t) / 2.

    Source: Wang, Yu & Perdikaris, When and why PINNs fail to train: a neural tangent kernel perspective, J. Comput. Phys. 449
    (2022).

    Args:
        num_interior, num_boundary, sampler: see :class:`Problem`.

    Example:
        >>> import rbfnet
        >>> from rbfnet.problems import Wave
        >>> rbfnet.solve(Wave(), num_centers=60).verdict
        'solved'
    """

    domain = SpaceTime(Interval(x=(0, 1)), t=(0, 1))

    def __init__(self, num_interior: int = 1800, num_boundary: int = 300, sampler: str = "halton") -> None:
        super().__init__(num_interior=num_interior, num_boundary=num_boundary, sampler=sampler)

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda u: u.d("tt") - 4 * u.d("xx"))
        yield Dirichlet(0.0)
        yield Initial(lambda x: sin(pi * x) + sin(4 * pi * x) / 2, velocity=0.0)

    def exact(self, x: Tensor, t: Tensor) -> Tensor:
        return sin(pi * x) * cos(2 * pi * t) + sin(4 * pi * x) * cos(8 * pi * t) / 2
