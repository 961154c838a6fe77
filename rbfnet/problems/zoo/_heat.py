"""The heat equation."""

from __future__ import annotations

from collections.abc import Iterable
from math import pi

from torch import Tensor, exp, sin

from rbfnet.domains import Interval, SpaceTime
from rbfnet.problems._problem import Problem
from rbfnet.problems.conditions import Condition, Dirichlet, Initial, Interior


class Heat(Problem):
    """u_t = u_xx / 4 for x and t in [0, 1], u = 0 at both ends, u(x, 0) = sin(pi x); u = exp(-pi^2 t / 4) sin(pi x).

    Source: Mueller and Zeinhofer, Achieving High Accuracy with PINNs via Energy Natural Gradients, ICML 2023.

    Args:
        num_interior, num_boundary, sampler: see :class:`Problem`.

    Example:
        >>> import rbfnet
        >>> from rbfnet.problems import Heat
        >>> rbfnet.solve(Heat(), num_centers=40).verdict
        'solved'
    """

    domain = SpaceTime(Interval(x=(0, 1)), t=(0, 1))

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda u: u.d("t") - u.d("xx") / 4)
        yield Dirichlet(0.0)
        yield Initial(lambda x: sin(pi * x))

    def exact(self, x: Tensor, t: Tensor) -> Tensor:
        return exp(-(pi**2) / 4 * t) * sin(pi * x)
