from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from torch import Tensor, cos, exp, pi, sin

import rbfnet
from rbfnet.domains import Disc, Interval, Rectangle, SpaceTime
from rbfnet.operators import Field, Operator
from rbfnet.problems import (
    Advection,
    Beam,
    Boundary,
    Burgers,
    Condition,
    Dirichlet,
    Heat,
    Initial,
    Integral,
    Interior,
    KleinGordon,
    KortewegDeVries,
    Neumann,
    Periodic,
    Poisson,
    Unknown,
    Wave,
)
from rbfnet.solvers import Evolve
from rbfnet.solvers.time._line_spacing import GRADING, Spacing
from rbfnet.solvers.time._radau import Radau

LINE = SpaceTime(Interval(x=(0, 1)), t=(0, 1))


def error(problem: Any, num_centers: int = 40, **options: Any) -> float:
    solution = rbfnet.solve(problem, num_centers=num_centers, solver=Evolve(**options))
    assert solution.errors is not None
    return solution.errors["rel_l2"]


@pytest.mark.parametrize(
    ("problem", "centers", "within"),
    [
        (Heat, 40, 1e-11),
        (Wave, 50, 1e-10),
        (Beam, 40, 1e-9),
        (Advection, 50, 1e-9),
        (KleinGordon, 40, 1e-9),
        (KortewegDeVries, 120, 1e-6),
    ],
)
def test_closed_forms_are_reached(problem: Any, centers: int, within: float) -> None:
    assert error(problem, centers) < within


@pytest.mark.slow
def test_the_front_of_burgers_is_found_and_resolved() -> None:
    """Against the integral of Cole and Hopf; with centres spread evenly the same number is good to a hundredth only."""
    solution = rbfnet.solve(Burgers, num_centers=160, solver=Evolve())
    assert solution.errors is not None and solution.errors["rel_l2"] < 1e-7
    centers = solution.model.centers.detach()[:, 0].sort().values
    gaps = centers.diff()
    assert abs(float(centers[gaps.argmin()])) < 0.02
    assert error(Burgers, 160, refine=0, tolerance=1e-5) > 1e-3


class Fisher(rbfnet.Problem):
    """u_t = a(x) u_xx + u (1 - u), u_x = -u at the left, u_x = sin(3 t) at the right."""

    domain = LINE

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda u: u.d("t") - 0.05 * (1 + u.x) * u.d("xx") - u * (1 - u))
        yield Boundary(lambda u: u.d("x") + u.value, on="x=low")
        yield Neumann(lambda x, t: sin(3 * t), on="x=high")
        yield Initial(lambda x: exp(-x) + 0.18394 * x**2)


def test_a_nonlinear_problem_agrees_with_finite_differences_and_scipy() -> None:
    solution = rbfnet.solve(Fisher, num_centers=50, solver=Evolve(tolerance=1e-8))
    n = 400
    x = np.linspace(0, 1, n + 1)
    h = x[1]

    def rate(t: float, u: np.ndarray) -> np.ndarray:
        below = u[1] - 2 * h * (-u[0])
        above = u[-2] + 2 * h * np.sin(3 * t)
        wide = np.concatenate([[below], u, [above]])
        return 0.05 * (1 + x) * (wide[2:] - 2 * u + wide[:-2]) / h**2 + u * (1 - u)

    start = np.exp(-x) + 0.18394 * x**2
    twin = solve_ivp(rate, (0, 1), start, method="BDF", t_eval=[0.5, 1.0], rtol=1e-8, atol=1e-10)
    for column, t in enumerate((0.5, 1.0)):
        points = torch.from_numpy(np.stack([x, np.full_like(x, t)], axis=1))
        with torch.no_grad():
            ours = solution.model(points)[:, 0].numpy()
        # The twin is of second order in h.
        assert np.abs(ours - twin.y[:, column]).max() < 5e-5


