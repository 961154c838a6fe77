"""The advection equation."""

from __future__ import annotations

from collections.abc import Iterable
from math import pi

import torch
from torch import Tensor, sin

from rbfnet.domains import Interval, SpaceTime
from rbfnet.problems._problem import Problem, Units
from rbfnet.problems.conditions import Condition, Initial, Interior, Periodic


class Advection(Problem):
    """u_t + 30 u_x = 0, periodic in x on [0, 2 pi], u(x, 0) = sin x, for t in [0, 1]; u = sin(x - 30 t).

    The network counts time as the way the wave goes in it, 30 t: u is as smooth along that as along x.

    Source: Krishnapriyan, Gholami, Zhe, Kirby & Mahoney, Characterizing possible failure modes in physics-informed neural
    networks, NeurIPS 2021.

    Args:
        num_interior, num_boundary, sampler: see :class:`Problem`.

    Example:
        >>> import torch
        >>> from rbfnet.problems import Advection
        >>> Advection().exact(torch.zeros(1), torch.tensor([0.1]))  # sin(-3)
        tensor([-0.1411])
    """

    domain = SpaceTime(Interval(x=(0, 2 * pi)), t=(0, 1))

    def __init__(self, num_interior: int = 1800, num_boundary: int = 300, sampler: str = "halton") -> None:
        super().__init__(num_interior=num_interior, num_boundary=num_boundary, sampler=sampler)

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda u: u.d("t") + 30 * u.d("x"))
        yield Periodic("x", derivatives=0)
        yield Initial(sin)

    def units(self) -> Units:
        one = torch.ones(1, dtype=torch.float64)
        return Units(torch.zeros(2, dtype=torch.float64), torch.tensor([1, 1 / 30], dtype=torch.float64), 0 * one, one)

    def exact(self, x: Tensor, t: Tensor) -> Tensor:
        return sin(x - 30 * t)
