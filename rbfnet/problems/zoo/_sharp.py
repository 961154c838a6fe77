"""A solution with a sharp circular front."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from rbfnet.domains import Rectangle
from rbfnet.operators import Field
from rbfnet.problems._problem import Problem
from rbfnet.problems.conditions import Condition, Dirichlet, Interior, Residual


class Bump(NamedTuple):
    """1 + tanh(k (R - |x - c|))."""

    steepness: float
    radius: float
    center: tuple[float, float]

    def distance(self, x: Tensor, y: Tensor) -> Tensor:
        """|x - c|, and where it vanishes the least number that one can be divided by."""
        return torch.hypot(x - self.center[0], y - self.center[1]).clamp_min(1e-30)

    def value(self, r: Tensor) -> Tensor:
        return 1 + torch.tanh(self.steepness * (self.radius - r))

    def laplacian(self, r: Tensor) -> Tensor:
        k, t = self.steepness, torch.tanh(self.steepness * (self.radius - r))
        return -(1 - t**2) * (2 * k**2 * t + k / r)


BUMPS = (Bump(12.0, 0.3, (0.3, 0.3)), Bump(4.0, 0.15, (-0.3, -0.3)))


class Sharp(Problem):
    """-Lap u + u^3 = f on [-1, 1]^2, u given on the boundary; f such that u = sum_i 1 + tanh(k_i (R_i - |x - c_i|)).

    k = 12, R = .3, c = (.3, .3), a steep wall, and k = 4, R = .15, c = (-.3, -.3), a cone. Nonlinear. At the c_i f goes with
    1 / |x - c_i|, so the equation is multiplied by prod_i r_i / (r_i + R_i), r_i = |x - c_i|, which leaves it bounded.

    Source: none; f is made for the solution.

    Args:
        num_interior, num_boundary, sampler: see :class:`Problem`.

    Example:
        >>> import torch
        >>> from rbfnet.problems import Sharp
        >>> Sharp().exact(torch.tensor([0.3]), torch.tensor([0.3]))
        tensor([2.0060])
    """

    domain = Rectangle(x=(-1, 1), y=(-1, 1))

    def __init__(self, num_interior: int = 2000, num_boundary: int = 400, sampler: str = "halton") -> None:
        super().__init__(num_interior=num_interior, num_boundary=num_boundary, sampler=sampler)

    def conditions(self) -> Iterable[Condition]:
        yield Interior(self._equation)
        yield Dirichlet(self.exact)

    def exact(self, x: Tensor, y: Tensor) -> Tensor:
        wall, cone = (bump.value(bump.distance(x, y)) for bump in BUMPS)
        return wall + cone

    def _equation(self, u: Field) -> Residual:
        residual = u**3 - u.laplacian() - self.exact(u.x, u.y) ** 3
        weight = torch.ones_like(u.x)
        for bump in BUMPS:
            r = bump.distance(u.x, u.y)
            residual = residual + bump.laplacian(r)
            weight = weight * r / (r + bump.radius)
        return weight * residual
