"""Burgers' equation."""

from __future__ import annotations

from collections.abc import Iterable
from math import pi

import torch
from torch import Tensor, sin

from rbfnet.domains import Interval, SpaceTime
from rbfnet.problems._problem import Problem, Reference
from rbfnet.problems.conditions import Condition, Dirichlet, Initial, Interior
from rbfnet.problems.zoo.references import burgers


class Burgers(Problem):
    """u_t + u u_x = (0.01 / pi) u_xx for x in [-1, 1], t in [0, 1], u = 0 at both ends, u(x, 0) = -sin(pi x).

    A front forms at x = 0, as steep as 152 at t = .51. The exact solution is :func:`rbfnet.problems.zoo.references.burgers`.

    Source: Raissi, Perdikaris & Karniadakis, J. Comput. Phys. 378 (2019); errors are measured on their grid of 256 x 100 points.

    Args:
        num_interior, num_boundary, sampler: see :class:`Problem`.

    Example:
        >>> import torch
        >>> from rbfnet.problems import Burgers
        >>> Burgers().exact(torch.tensor([0.5]), torch.zeros(1))  # -sin(pi / 2)
        tensor([-1.])
    """

    domain = SpaceTime(Interval(x=(-1, 1)), t=(0, 1))

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda u: u.d("t") + u.value * u.d("x") - 0.01 / pi * u.d("xx"))
        yield Dirichlet(0.0)
        yield Initial(lambda x: -sin(pi * x))

    def exact(self, x: Tensor, t: Tensor) -> Tensor:
        return torch.from_numpy(burgers(x.numpy(force=True), t.numpy(force=True))).to(x)

    def test_set(self) -> Reference | None:
        x = torch.linspace(-1, 1, 256, dtype=torch.float64)
        t = 0.01 * torch.arange(100, dtype=torch.float64)
        return self.exact_at(torch.cartesian_prod(x, t))
