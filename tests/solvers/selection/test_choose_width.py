from __future__ import annotations

import math

import pytest
import torch

import rbfnet
from rbfnet.nn import RBFLayer, RBFNetwork
from rbfnet.nn._metric import Full
from rbfnet.problems import Beam, FourDisks, Poisson
from rbfnet.solvers import Posed, automatic_scales
from rbfnet.solvers.selection._choose_width import STEP, choose_shape

DOUBLE = torch.float64


def posed(**network: object) -> Posed:
    problem = Poisson(num_interior=90, num_boundary=40).to(DOUBLE)
    samples = {
        name: sample._replace(sites=tuple(x.to(DOUBLE) for x in sample.sites)) for name, sample in problem.sample().items()
    }
    model = RBFNetwork(2, 1, 30, points=problem.domain.box.to(DOUBLE), overlap=3.5, dtype=DOUBLE, **network)  # type: ignore[arg-type]
    return Posed(model, problem, samples, automatic_scales(model, problem, samples))


def layer_of(at: Posed) -> RBFLayer:
    assert isinstance(at.model, RBFNetwork)
    return at.model.layer


@pytest.mark.parametrize("best", [-3, 0, 1, 5])
@pytest.mark.parametrize("near", [False, True])
def test_it_finds_the_width_and_the_margin_with_the_least_miss(best: int, near: bool) -> None:
    at = posed()
    layer = layer_of(at)
    start = float(layer.epsilon.detach())
    low, high = layer.centers.detach().aminmax(dim=0)
    before = high - low

    def miss() -> float:
        now = layer.centers.detach().amax(dim=0) - layer.centers.detach().amin(dim=0)
        shrunk = float((now / before)[0])
        step = math.log(start / float(layer.epsilon.detach()) / shrunk, STEP)
        return float(1e-3 * 2 ** (abs(step - best) + (shrunk > 0.9 if near else shrunk < 0.9)))

    (words,) = choose_shape(at, miss)
    after = (layer.centers.detach().amax(dim=0) - layer.centers.detach().amin(dim=0)) / before
    shrunk = 0.6 if near else 1.0
    torch.testing.assert_close(after, torch.full((2,), shrunk, dtype=DOUBLE))
    assert float(layer.epsilon.detach()) == pytest.approx(start / shrunk / STEP**best)
    assert (
        words.startswith(f"epsilon = {float(layer.epsilon.detach()):.3g}")
        and "gives a mean relative residual of 0.001 at held-out points" in words
    )
    assert ("with a margin of 0.1 rather than 0.5" in words) == near


@pytest.mark.parametrize("near", [False, True])
@pytest.mark.parametrize("best", [-7, -4, 5, 7])
def test_a_width_that_solves_is_found_among_widths_that_do_not(best: int, near: bool) -> None:
    """All but a few widths miss as zero does, or cannot be solved at all, and say nothing about where the few are."""
    at = posed()
    layer = layer_of(at)
    start, asked = float(layer.epsilon.detach()), 0
    extent = float(layer.centers.detach()[:, 0].amax() - layer.centers.detach()[:, 0].amin())

    def miss() -> float:
        nonlocal asked
        asked += 1
        shrunk = float(layer.centers.detach()[:, 0].amax() - layer.centers.detach()[:, 0].amin()) / extent
        away = abs(math.log(start / float(layer.epsilon.detach()) / shrunk, STEP) - best)
        if (shrunk < 0.9) != near or away > 2.1:
            return 1.0 if asked % 2 else math.inf
        return float(1e-3 * 2**away)

    choose_shape(at, miss)
    found = float(layer.centers.detach()[:, 0].amax() - layer.centers.detach()[:, 0].amin()) / extent
    assert (found < 0.9) == near
    assert float(layer.epsilon.detach()) == pytest.approx(start / found / STEP**best)
    assert asked < 25


def test_where_no_width_can_be_solved_the_first_stays() -> None:
    at = posed()
    before = float(layer_of(at).epsilon.detach())
    choose_shape(at, lambda: math.inf)
    assert float(layer_of(at).epsilon.detach()) == before