class Reacting(rbfnet.Problem):
    """Two outputs, two equations that mix their rates, on a disc: u = exp(-t) cos(x + y), v = exp(-2 t) x y."""

    domain = SpaceTime(Disc((0.0, 0.0), 1.0), t=(0, 1))
    outputs = ("u", "v")

    def exact(self, x: Tensor, y: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        return exp(-t) * cos(x + y), exp(-2 * t) * x * y

    def _equations(self, f: Field) -> tuple[Tensor, Tensor]:
        u, v = self.exact(f.x, f.y, f.t)
        first = f["u"].d("t") + f["v"].d("t") - f["u"].laplacian("x", "y") + f["u"] * f["v"]
        second = 2 * f["v"].d("t") - f["u"].d("t") - f["v"].laplacian("x", "y")
        return first - (-u - 2 * v + 2 * u + u * v), second - (-4 * v + u)

    def conditions(self) -> Iterable[Condition]:
        yield Interior(self._equations)
        for place, name in enumerate(self.outputs):
            yield Dirichlet(lambda x, y, t, place=place: self.exact(x, y, t)[place], output=name)
            yield Initial(lambda x, y, place=place: self.exact(x, y, torch.zeros_like(x))[place], output=name)


def test_coupled_rates_on_a_disc() -> None:
    solution = rbfnet.solve(Reacting, num_centers=150, solver=Evolve(tolerance=1e-7), margin=0.2)
    assert solution.errors is not None and solution.errors["rel_l2"] < 1e-4


class Drum(rbfnet.Problem):
    """u_tt = Lap u on a square: a wave in two dimensions must not grow."""

    domain = SpaceTime(Rectangle(x=(0, 1), y=(0, 1)), t=(0, 2))

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda u: u.d("tt") - u.laplacian("x", "y"))
        yield Dirichlet(0.0, points=400)
        yield Initial(lambda x, y: sin(pi * x) * sin(pi * y), velocity=0.0)

    def exact(self, x: Tensor, y: Tensor, t: Tensor) -> Tensor:
        return cos(2**0.5 * pi * t) * sin(pi * x) * sin(pi * y)


def test_a_wave_in_the_plane() -> None:
    solution = rbfnet.solve(Drum, num_centers=150, solver=Evolve(tolerance=1e-7), margin=0.2)
    assert solution.errors is not None and solution.errors["rel_l2"] < 1e-4


class Cold(rbfnet.Problem):
    """Heat that starts as one and is zero at both ends: u = sum of 4 / (k pi) sin(k pi x) exp(-k^2 pi^2 t), k odd."""

    domain = LINE

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda u: u.d("t") - u.d("xx"))
        yield Dirichlet(0.0)
        yield Initial(1.0)


def test_a_start_that_contradicts_the_boundary() -> None:
    solution = rbfnet.solve(Cold, num_centers=80, solver=Evolve())
    x = torch.linspace(0, 1, 50, dtype=torch.float64)
    k = torch.arange(1, 200, 2)[:, None]
    with torch.no_grad():
        at_first = solution.model(torch.stack([x, torch.zeros_like(x)], dim=1))[:, 0]
        later = solution.model(torch.stack([x, torch.full_like(x, 0.05)], dim=1))[:, 0]
    assert (at_first - 1).abs().max() < 1e-6
    assert (later - (4 / (k * pi) * sin(k * pi * x) * exp(-(k**2) * pi**2 * 0.05)).sum(dim=0)).abs().max() < 1e-4


@pytest.mark.parametrize("stages", [3, 5, 9, 15])
def test_the_method_is_that_of_radau(stages: int) -> None:
    """Quadrature of order 2 K - 1, stages exact for polynomials of degree K - 1, A from its eigenvalues."""
    radau = Radau.of(stages)
    c = radau.nodes
    for power in range(2 * stages - 1):
        assert float(radau.weights @ c**power) == pytest.approx(1 / (power + 1), rel=1e-11)
    for power in range(stages):
        assert torch.allclose(radau.integral @ c**power, c ** (power + 1) / (power + 1), atol=1e-12)
    rebuilt = (radau.back * radau.eigenvalues @ radau.into).real
    assert torch.allclose(rebuilt, radau.integral, atol=1e-7)
    if stages == 3:
        # Hairer and Wanner II, table IV.5.6.
        root = 6**0.5
        assert torch.allclose(c, torch.tensor([(4 - root) / 10, (4 + root) / 10, 1.0], dtype=c.dtype), atol=1e-14)
        assert float(radau.integral[0, 0]) == pytest.approx((88 - 7 * root) / 360, rel=1e-12)


