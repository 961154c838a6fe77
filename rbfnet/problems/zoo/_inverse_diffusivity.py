"""An inverse problem with an unknown diffusivity."""

from __future__ import annotations

from collections.abc import Iterable
from math import pi

import torch
from torch import Tensor, exp, sin

from rbfnet.domains import Interval, SpaceTime
from rbfnet.errors import MOST_POINTS, positive
from rbfnet.problems._problem import Problem
from rbfnet.problems.conditions import Condition, Data, Dirichlet, Initial, Interior
from rbfnet.problems.unknowns import Unknown

DIFFUSIVITY = 0.1


class InverseDiffusivity(Problem):
    """u_t = k u_xx on [0, 1] x [0, 1] with k unknown, u = sin(pi x) at the start, u = 0 at both ends, and u measured inside.

    The number to be found is k = .1, for which u = exp(-k pi^2 t) sin(pi x).

    Source: none; the first mode of the heat equation.

    Args:
        num_interior, num_boundary, sampler: see :class:`Problem`.
        num_data: how many values are measured, at points of the same sampler.
        noise: the standard deviation of their normal errors.

    Raises:
        InputError: a number of points below 1, or negative noise.

    Example:
        >>> import rbfnet
        >>> from rbfnet.problems import InverseDiffusivity
        >>> solution = rbfnet.solve(InverseDiffusivity(num_data=50, noise=0.01), num_centers=60)
        >>> k = solution.summary["unknowns"]["k"]
        >>> abs(k["value"] - 0.1) < 3 * k["standard_error"] < 0.01
        True
    """

    domain = SpaceTime(Interval(x=(0, 1)), t=(0, 1))

    def __init__(
        self,
        num_interior: int = 400,
        num_boundary: int = 100,
        sampler: str = "halton",
        num_data: int = 100,
        noise: float = 0.0,
    ) -> None:
        super().__init__(num_interior=num_interior, num_boundary=num_boundary, sampler=sampler)
        points = self.domain.interior(int(positive("num_data", num_data, whole=True, most=MOST_POINTS)), sampler)
        spread = float(positive("noise", noise, zero=True))
        values = self.exact(*points.unbind(dim=1))
        self._measured = points, values + spread * torch.randn(len(points), dtype=points.dtype)
        self.k = Unknown(1.0, positive=True, exact=DIFFUSIVITY)

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda u: u.d("t") - self.k() * u.d("xx"))
        yield Dirichlet(0.0)
        yield Initial(lambda x: sin(pi * x))
        yield Data(*self._measured)

    def exact(self, x: Tensor, t: Tensor) -> Tensor:
        return exp(-DIFFUSIVITY * pi**2 * t) * sin(pi * x)