@pytest.mark.parametrize("given", [{"epsilon": 2.0}, {"kernel": "polyharmonic"}])
def test_what_is_given_or_has_no_effect_is_not_searched(given: dict[str, object]) -> None:
    assert choose_shape(posed(**given), lambda: pytest.fail("was asked")) == []


def test_a_margin_that_is_given_stays() -> None:
    at = posed(margin=0.3)
    before = layer_of(at).centers.detach().clone()
    (words,) = choose_shape(at, lambda: 1.0)
    assert torch.equal(layer_of(at).centers.detach(), before)
    assert "margin" not in words


@pytest.mark.parametrize(("metric", "per_center"), [("isotropic", True), ("diagonal", False), ("full", True)])
def test_widening_divides_every_shape_parameter(metric: str, per_center: bool) -> None:
    layer = RBFLayer(2, 9, metric=metric, per_center=per_center, dtype=DOUBLE)
    if isinstance(layer.metric, Full):
        layer.metric.set_factor(torch.tensor([[2.0, 0.0], [1.0, 3.0]], dtype=DOUBLE).expand(9, 2, 2))
    before = layer.metric.matrix(2).detach().clone()
    layer.metric.widen(2.0)
    torch.testing.assert_close(layer.metric.matrix(2).detach(), before / 4)


@pytest.mark.parametrize("kernel", ["gaussian", "inverse_multiquadric", "multiquadric"])
def test_automatic_shapes_are_no_worse_than_the_spacing_rule(kernel: str) -> None:
    """The rule by itself: the same run with its epsilon given."""
    for problem, worst in ((Poisson(), 10.0), (Beam(), 10.0)):
        auto = rbfnet.solve(problem, kernel=kernel, num_centers=150, solver="least_squares")
        rule = RBFNetwork(2, 1, 150, points=problem.domain.box.double(), overlap=3.5, dtype=DOUBLE)
        ruled = rbfnet.solve(
            problem, kernel=kernel, num_centers=150, epsilon=float(rule.epsilon.detach()), solver="least_squares"
        )
        assert auto.errors is not None and ruled.errors is not None
        assert auto.errors["rel_l2"] < worst * ruled.errors["rel_l2"]
        assert auto.summary["epsilon"] == pytest.approx(float(auto.model.epsilon.detach()))


@pytest.mark.slow
def test_holes_make_centres_come_near_and_kernels_narrow() -> None:
    """The rule by itself has the error 0.1 and more."""
    solution = rbfnet.solve(FourDisks(num_interior=1600, num_boundary=500), num_centers=800)
    assert solution.errors is not None and solution.errors["rel_l2"] < 5e-3
    assert "with a margin of 0.1 rather than 0.5" in solution.summary["words"][-1]


def test_kernels_that_decay_slowly_become_wider() -> None:
    """Ten times more accurate than by the rule, which suits Gaussians."""
    epsilon = 1.76  # 3.5 spacings
    auto = rbfnet.solve(Poisson(), kernel="inverse_multiquadric", num_centers=150)
    ruled = rbfnet.solve(Poisson(), kernel="inverse_multiquadric", num_centers=150, epsilon=epsilon)
    assert auto.summary["epsilon"] < 0.6 * epsilon
    assert auto.errors["rel_l2"] < 0.1 * ruled.errors["rel_l2"]  # type: ignore[index]


def test_interpolation_chooses_by_leaving_one_out() -> None:
    """Far better than the width that the spacing gives, and within ten of the best there is."""
    x = torch.rand(120, 2, dtype=DOUBLE)
    y = torch.sin(4 * x[:, 0]) * torch.exp(x[:, 1])
    new = torch.rand(400, 2, dtype=DOUBLE)
    exact = torch.sin(4 * new[:, 0]) * torch.exp(new[:, 1])

    def error(**options: object) -> float:
        model = rbfnet.fit(x, y, kernel="multiquadric", test=0, **options).model  # type: ignore[arg-type]
        with torch.no_grad():
            return float((model(new)[:, 0] - exact).norm() / exact.norm())

    errors = [error(epsilon=e) for e in (0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 2.0, 4.0)]
    assert error() < 10 * min(errors) < max(errors)
