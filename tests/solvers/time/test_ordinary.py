"""Ordinary differential equations go through time by the same door; against closed forms and SciPy at a tight tolerance."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from torch import Tensor, sin

import rbfnet
from rbfnet.domains import Interval
from rbfnet.operators import Field, Operator
from rbfnet.problems import Condition, Initial, Interior, Poisson, Problem, VanDerPol
from rbfnet.solvers import Evolve


def posed(end: float, equations: Callable[[Field], Any], **start: float | tuple[float, float]) -> Problem:
    class Posed(Problem):
        domain = Interval(t=(0, end))
        outputs = tuple(start)

        def conditions(self) -> Iterable[Condition]:
            yield Interior(equations)
            for name, value in start.items():
                value, velocity = value if isinstance(value, tuple) else (value, None)
                yield Initial(value, velocity=velocity, output=name)

    return Posed()


def solved(problem: Problem, times: Tensor) -> np.ndarray:
    solution = rbfnet.solve(problem, num_centers=10, solver=Evolve())
    with torch.no_grad():
        return solution.model(times[:, None]).numpy()


def reference(rate: Callable[..., Any], start: list[float], times: Tensor, method: str = "DOP853") -> np.ndarray:
    end = float(times[-1])
    return solve_ivp(rate, (0, end), start, method=method, t_eval=times.numpy(), rtol=1e-12, atol=1e-13).y.T


def test_logistic_growth() -> None:
    t = torch.linspace(0, 20, 200, dtype=torch.float64)
    found = solved(posed(20, lambda u: u.d("t") - u.value * (1 - u.value), u=0.01), t)
    assert np.abs(found[:, 0] - (1 / (1 + 99 * torch.exp(-t))).numpy()).max() < 1e-9


def test_the_equations_of_lorenz() -> None:
    def equations(f: Field) -> tuple[Tensor, ...]:
        x, y, z = f["x"].value, f["y"].value, f["z"].value
        return f["x"].d("t") - 10 * (y - x), f["y"].d("t") - x * (28 - z) + y, f["z"].d("t") - x * y + 8 / 3 * z

    t = torch.linspace(0, 5, 100, dtype=torch.float64)
    found = solved(posed(5, equations, x=1.0, y=1.0, z=1.0), t)
    twin = reference(lambda _, s: [10 * (s[1] - s[0]), s[0] * (28 - s[2]) - s[1], s[0] * s[1] - 8 / 3 * s[2]], [1.0, 1.0, 1.0], t)
    assert np.abs(found - twin).max() / np.abs(twin).max() < 1e-8


def test_a_pendulum_of_second_order() -> None:
    t = torch.linspace(0, 100, 100, dtype=torch.float64)
    found = solved(posed(100, lambda u: u.d("tt") + sin(u.value), u=(2.0, 0.0)), t)
    twin = reference(lambda _, s: [s[1], -np.sin(s[0])], [2.0, 0.0], t)
    assert np.abs(found[:, 0] - twin[:, 0]).max() < 1e-8


@pytest.mark.slow
def test_a_stiff_oscillator() -> None:
    """At the ends of SciPy's own steps, most of them in the jump between t = 806 and 808, where v changes within 1e-3."""
    mu = 1000.0
    twin = solve_ivp(
        lambda _, s: [s[1], mu * (1 - s[0] ** 2) * s[1] - s[0]],
        (0, 2 * mu),
        [2.0, 0.0],
        method="Radau",
        rtol=1e-13,
        atol=1e-16,
        jac=lambda _, s: [[0, 1], [-2 * mu * s[0] * s[1] - 1, mu * (1 - s[0] ** 2)]],
    )
    found = solved(VanDerPol(mu=mu, end=2 * mu), torch.from_numpy(twin.t)).T
    assert (np.abs(found - twin.y).max(axis=1) < 1e-8 * np.abs(twin.y).max(axis=1)).all()


def test_its_derivatives_are_those_of_the_polynomials() -> None:
    """y' = v of the oscillator of van der Pol."""
    model = rbfnet.solve(VanDerPol(end=1.0), num_centers=10, solver=Evolve()).model
    t = torch.linspace(0, 1, 20, dtype=torch.float64)[:, None]
    assert (model.apply_operator(t, Operator.d(0))[:, 0] - model(t)[:, 1]).abs().max() < 1e-7


def test_a_boundary_value_problem_is_none() -> None:
    with pytest.raises(ValueError, match=r"no initial condition|needs a SpaceTime domain|goes through time|holds at the end"):
        rbfnet.solve(Poisson, num_centers=10, solver=Evolve())
