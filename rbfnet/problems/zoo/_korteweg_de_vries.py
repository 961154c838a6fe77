"""The Korteweg-de Vries equation."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, cosh, tanh

from rbfnet.domains import Interval, SpaceTime
from rbfnet.problems._problem import Problem
from rbfnet.problems.conditions import Condition, Dirichlet, Initial, Interior, Neumann


class KortewegDeVries(Problem):
    """u_t + 6 u u_x + u_xxx = 0 for x in [-10, 10], t in [0, 1]: the soliton u = 2 sech^2(x + 2 - 4 t) goes from x = -2 to 2.

    u(x, 0), u at both ends and u_x at the right one are given: waves go to the left, so the right end needs two conditions.

    Source: Korteweg & de Vries, Phil. Mag. 39 (1895); the conditions: Bona, Sun & Zhang, Comm. Partial Differential Equations
    28 (2003).

    Args:
        num_interior, num_boundary, sampler: see :class:`Problem`.

    Example:
        >>> import torch
        >>> from rbfnet.problems import KortewegDeVries
        >>> KortewegDeVries().exact(torch.tensor([-2.0, 2.0]), torch.tensor([0.0, 1.0]))  # the crest
        tensor([2., 2.])
    """

    domain = SpaceTime(Interval(x=(-10, 10)), t=(0, 1))

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda u: u.d("t") + 6 * u.value * u.d("x") + u.d("xxx"))
        yield Dirichlet(self.exact)
        yield Neumann(lambda x, t: -2 * tanh(x + 2 - 4 * t) * self.exact(x, t), on="x=high")
        yield Initial(lambda x: self.exact(x, 0.0))

    def exact(self, x: Tensor, t: Tensor | float) -> Tensor:
        return 2 / cosh(x + 2 - 4 * t) ** 2
