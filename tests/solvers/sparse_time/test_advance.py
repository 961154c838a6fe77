"""The method of lines at nodes, against closed forms and SciPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

import rbfnet
from rbfnet import InputError
from rbfnet.domains import Disc, Interval, Rectangle, SpaceTime, place_nodes
from rbfnet.nn import Evolving, LocalNetwork
from rbfnet.problems import Equations
from rbfnet.solvers.sparse_time import advance
from rbfnet.solvers.sparse_time._sparse_lines import SparseLines

F64 = torch.float64
SQUARE = SpaceTime(Rectangle(x=(0, 1), y=(0, 1)), t=(0, 1))
DISC = SpaceTime(Disc((0, 0), 1), t=(0, 0.5))


def through(problem: rbfnet.Problem, count: int, degree: int = 4, tolerance: float = 1e-6) -> Evolving:
    torch.manual_seed(0)
    assert isinstance(problem.domain, SpaceTime)
    nodes = place_nodes(problem.domain.space, count=count)
    net = LocalNetwork(nodes.x.shape[1], len(problem.outputs), nodes.x, "quintic", degree=degree, dtype=F64)
    model, words = advance(net, problem, nodes, tolerance)
    assert "Radau's method" in words
    return model


def off(model: Evolving, problem: Equations) -> float:
    x = problem.domain.interior(400)
    assert problem.exact is not None
    exact = problem.exact(*x.T)
    exact = torch.stack(exact if isinstance(exact, tuple) else (exact,), dim=1)
    with torch.no_grad():
        return float((model(x) - exact).norm() / exact.norm())


@pytest.mark.parametrize(
    ("equation", "exact", "velocity", "most"),
    [
        ("u_t = 0.1*lap(u)", "exp(-0.2*pi**2*t)*sin(pi*x)*sin(pi*y)", None, 1e-4),
        ("u_t = 0.1*(1 + t)*lap(u)", "exp(-0.2*pi**2*(t + t**2/2))*sin(pi*x)*sin(pi*y)", None, 1e-4),
        ("u_t + u_x + 0.5*u_y = 0.02*lap(u) - 0.1*pi**2*0.4*u", "exp(-0.04*pi**2*t)", None, 1e-4),
        ("u_tt = lap(u)", "cos(sqrt(2)*pi*t)*sin(pi*x)*sin(pi*y)", 0, 2e-4),
    ],
    ids=["heat", "coefficients in time", "advection", "wave"],
)
def test_linear_equations(equation: str, exact: str, velocity: float | None, most: float) -> None:
    start: dict[str, Any] = {"initial": exact.replace("t**2", "0").replace("*t)", "*0)").replace("(t +", "(0 +")}
    if velocity is not None:
        start["velocity"] = velocity
    problem = Equations(SQUARE, equation, [start, {"dirichlet": exact}], exact=exact)
    assert off(through(problem, 400), problem) < most


def test_polynomials_are_solutions_to_the_tolerance_whatever_the_boundary_condition() -> None:
    """u = (x^2 + y^2) / 4 + t + x t, with the flux on the circle."""
    exact = "(x**2 + y**2)/4 + t + x*t"
    problem = Equations(
        DISC, "u_t = lap(u) + x", [{"initial": "(x**2 + y**2)/4"}, {"robin": f"0.5 + x*t + 2*({exact})", "alpha": 2}], exact=exact
    )
    assert off(through(problem, 200, degree=2), problem) < 1e-8


def test_a_reaction_of_two_outputs_at_every_point() -> None:
    """Without diffusion to speak of, and from a start that is the same everywhere, it is an ordinary differential equation."""
    equations = ["u_t = 1e-3*lap(u) + 0.5*(1 - u) - u*v**2", "v_t = 1e-3*lap(v) - 0.4*v + u*v**2"]
    conditions = [{"initial": 0.5, "output": "u"}, {"initial": 1, "output": "v"}]
    conditions += [{"neumann": 0, "output": name} for name in ("u", "v")]
    domain = SpaceTime(Disc((0, 0), 1), t=(0, 2))
    model = through(Equations(domain, equations, conditions, outputs=["u", "v"]), 50, degree=2, tolerance=1e-7)

    def rate(_: float, y: np.ndarray) -> list[float]:
        u, v = y
        return [0.5 * (1 - u) - u * v**2, -0.4 * v + u * v**2]

    times = [0.3, 1.1, 2.0]
    known = solve_ivp(rate, (0, 2), [0.5, 1.0], t_eval=times, rtol=1e-11, atol=1e-12).y.T
    with torch.no_grad():
        found = model(torch.tensor([[0.3, -0.2, t] for t in times], dtype=F64)).numpy()
    assert np.abs(found - known).max() < 1e-6


def test_a_start_that_contradicts_the_boundary_is_changed_there_only() -> None:
    """A rod of temperature 1 whose ends are held at 0: the series of Fourier."""
    problem = Equations(SpaceTime(Interval(x=(0, 1)), t=(0, 0.1)), "u_t = u_xx", [{"initial": 1}, {"dirichlet": 0}])
    model = through(problem, 80)
    odd = np.arange(1, 60, 2)
    for x in (0.1, 0.5):
        known = (4 / (np.pi * odd) * np.sin(np.pi * odd * x) * np.exp(-((np.pi * odd) ** 2) * 0.05)).sum()
        with torch.no_grad():
            assert abs(model(torch.tensor([[x, 0.05]], dtype=F64)).item() - known) < 1e-3
    with torch.no_grad():
        assert abs(model(torch.tensor([[0.5, 0.0]], dtype=F64)).item() - 1) < 1e-9


def test_rows_of_several_conditions_are_in_the_order_of_the_nodes() -> None:
    """So that diagonals are pivots: other orders fill the factors."""
    exact = "exp(-0.2*pi**2*t)*sin(pi*x)*sin(pi*y)"
    sides = [{"dirichlet": exact, "on": name} for name in ("y=high", "x=low", "y=low", "x=high")]
    problem = Equations(SQUARE, "u_t = 0.1*lap(u)", [{"initial": "sin(pi*x)*sin(pi*y)"}, *sides], exact=exact)
    nodes = place_nodes(SQUARE.space, count=200)
    lines = SparseLines(LocalNetwork(2, 1, nodes.x, degree=3, dtype=F64), problem, nodes)
    value, rate = lines.matrices(np.zeros((2, lines.count)), 0.0)
    on = len(nodes.normals)
    assert np.allclose(value.diagonal()[:on], 1) and np.allclose(rate.diagonal()[on:], 1) and not rate[:on].nnz
    assert off(through(problem, 400), problem) < 1e-4


def test_growth_without_bound_is_told() -> None:
    problem = Equations(
        SpaceTime(Interval(x=(0, 1)), t=(0, 1)), "u_t = -u_xx", [{"initial": "sin(pi*x) + x*(1-x)"}, {"dirichlet": 0}]
    )
    with pytest.raises(InputError, match=r"have grown .* not stable"):
        through(problem, 8, degree=2, tolerance=1e-3)


@pytest.mark.slow
def test_a_solution_that_ceases_to_exist_is_told() -> None:
    domain = SpaceTime(Interval(x=(0, 1)), t=(0, 1))
    with pytest.raises(InputError, match="too short"):
        through(Equations(domain, "u_t = 50*u**3 + u_xx", [{"initial": 5}, {"neumann": 0}]), 6, degree=2, tolerance=1e-3)


def test_derivatives_in_space_and_time_are_those_of_the_model() -> None:
    exact = "exp(-0.2*pi**2*t)*sin(pi*x)*sin(pi*y)"
    problem = Equations(SQUARE, "u_t = 0.1*lap(u)", [{"initial": "sin(pi*x)*sin(pi*y)"}, {"dirichlet": 0}], exact=exact)
    model = through(problem, 400)
    x = torch.tensor([[0.4, 0.6, 0.5]], dtype=F64)
    u = rbfnet.operators.Field(model, x, ("x", "y", "t"))
    with torch.no_grad():
        assert abs(float(u.d("t") - 0.1 * (u.d("xx") + u.d("yy")))) < 5e-3 * abs(float(u.d("t")))


@pytest.mark.parametrize(
    ("equation", "conditions", "what"),
    [
        ("u_t = lap(u)", [{"dirichlet": 0}], "no initial value"),
        ("u_tt = lap(u)", [{"initial": 0}, {"dirichlet": 0}], "no initial value and velocity"),
        ("lap(u) = 1", [{"initial": 0}, {"dirichlet": 0}], "has a derivative in time"),
        ("u_t = lap(u)", [{"initial": 0}, {"dirichlet": 0}, {"mean": 0}], "points of its own"),
    ],
)
def test_what_it_cannot_solve_is_said_in_one_sentence(equation: str, conditions: list[Any], what: str) -> None:
    with pytest.raises(InputError, match=what):
        through(Equations(SQUARE, equation, conditions), 50, degree=2, tolerance=1e-4)
