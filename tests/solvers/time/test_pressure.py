"""Equations without a derivative in time: a divergence that is zero, and a pressure that sees to it."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
import torch
from torch import Tensor, cos, exp, pi, sin

import rbfnet
from rbfnet.domains import Interval, Rectangle, SpaceTime
from rbfnet.operators import Field
from rbfnet.problems import Condition, Dirichlet, Initial, Interior
from rbfnet.solvers import Evolve

VISCOSITY = 0.1


class TaylorGreen(rbfnet.Problem):
    """The vortex of Taylor and Green (1937): u = -cos(pi x) sin(pi y) F, v = sin(pi x) cos(pi y) F, F = exp(-2 nu pi^2 t)."""

    domain = SpaceTime(Rectangle(x=(0, 1), y=(0, 1)), t=(0, 0.5))
    outputs = ("u", "v", "p")
    inertia = 1.0

    def velocity(self, x: Tensor, y: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        size = exp(-2 * VISCOSITY * pi**2 * t)
        return -cos(pi * x) * sin(pi * y) * size, sin(pi * x) * cos(pi * y) * size

    def pressure(self, x: Tensor, y: Tensor, t: Tensor) -> Tensor:
        return -self.inertia * exp(-4 * VISCOSITY * pi**2 * t) * (cos(2 * pi * x) + cos(2 * pi * y)) / 4

    def _momentum(self, f: Field, name: str, along: str) -> Tensor:
        w = f[name]
        carried = self.inertia * (f["u"].value * w.d("x") + f["v"].value * w.d("y"))
        return w.d("t") + carried + f["p"].d(along) - VISCOSITY * w.laplacian("x", "y")

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda f: (self._momentum(f, "u", "x"), self._momentum(f, "v", "y"), f["u"].d("x") + f["v"].d("y")))
        for place, name in enumerate(("u", "v")):
            yield Dirichlet(lambda x, y, t, place=place: self.velocity(x, y, t)[place], output=name)
            yield Initial(lambda x, y, place=place: self.velocity(x, y, torch.zeros_like(x))[place], output=name)


class Slow(TaylorGreen):
    """The same without inertia: the equations of Stokes, with no pressure."""

    inertia = 0.0


def relative(difference: Tensor, truth: Tensor) -> float:
    return float(difference.norm() / truth.norm())


@pytest.mark.parametrize("time", [0.0, 0.2, 0.5])
def test_the_vortex_of_taylor_and_green(time: float, vortex: rbfnet.Solution) -> None:
    """Velocity and pressure to 1e-6, the pressure at first among them, which has no initial condition."""
    made = TaylorGreen()
    x = torch.rand((400, 3), dtype=torch.float64)
    x[:, 2] = time
    with torch.no_grad():
        found = vortex.model(x)
        u, v = made.velocity(*x.T)
        off = found[:, 2] - made.pressure(*x.T)
    assert relative(found[:, 0] - u, u) < 1e-7
    assert relative(found[:, 1] - v, v) < 1e-7
    # A pressure is known but for a constant.
    assert relative(off - off.mean(), made.pressure(*x.T)) < 1e-6


@pytest.fixture(scope="module")
def vortex() -> rbfnet.Solution:
    return rbfnet.solve(TaylorGreen, num_centers=250, solver=Evolve())


def test_the_same_without_inertia_has_no_pressure() -> None:
    made = Slow()
    solution = rbfnet.solve(made, num_centers=100, solver=Evolve())
    x = torch.rand((400, 3), dtype=torch.float64) * torch.tensor([1.0, 1.0, 0.5])
    x[:50, 2] = 0.5
    with torch.no_grad():
        found = solution.model(x)
        u, v = made.velocity(*x.T)
    assert (found[:, 0] - u).abs().max() < 5e-5
    assert (found[:, 1] - v).abs().max() < 5e-5
    assert (found[:50, 2] - found[:50, 2].mean()).abs().max() < 1e-3


class Slaved(rbfnet.Problem):
    """u_t = v with v = u_xx, which has no rate of its own: heat."""

    domain = SpaceTime(Interval(x=(0, 1)), t=(0, 0.2))
    outputs = ("u", "v")

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda f: (f["u"].d("t") - f["v"].value, f["v"].value - f["u"].d("xx")))
        yield Dirichlet(0.0, output="u")
        yield Initial(lambda x: sin(pi * x), output="u")


def test_an_output_that_follows_another() -> None:
    solution = rbfnet.solve(Slaved, num_centers=30, solver=Evolve(refine=0))
    x = torch.rand((100, 2), dtype=torch.float64) * torch.tensor([1.0, 0.2])
    u = exp(-(pi**2) * x[:, 1]) * sin(pi * x[:, 0])
    with torch.no_grad():
        found = solution.model(x)
    assert (found[:, 0] - u).abs().max() < 1e-6
    assert (found[:, 1] + pi**2 * u).abs().max() < 1e-4
