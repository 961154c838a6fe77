"""Kovasznay flow."""

from __future__ import annotations

from collections.abc import Iterable
from math import exp as exp_of
from math import pi, sqrt

from torch import Tensor, cos, exp, sin

from rbfnet.domains import Rectangle
from rbfnet.problems._problem import Problem
from rbfnet.problems.conditions import Condition, Dirichlet, Interior, Mean
from rbfnet.problems.zoo._navier_stokes import steady_navier_stokes

REYNOLDS = 40.0
DECAY = REYNOLDS / 2 - sqrt(REYNOLDS**2 / 4 + 4 * pi**2)


class Kovasznay(Problem):
    """Steady flow behind a grid at Re = 40 on [-.5, 1] x [-.5, 1.5], u and v given on the boundary, the mean of p zero.

        (u . grad) u = -grad p + Lap u / Re,   div u = 0,   l = Re/2 - sqrt(Re^2/4 + 4 pi^2),
        u = 1 - e^{lx} cos(2 pi y),   v = l/(2 pi) e^{lx} sin(2 pi y),   p = (mean of e^{2lx} - e^{2lx}) / 2.

    Nonlinear.

    Source: Kovasznay, Laminar flow behind a two-dimensional grid, Proc. Camb. Phil. Soc. 44 (1948).

    Args:
        num_interior, num_boundary, sampler: see :class:`Problem`.

    Example:
        >>> import rbfnet
        >>> from rbfnet.problems import Kovasznay
        >>> rbfnet.solve(Kovasznay(), num_centers=150).verdict
        'solved'
    """

    domain = Rectangle(x=(-0.5, 1), y=(-0.5, 1.5))
    outputs = ("u", "v", "p")

    def __init__(self, num_interior: int | None = None, num_boundary: int | None = None, sampler: str = "halton") -> None:
        super().__init__(num_interior=num_interior, num_boundary=num_boundary, sampler=sampler)

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda f: steady_navier_stokes(f, REYNOLDS))
        yield Dirichlet(lambda x, y: self.exact(x, y)[0], output="u")
        yield Dirichlet(lambda x, y: self.exact(x, y)[1], output="v")
        yield Mean(0.0, of=lambda f: f["p"].value)

    def exact(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        low, high = self.domain.box[:, 0].tolist()
        mean = (exp_of(2 * DECAY * high) - exp_of(2 * DECAY * low)) / (2 * DECAY * (high - low))
        u = 1 - exp(DECAY * x) * cos(2 * pi * y)
        v = DECAY / (2 * pi) * exp(DECAY * x) * sin(2 * pi * y)
        return u, v, (mean - exp(2 * DECAY * x)) / 2
