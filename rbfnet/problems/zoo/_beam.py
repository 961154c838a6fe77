"""The beam equation."""

from __future__ import annotations

from collections.abc import Iterable
from math import pi

from torch import Tensor, cos, sin

from rbfnet.domains import Interval, SpaceTime
from rbfnet.problems._problem import Problem
from rbfnet.problems.conditions import Boundary, Condition, Initial, Interior


class Beam(Problem):
    """u_tt + u_xxxx = 0 for x and t in [0, 1]: a beam of Euler and Bernoulli, simply supported, at rest at first.

    u = u_xx = 0 at both ends, u(x, 0) = sin(pi x), u_t(x, 0) = 0; u = sin(pi x) cos(pi^2 t), its lowest mode.

    Source: Timoshenko, Vibration Problems in Engineering (1928).

    Args:
        num_interior, num_boundary, sampler: see :class:`Problem`.

    Example:
        >>> import rbfnet
        >>> from rbfnet.problems import Beam
        >>> rbfnet.solve(Beam(), num_centers=40).verdict
        'solved'
    """

    domain = SpaceTime(Interval(x=(0, 1)), t=(0, 1))

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda u: u.d("tt") + u.d("xxxx"))
        yield Boundary(lambda u: (u.value, u.d("xx")))
        yield Initial(lambda x: sin(pi * x), velocity=0.0)

    def exact(self, x: Tensor, t: Tensor) -> Tensor:
        return sin(pi * x) * cos(pi**2 * t)
