"""The Klein-Gordon equation."""

from __future__ import annotations

from collections.abc import Iterable
from math import pi

from torch import Tensor, cos

from rbfnet.domains import Interval, SpaceTime
from rbfnet.operators import Field
from rbfnet.problems._problem import Problem
from rbfnet.problems.conditions import Condition, Dirichlet, Initial, Interior


class KleinGordon(Problem):
    """u_tt - u_xx + u^3 = f for x and t in [0, 1], u given at both ends, u(x, 0) = x, u_t(x, 0) = 0.

    f and the values at the ends are such that u = x cos(5 pi t) + (x t)^3.

    Source: Wang, Teng & Perdikaris, Understanding and mitigating gradient flow pathologies in physics-informed neural networks,
    SIAM J. Sci. Comput. 43 (2021).

    Args:
        num_interior, num_boundary, sampler: see :class:`Problem`.

    Example:
        >>> import rbfnet
        >>> from rbfnet.problems import KleinGordon
        >>> rbfnet.solve(KleinGordon(), num_centers=60).verdict
        'solved'
    """

    domain = SpaceTime(Interval(x=(0, 1)), t=(0, 1))

    def conditions(self) -> Iterable[Condition]:
        yield Interior(self._residual)
        yield Dirichlet(self.exact)
        yield Initial(lambda x: x, velocity=0.0)

    def _residual(self, u: Field) -> Tensor:
        x, t = u.x, u.t
        f = -25 * pi**2 * x * cos(5 * pi * t) + 6 * x * t * (x**2 - t**2) + self.exact(x, t) ** 3
        return u.d("tt") - u.d("xx") + u.value**3 - f

    def exact(self, x: Tensor, t: Tensor) -> Tensor:
        return x * cos(5 * pi * t) + (x * t) ** 3
