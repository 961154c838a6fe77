from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial

import pytest
import torch
from torch import Tensor

import rbfnet
from rbfnet.domains import Interval, Rectangle
from rbfnet.kernels import Gaussian
from rbfnet.nn import RBFNetwork
from rbfnet.operators import Differentiable, Operator, apply_operators
from rbfnet.problems import Condition, Data, Dirichlet, Integral, Interior, Neumann, Periodic, Poisson, Sample
from rbfnet.solvers.assembly._linearize import AtZero
from rbfnet.solvers.validation._fresh_points import close_points, fresh_points, kept_apart
from rbfnet.solvers.validation._relative_residuals import Miss, Yardstick, misses

DOUBLE = torch.float64


class Function(Differentiable):
    """A function of points (B, D), differentiated automatically."""

    def __init__(self, u: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.u = u

    def apply_operators(self, x: Tensor, ops: list[Operator]) -> Tensor:  # type: ignore[override]
        return apply_operators(lambda x: self.u(x)[:, None], x, ops)


class Given(rbfnet.Problem):
    """Conditions that are given."""

    def __init__(self, conditions: Iterable[Condition], domain: object = None, **points: int) -> None:
        super().__init__(num_interior=points.get("num_interior", 400), num_boundary=200)
        self.given, self.domain = list(conditions), domain or Interval(x=(0, 1))  # type: ignore[assignment]

    def conditions(self) -> Iterable[Condition]:
        return self.given


def measured(u: Callable[[Tensor], Tensor], *conditions: Condition, domain: object = None) -> list[Miss]:
    problem = Given(conditions, domain)
    samples = {name: s._replace(sites=tuple(x.to(DOUBLE) for x in s.sites)) for name, s in problem.sample().items()}
    return misses(Function(u), problem, samples)


def test_a_residual_is_relative_to_the_sum_of_the_terms() -> None:
    """u'' + 1 for u = a x^2 / 2: a + 1 over |a| + 1, everywhere the same."""
    for a, missed in ((0.0, 1.0), (-1.0, 0.0), (-0.9, 0.1 / 1.9), (1.0, 1.0), (-3.0, 0.5)):
        parabola = partial(lambda x, a: a * x[:, 0] ** 2 / 2, a=a)
        (miss,) = measured(parabola, Interior(lambda u: u.d("x", "x") + 1))
        assert (miss.rms, miss.mean, miss.largest) == pytest.approx((missed, missed, missed), abs=1e-12)
        assert miss.order == 2 and miss.size == pytest.approx(1 + abs(a))


def test_units_do_not_matter() -> None:
    def found(length: float, height: float, weight: float) -> list[float]:
        torch.manual_seed(0)
        u, domain = lambda x: height * torch.sin(3 * x[:, 0] / length), Interval(x=(0, length))
        interior = Interior(lambda u: weight * (u.d("x", "x") + 8 * u.value / length**2))
        return [m.rms for m in measured(u, interior, Dirichlet(0.0), Neumann(0.0), domain=domain)]

    assert found(1.0, 1.0, 1.0) == pytest.approx(found(1e-3, 1e6, 1e-9), rel=1e-6)


def test_means_are_not_governed_by_one_place() -> None:
    """A spike of width 0.01 in the residual and the terms: its share of the mean is a hundredth of its height."""
    spike = Interior(lambda u: u.d("x") - 1 - 100 * torch.exp(-(((u.x - 0.5) / 0.01) ** 2)))
    (miss,) = measured(lambda x: x[:, 0], spike)
    assert miss.rms > 0.9 and miss.mean == pytest.approx(1.77 / 3.77, rel=0.1)


def test_values_are_relative_to_what_is_given_or_to_the_solution() -> None:
    flat = Interior(lambda u: u.d("x", "x"))
    _, at_ends = measured(lambda x: 1 + 0.01 * x[:, 0], flat, Dirichlet(lambda x: 1 + 0 * x))
    assert at_ends.rms == pytest.approx(0.01 / 2**0.5, rel=0.02)
    _, at_ends = measured(lambda x: torch.sin(math.pi * x[:, 0]) + 0.07, flat, Dirichlet(0.0))
    assert at_ends.rms == pytest.approx(0.07 / (0.5 + 2 * 0.07 * 2 / math.pi + 0.07**2) ** 0.5, rel=0.02)


def test_a_slope_that_vanishes_is_relative_to_that_of_a_function_over_the_whole_domain() -> None:
    """u = x + a y on y = 0, u_y = 0: over |a| or the standard deviation of u, 1 / sqrt(12)."""
    domain = Rectangle(x=(0, 1), y=(0, 1))
    conditions = Interior(lambda u: u.laplacian()), Neumann(0.0, on="y=low")
    for a in (1e-3, 1.0):
        slope = torch.tensor([1.0, a], dtype=DOUBLE)
        _, wall = measured(partial(torch.mv, vec=slope), *conditions, domain=domain)
        assert wall.rms == pytest.approx(a / max(a, ((1 + a**2) / 12) ** 0.5), rel=0.02)


def test_integrals_and_pairs_are_measured() -> None:
    domain = Rectangle(x=(0, 1), t=(0, 1))
    found = measured(
        lambda x: 1 + x[:, 0] * x[:, 1],
        Interior(lambda u: u.d("t") - u.x),
        Periodic("x"),
        Integral(1.0),
        Dirichlet(1.0, on="t=low"),
        domain=domain,
    )
    interior, periodic, slope, integral, start = found
    assert interior.rms < 1e-12 and slope.rms < 1e-12 and start.rms < 1e-12
    # u(1, t) - u(0, t) = t, over the larger of them, 1 + t; the integral is 1.25 rather than 1.
    assert periodic.rms == pytest.approx((1 / 3) ** 0.5 / (7 / 3) ** 0.5, rel=0.02)
    assert integral.rms == pytest.approx(0.25 / 1.25, rel=0.02)


def test_linearised_equations_are_the_equations_where_they_are_linearised_and_for_linear_problems_anywhere() -> None:
    problem = Poisson(num_interior=100, num_boundary=40).to(DOUBLE)
    samples = {name: s._replace(sites=tuple(x.to(DOUBLE) for x in s.sites)) for name, s in problem.sample().items()}
    model = RBFNetwork(2, 1, 30, Gaussian(), points=problem.domain.box.to(DOUBLE), epsilon=2.0, dtype=DOUBLE)
    model.set_coefficients(torch.randn_like(model.coefficients))
    once, again = misses(model, problem, samples), Yardstick.at(AtZero(model), problem, samples).misses(model)
    for a, b in zip(once, again, strict=True):
        assert (a.rms, a.mean, a.largest, a.size) == pytest.approx((b.rms, b.mean, b.largest, b.size), rel=1e-10)

    square = Given([Interior(lambda u: u.d("x", "x") - u**2)])
    points = {"interior": Sample((torch.rand(50, 1, dtype=DOUBLE),))}
    at = Yardstick.at(Function(lambda x: x[:, 0] ** 2), square, points)
    (miss,) = at.misses(Function(lambda x: x[:, 0] ** 2 + 1e-3 * x[:, 0]))
    # v'' - 2 u v + u^2 with v = u + 1e-3 x: 2 - u^2 - 2e-3 u x.
    x = points["interior"].sites[0][:, 0]
    assert miss.residual == pytest.approx(float((2 - x**4 - 2e-3 * x**3).square().mean().sqrt()), rel=1e-10)


def test_fresh_points_are_others_and_those_of_data_the_same() -> None:
    x = torch.rand(20, 1, dtype=DOUBLE)
    problem = Given([Interior(lambda u: u.d("x")), Dirichlet(0.0), Data(x, x[:, 0])])
    samples = problem.sample()
    fresh = fresh_points(problem, samples)
    assert fresh["interior"].num_points == 801 and fresh["data"] is samples["data"]
    assert not (fresh["interior"].sites[0][:, None] == samples["interior"].sites[0]).any()
    assert all(s.sites[0].dtype == samples[name].sites[0].dtype for name, s in fresh.items())
    near = close_points(problem, samples)["interior"].sites[0]
    assert (torch.minimum(near, 1 - near) < 0.01).double().mean() > 0.5


def test_points_that_are_given_are_held_back_and_all_others_are_fresh() -> None:
    x = torch.rand(60, 1, dtype=DOUBLE)
    problem = Given([Interior(lambda u: u.d("x")), Dirichlet(0.0), Data(x, x[:, 0])])
    samples = problem.sample()
    apart = kept_apart(problem, samples)
    assert apart is not None
    used, measured_at = apart
    assert used["interior"] is samples["interior"] and 200 <= measured_at["interior"].num_points <= 210
    assert used["dirichlet"] is measured_at["dirichlet"] is samples["dirichlet"]
    kept, held = used["data"].sites[0], measured_at["data"].sites[0]
    assert len(kept) + len(held) == 60 and 12 <= len(held) <= 24
    assert not (kept[:, None] == held).all(dim=2).any()
    for low in (0.0, 0.25, 0.5, 0.75):
        assert 1 <= int(((held >= low) & (held < low + 0.25)).sum()) <= 9


def test_a_condition_whose_points_are_always_the_same_is_held_back() -> None:
    class Fixed(Interior):
        def sample(self, problem: rbfnet.Problem) -> Sample:
            return Sample((torch.linspace(0, 1, 50, dtype=DOUBLE)[:, None],))

    problem = Given([Fixed(lambda u: u.d("x"))])
    apart = kept_apart(problem, problem.sample())
    assert apart is not None
    used, measured_at = apart
    assert used["interior"].num_points + measured_at["interior"].num_points == 50


def test_nothing_is_kept_apart_of_a_few_given_points() -> None:
    x = torch.rand(8, 1, dtype=DOUBLE)
    problem = Given([Data(x, x[:, 0])])
    assert kept_apart(problem, problem.sample()) is None
