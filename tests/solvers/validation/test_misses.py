"""By how much an equation is missed, against numbers worked out by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import pi

import pytest
import torch
from torch import Tensor, sin

from rbfnet import Operator
from rbfnet.domains import Disc, Domain, Interval, Rectangle, SpaceTime
from rbfnet.operators import Differentiable, apply_operators
from rbfnet.problems import Data, Equations, Problem, Sample
from rbfnet.solvers.validation._fresh_points import close_points, fresh_points
from rbfnet.solvers.validation._relative_residuals import Miss, misses

UNIT, SQUARE = Interval(x=(0, 1)), Rectangle(x=(0, 1), y=(0, 1))


class Function(Differentiable):
    """A function of the points, differentiated by autograd."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def apply_operators(self, x: Tensor, ops: Sequence[Operator]) -> Tensor:
        return apply_operators(lambda p: self.function(p).reshape(len(p), -1), x, ops)


def missed(problem: Problem, function: Callable[[Tensor], Tensor], n: int = 4000) -> dict[str, Miss]:
    problem.num_interior = problem.num_boundary = n
    samples = {name: _double(sample) for name, sample in problem.sample().items()}
    return {f"{m.condition}{m.equation or ''}": m for m in misses(Function(function), problem, samples)}


def _double(sample: Sample) -> Sample:
    sites = tuple(x.double() for x in sample.sites)
    return Sample(sites, sample.normal, sample.weights, sample.data)


def text(domain: Domain, equation: str, *conditions: dict[str, object]) -> Equations:
    return Equations(domain, equation, conditions or [{"dirichlet": 0}])


def test_an_equation_that_is_missed_by_eleven_per_cent_says_so() -> None:
    """u'' + f with a solution that is 11 % too large: the residual is .11 f, its terms are 1.11 f and f."""
    found = missed(text(UNIT, "u_xx + pi**2*sin(pi*x)"), lambda x: 1.11 * sin(pi * x))
    assert found["interior"].rms == pytest.approx(0.11 / 2.11, rel=1e-6)
    assert found["interior"].largest == pytest.approx(0.11 / 2.11 * 2**0.5, rel=1e-2)
    assert found["interior"].at == pytest.approx((0.5,), abs=1e-2)


def test_given_values_count_relative_to_themselves_or_to_the_solution() -> None:
    found = missed(text(SQUARE, "lap(u)", {"dirichlet": 2.0}), lambda x: torch.full_like(x[:, 0], 2.2))
    assert found["dirichlet"].rms == pytest.approx(0.2 / 2.2)
    # u = 0 is missed by .1 where u is about 5 in the domain.
    found = missed(text(UNIT, "u_xx"), lambda x: 0.1 + 5 * sin(pi * x[:, 0]))
    inside = torch.linspace(0, 1, 100_001, dtype=torch.float64)
    assert found["dirichlet"].rms == pytest.approx(0.1 / float((0.1 + 5 * sin(pi * inside)).square().mean().sqrt()), rel=1e-3)


@pytest.mark.parametrize(
    ("problem", "function"),
    [
        (text(SQUARE, "lap(u)", {"dirichlet": "x"}), lambda x: x[:, 0]),
        (text(SQUARE, "lap(u)", {"dirichlet": "300 + x - y"}), lambda x: 300 + x[:, 0] - x[:, 1]),
        (text(UNIT, "u_xx", {"dirichlet": 0}), lambda x: 0 * x[:, 0]),
        (text(Disc((0, 0), 1), "lap(u)", {"neumann": 0}), lambda x: 3 + 0 * x[:, 0]),
        (text(SQUARE, "lap(u)", {"mean": 0}), lambda x: 0 * x[:, 0]),
    ],
    ids=["linear", "far from zero", "zero", "constant", "integral of zero"],
)
def test_a_solution_whose_terms_all_vanish_is_not_missed(problem: Problem, function: Callable[[Tensor], Tensor]) -> None:
    """Rounding must not be compared with rounding."""
    noise = missed(problem, lambda x: function(x) * (1 + 1e-12 * sin(7 * x[:, 0])))
    assert max(m.rms for m in noise.values()) < 1e-4


def test_laplaces_equation_is_relative_to_both_derivatives() -> None:
    """u = x^2 - .9 y^2: the residual is .2, the terms are 2 and 1.8."""
    found = missed(text(SQUARE, "lap(u)", {"dirichlet": 0}), lambda x: x[:, 0] ** 2 - 0.9 * x[:, 1] ** 2)
    assert found["interior"].rms == pytest.approx(0.2 / 3.8)


def test_it_does_not_depend_on_units() -> None:
    """In millimetres and microvolts the same solution is missed as much."""
    one = missed(text(SQUARE, "lap(u) + 1", {"dirichlet": 0}), lambda x: sin(2 * x[:, 0]) * x[:, 1])
    small = Rectangle(x=(0, 1e-3), y=(0, 1e-3))
    other = missed(text(small, "lap(u) + 1e6*1e-6", {"dirichlet": 0}), lambda x: 1e-6 * sin(2e3 * x[:, 0]) * 1e3 * x[:, 1])
    for name in one:
        assert other[name].rms == pytest.approx(one[name].rms, rel=0.02)


def test_directions_are_written_out() -> None:
    """n . grad u = 1 on a disc, where it is x n_x + y n_y = r^2 / r."""
    found = missed(text(Disc((0, 0), 1), "lap(u) = 2", {"neumann": 1}), lambda x: x.square().sum(dim=1) / 2)
    assert found["neumann"].rms < 1e-12
    assert found["neumann"].size == pytest.approx((1.0 + 1.0), rel=0.01)


def test_noise_of_measured_values_is_no_miss_but_what_neighbours_share_is() -> None:
    x = torch.rand(1000, 1, dtype=torch.float64)
    y = sin(2 * pi * x[:, 0])

    class Measured(Problem):
        domain = UNIT

        def conditions(self):
            yield Data(x, y + 0.3 * torch.randn(1000, dtype=torch.float64))

    problem = Measured()
    assert missed(problem, lambda p: sin(2 * pi * p))["data"].rms < 0.1
    shifted = missed(problem, lambda p: sin(2 * pi * p) + 0.35)["data"]
    assert shifted.rms == pytest.approx(0.35 / float(problem.sample()["data"].data[0].std()), rel=0.2)


def test_fresh_points_are_others_and_more() -> None:
    problem = text(SpaceTime(UNIT, t=(0, 1)), "u_t = u_xx", {"dirichlet": 0}, {"initial": 1})
    used, numbers = problem.sample(), (problem.num_interior, problem.num_boundary)
    fresh = fresh_points(problem, used)
    assert fresh.keys() == used.keys()
    for name, sample in fresh.items():
        assert sample.num_points > 1.9 * used[name].num_points
        apart = torch.cdist(sample.sites[0], used[name].sites[0]).amin(dim=1)
        assert float((apart > 0).double().mean()) > 0.9
    assert (problem.num_interior, problem.num_boundary) == numbers


def test_close_points_reach_the_ends_corners_and_centres() -> None:
    problem = text(SQUARE, "lap(u)")
    centers = torch.tensor([[0.5, 0.5]], dtype=torch.float64)
    (sample,) = close_points(problem, problem.sample(), centers).values()
    x = sample.sites[0]
    assert bool(problem.domain.contains(x).all())
    edge = torch.minimum(x, 1 - x).amin(dim=1)
    assert float((edge < 1e-3).double().mean()) > 0.1
    assert float(((x - 0.5).abs().amax(dim=1) < 0.05).double().mean()) > 0.1