def test_the_spacing_follows_a_length_and_grows_slowly() -> None:
    at = np.linspace(-1, 1, 2001)
    spacing = Spacing.of(-1.0, 1.0, 100, at, np.where(np.abs(at - 0.3) < 0.01, 0.01, 1.0))
    centers, h = spacing.centers()
    assert len(centers) == 100
    assert abs(float(centers[h.argmin()]) - 0.3) < 0.02
    assert (h.diff().abs() <= GRADING * centers.diff() * 1.01).all()
    inside = (centers > -1) & (centers < 1)
    assert int(inside.sum()) == 84
    x, w = spacing.points()
    assert float(w @ x[:, 0] ** 6) == pytest.approx(2 / 7, rel=1e-13)


def test_derivatives_satisfy_the_equation_at_new_points() -> None:
    solution = rbfnet.solve(Heat, num_centers=40, solver=Evolve())
    x = torch.rand((200, 2), dtype=torch.float64)
    residual = solution.model.apply_operator(x, Operator.d(1) - 0.25 * Operator.d(0, 0))
    assert residual.abs().max() < 1e-7


def problem(*made: Condition, domain: Any = LINE, outputs: tuple[str, ...] = ("u",)) -> rbfnet.Problem:
    class Made(rbfnet.Problem):
        def conditions(self) -> Iterable[Condition]:
            return made

    Made.domain, Made.outputs = domain, outputs
    return Made()


HEAT, START = Interior(lambda u: u.d("t") - u.d("xx")), Initial(0.0)


def unknown() -> rbfnet.Problem:
    found = problem(HEAT, START)
    found.k = Unknown(1.0)
    return found


WRONG = {
    "no time": (Poisson, "needs a SpaceTime domain"),
    "no start": (lambda: problem(HEAT, Dirichlet(0.0)), "no initial condition"),
    "no equation": (lambda: problem(START, Dirichlet(0.0)), "no equation for evolve"),
    "a part of the start": (
        lambda: problem(Interior(lambda u: u.d("tt") - u.d("xx")), START),
        "do not determine where evolve starts: it needs the value and the velocity",
    ),
    "no rate": (lambda: problem(Interior(lambda u: (u.d("t"), u.d("xx"))), START), "needs the derivative of order 1 in time"),
    "third order": (lambda: problem(Interior(lambda u: u.d("ttt") + u.d("t")), START), "a derivative of order 3 in time"),
    "an output without rate": (
        lambda: problem(Interior(lambda f: f["u"].d("t") - f["v"]), Initial(0.0, output="u"), outputs=("u", "v")),
        "of the output 'v'",
    ),
    "an integral": (lambda: problem(HEAT, START, Integral(0.0)), "is an integral"),
    "unknowns": (unknown, "carries weights alone, but 'k"),
    "hard": (lambda: problem(HEAT, START, Dirichlet(0.0, hard=True)), "leave hard=True"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_no_evolution_is_refused(case: str) -> None:
    made, sentence = WRONG[case]
    with pytest.raises(ValueError, match=sentence):
        rbfnet.solve(made(), num_centers=20, solver=Evolve())


def test_a_solution_that_blows_up_is_said_to() -> None:
    made = problem(Interior(lambda u: u.d("t") - u**2), Initial(1.0), domain=SpaceTime(Interval(x=(0, 1)), t=(0, 2)))
    with pytest.raises(ValueError, match=r"blows up at t = (0\.99|1)"):
        rbfnet.solve(made, num_centers=20, solver=Evolve(refine=0))


@pytest.mark.parametrize("arguments", [{"tolerance": 0}, {"degree": 2}, {"degree": 2.5}, {"refine": -1}, {"max_epochs": 0}])
def test_arguments_are_checked(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(arguments))):
        Evolve(**arguments)


def test_float32_is_refused() -> None:
    with pytest.raises(ValueError, match="dtype=float64"):
        rbfnet.solve(Heat, num_centers=20, solver=Evolve(), dtype=torch.float32)


def test_ends_that_are_one_place() -> None:
    """A periodic heat equation with a source that depends on time: u = sin(2 pi x) cos t."""

    def equation(u: Field) -> Tensor:
        wave = sin(2 * pi * u.x)
        return u.d("t") - 0.1 * u.d("xx") - wave * (-sin(u.t) + 0.4 * pi**2 * cos(u.t))

    made = problem(Interior(equation), Periodic("x"), Initial(lambda x: sin(2 * pi * x)))
    solution = rbfnet.solve(made, num_centers=40, solver=Evolve())
    x = torch.rand((100, 2), dtype=torch.float64)
    assert (solution.model(x)[:, 0] - sin(2 * pi * x[:, 0]) * cos(x[:, 1])).abs().max() < 1e-8
