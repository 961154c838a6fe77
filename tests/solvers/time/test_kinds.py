"""Kinds of problems that evolve solves, each against a closed form."""

from __future__ import annotations

from collections.abc import Iterable
from math import log

import pytest
import torch
from torch import Tensor, cos, exp, pi, sin

import rbfnet
from rbfnet.domains import Box, Disc, Interval, Rectangle, SpaceTime
from rbfnet.operators import Field
from rbfnet.problems import Condition, Dirichlet, Initial, Interior, Neumann, Problem
from rbfnet.solvers import Evolve

LINE = SpaceTime(Interval(x=(0, 1)), t=(0, 0.5))


def series(x: Tensor, t: Tensor) -> Tensor:
    """Of a rod that is zero at first, and one at its left end from then on."""
    k = pi * torch.arange(1, 200, dtype=x.dtype)[:, None]
    return 1 - x - (2 / k * exp(-(k**2) * t) * sin(k * x)).sum(dim=0)


class HotSide(Problem):
    """A start of zero that contradicts one side."""

    domain = LINE

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda u: u.d("t") - u.d("xx"))
        yield Dirichlet(lambda x, t: 1 - x)
        yield Initial(0.0)


@pytest.mark.parametrize("centers", [60, pytest.param(400, marks=pytest.mark.slow)])
def test_one_hot_side_of_a_rod(centers: int) -> None:
    solution = rbfnet.solve(HotSide(), num_centers=centers, solver=Evolve())
    x = torch.linspace(0, 1, 101, dtype=torch.float64)
    for time in (0.01, 0.1, 0.5):
        t = torch.full_like(x, time)
        assert (solution(torch.stack([x, t], dim=1))[:, 0] - series(x, t)).abs().max() < 1e-5
    assert solution.verdict == "solved"


class Constant(Problem):
    """A solution that does not change: all terms of its equation are zero."""

    domain = SpaceTime(Interval(x=(0, 1)), t=(0, 1))

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda u: u.d("t") - u.d("xx"))
        yield Neumann(0.0)
        yield Initial(1.0)


@pytest.mark.parametrize("centers", [50, 100])
def test_a_constant_is_kept_and_called_solved(centers: int) -> None:
    solution = rbfnet.solve(Constant(), num_centers=centers, solver=Evolve())
    points = LINE.scattered(100)
    assert (solution(points) - 1).abs().max() < 1e-9
    assert solution.verdict == "solved"


def varied(u: Field) -> Tensor:
    """(1 + t) u_t = (1 + x sin(t) / 2) Lap u - y cos(t) u_x + g, with g such that u = exp(-2 t) cos(x + y)."""
    size, along = exp(-2 * u.t), u.x + u.y
    a, b = 1 + u.x * sin(u.t) / 2, u.y * cos(u.t)
    given = 2 * (a - 1 - u.t) * size * cos(along) - b * size * sin(along)
    return (1 + u.t) * u.d("t") - a * u.laplacian("x", "y") + b * u.d("x") - given


class Varied(Problem):
    """Coefficients in space and time, boundary data in time."""

    domain = SpaceTime(Disc((0.0, 0.0), 1.0), t=(0, 1))

    def conditions(self) -> Iterable[Condition]:
        yield Interior(varied)
        yield Dirichlet(self.exact)
        yield Initial(lambda x, y: cos(x + y))

    def exact(self, x: Tensor, y: Tensor, t: Tensor) -> Tensor:
        return exp(-2 * t) * cos(x + y)


class Pair(Problem):
    """u_t = Lap v, v_t = -Lap u: Schroedinger's equation, a rotation with energy 2 pi^2 of sin(pi x) sin(pi y)."""

    domain = SpaceTime(Rectangle(x=(0, 1), y=(0, 1)), t=(0, 0.3))
    outputs = ("u", "v")

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda f: (f["u"].d("t") - f["v"].laplacian("x", "y"), f["v"].d("t") + f["u"].laplacian("x", "y")))
        yield Dirichlet(0.0, output="u")
        yield Dirichlet(0.0, output="v")
        yield Initial(lambda x, y: sin(pi * x) * sin(pi * y), output="u")
        yield Initial(0.0, output="v")

    def exact(self, x: Tensor, y: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        mode = sin(pi * x) * sin(pi * y)
        return mode * cos(2 * pi**2 * t), mode * sin(2 * pi**2 * t)


class Cube(Problem):
    """Heat in three dimensions."""

    domain = SpaceTime(Box(x=(0, 1), y=(0, 1), z=(0, 1)), t=(0, 0.1))

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda u: u.d("t") - u.laplacian("x", "y", "z"))
        yield Dirichlet(self.exact)
        yield Initial(lambda x, y, z: self.exact(x, y, z, torch.zeros_like(x)))

    def exact(self, x: Tensor, y: Tensor, z: Tensor, t: Tensor) -> Tensor:
        return exp(-3 * t) * cos(x + y + z)


class SmallHole(Problem):
    """A layer around a hole that is smaller than the spacing of even centres."""

    domain = SpaceTime(Rectangle(x=(0, 1), y=(0, 1)) - Disc((0.5, 0.5), 0.05), t=(0, 0.5))

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda u: u.d("t") - u.laplacian("x", "y"))
        yield Dirichlet(self.exact)
        yield Initial(lambda x, y: self.exact(x, y, torch.zeros_like(x)))

    def exact(self, x: Tensor, y: Tensor, t: Tensor) -> Tensor:
        return exp(-2 * t) * cos(x + y) + 0.5 * torch.log((x - 0.5) ** 2 + (y - 0.5) ** 2) / log(0.05)


@pytest.mark.slow
def test_centres_are_denser_near_a_hole_where_that_is_asked_for() -> None:
    even, graded = (rbfnet.solve(SmallHole(), num_centers=150, centers=centers) for centers in ("halton", "graded"))
    assert even.verdict == "not solved" and "network.centers=graded" in even.summary["reasons"][-1]
    assert even.errors is not None and graded.errors is not None
    assert graded.errors["rel_l2"] < 2e-3 < even.errors["rel_l2"] / 5
    assert graded.errors["rel_l2"] / 3 < graded.summary["estimated_error"] < 3 * graded.errors["rel_l2"]


@pytest.mark.parametrize(
    ("problem", "centers", "within"),
    [(Varied(), 150, 1e-6), pytest.param(Pair(), 150, 1e-5, marks=pytest.mark.slow), (Cube(), 200, 1e-4)],
    ids=lambda p: type(p).__name__,
)
def test_closed_forms(problem: Problem, centers: int, within: float) -> None:
    solution = rbfnet.solve(problem, num_centers=centers, solver=Evolve())
    assert solution.errors is not None
    assert solution.errors["rel_l2"] < within
    assert solution.verdict == "solved"
