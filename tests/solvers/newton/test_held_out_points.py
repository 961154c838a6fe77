"""Points that are held back decide whether a step helped, and are taken in where it did not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import pytest
import torch
from torch import Tensor

import rbfnet
from rbfnet.domains import Interval
from rbfnet.nn import RBFNetwork
from rbfnet.problems import Condition, Dirichlet, Initial, Interior, KleinGordon, Poisson, Problem, VanDerPol
from rbfnet.solvers import GaussNewton, Posed, automatic_scales
from rbfnet.solvers.newton import _newton as newton
from rbfnet.solvers.newton._held_out_points import HeldBack
from rbfnet.solvers.validation._fresh_points import close_points

DOUBLE = torch.float64


def network_of(posed: Posed) -> RBFNetwork:
    assert isinstance(posed.model, RBFNetwork)
    return posed.model


def make(problem: Problem, centers: int, **network: Any) -> Posed:
    torch.manual_seed(0)
    box = problem.domain.box
    model = RBFNetwork(box.shape[1], len(problem.outputs), centers, points=box, overlap=3.5, dtype=DOUBLE, **network)
    samples = problem.sample()
    return Posed(model, problem, samples, automatic_scales(model, problem, samples))


def steps(posed: Posed, count: int, **options: Any) -> Any:
    optimizer = GaussNewton(**options).optimizer(posed.model, posed.problem)
    for _ in range(count):
        optimizer.step(lambda: posed)  # type: ignore[arg-type, return-value]
    return optimizer


def test_rounds_have_points_of_their_own_and_the_same_ones_each_time() -> None:
    posed = make(Poisson(num_interior=80, num_boundary=40), 20)
    state = torch.get_rng_state()
    held = HeldBack()
    whole = held.taken_in(posed, 2)
    assert torch.equal(torch.get_rng_state(), state)
    x = whole.samples["interior"].sites[0]
    assert 240 <= len(x) <= 310 and len(torch.unique(x, dim=0)) == len(x)
    assert torch.equal(x[:80], posed.samples["interior"].sites[0])
    assert bool(posed.problem.domain.contains(x).all())
    assert float(posed.problem.domain.distance(x[80:]).min()) < 0.1 * float(posed.problem.domain.distance(x[:80]).min())
    again = HeldBack().taken_in(posed, 2).samples["interior"].sites[0]
    assert torch.equal(x, again)
    held.loss(posed, 2)
    assert torch.equal(held.taken_in(posed, 2).samples["interior"].sites[0], x)


def test_loss_and_miss_are_those_of_the_points_held_back() -> None:
    """At the exact solution's coefficients both vanish; they see what the points that are used do not."""

    class Line(Problem):
        domain = Interval(x=(0, 1))

        def conditions(self) -> Iterable[Condition]:
            yield Interior(lambda u: u.d("xx"))
            yield Dirichlet(lambda x: x)

    posed = make(Line(num_interior=20, num_boundary=2), 40, degree=1)
    held = HeldBack()
    tail = torch.zeros_like(posed.model.coefficients)
    box = network_of(posed).basis.features(torch.tensor([[0.0], [1.0]], dtype=DOUBLE), rbfnet.operators.Operator.identity())
    tail[-2:] = torch.linalg.solve(box, torch.tensor([[0.0], [1.0]], dtype=DOUBLE))
    posed.model.set_coefficients(tail)
    assert held.loss(posed, 0) < 1e-20 and held.miss(posed, 0) < 1e-10
    # Coefficients whose second derivative vanishes at the points alone.
    rows = posed.model.features(posed.samples["interior"].sites[0], rbfnet.operators.Operator.d(0, 0)).detach()
    null = torch.linalg.svd(rows, full_matrices=True)[2][-1]
    posed.model.set_coefficients(tail + 1e6 * null[:, None] / null.abs().max())
    fitted = posed.part({"interior": slice(None)})
    assert held.loss(posed, 0) > 100 * fitted.loss()


class Thinly(VanDerPol):
    """802 equations for 800 unknowns."""

    def __init__(self) -> None:
        super().__init__(num_interior=400)


@pytest.mark.slow
def test_as_many_unknowns_as_equations_get_more_equations() -> None:
    """With the 400 points that it is given alone, the run ends 158 % off."""
    solution = rbfnet.solve(Thinly(), num_centers=400, solver="gauss_newton")
    assert solution.errors is not None and solution.errors["rel_l2"] < 1e-9
    assert any("802 equations did not determine" in sentence for sentence in solution.summary["words"])


def test_a_step_that_goes_astray_between_the_points_is_not_taken() -> None:
    """Fifteen points for thirty unknowns: the first step fits them to rounding, and is far off between them."""

    class Steep(Problem):
        domain = Interval(t=(0, 4))

        def conditions(self) -> Iterable[Condition]:
            yield Interior(lambda u: u.d("t") - u * (1 - u) * torch.cos(3 * u.t))
            yield Initial(0.5)

        def exact(self, t: Tensor) -> Tensor:
            return torch.sigmoid(torch.sin(3 * t) / 3)

    problem = Steep(num_interior=15, num_boundary=1)
    posed = make(problem, 40)
    x = problem.domain.interior(300)
    optimizer: Any = GaussNewton(slabs=1).optimizer(posed.model, posed.problem)
    held, before = HeldBack(), float("inf")
    for _ in range(14):
        optimizer.step(lambda: posed)
        after = held.loss(posed, optimizer.at.rounds)
        assert after <= 100 * before or after < 1e-14
        before = after
    error = posed.model(x)[:, 0].detach() - problem.exact(x[:, 0])
    assert optimizer.at.rounds > 0
    assert error.abs().max() < 1e-5


def test_widths_that_miss_more_at_fresh_points_are_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A choice that makes kernels far too narrow leaves no trace but its sentence."""
    posed = make(Poisson(num_interior=120, num_boundary=60), 40)
    epsilon, scales = float(network_of(posed).epsilon.detach()), dict(posed.scales)

    def narrow(given: Posed, unknowns: Any) -> tuple[list[str], Tensor]:
        network_of(given).metric.widen(0.02)
        cast(dict[str, list[float]], given.scales).update(automatic_scales(given.model, given.problem, given.samples))
        return ["narrow"], torch.zeros(40, dtype=DOUBLE)

    monkeypatch.setattr(newton, "chosen_shape", narrow)
    optimizer = steps(posed, 8)
    assert float(network_of(posed).epsilon.detach()) == epsilon and dict(posed.scales) == scales
    assert "epsilon follows from the centre spacing: no other value tried" in optimizer.words[1]
    x = posed.problem.domain.interior(200)
    exact = torch.sin(torch.pi * x).prod(dim=1)
    assert float((posed.model(x)[:, 0].detach() - exact).norm() / exact.norm()) < 1e-3


WORDS = {
    "done": (20, ("Converged after ", "Stopped after 6 steps: no step lowers the loss further.")),
    "cut short": (1, "Stopped after one step while the loss was still falling."),
}


@pytest.mark.parametrize("case", WORDS)
def test_the_words_say_what_happened_and_no_more(case: str) -> None:
    count, words = WORDS[case]
    posed = make(VanDerPol(end=2.0, num_interior=60), 12)
    assert steps(posed, count, slabs=1).words[0].startswith(words)


def test_points_close_to_the_boundary_are_close_to_the_start_and_the_end_of_time_too() -> None:
    problem = KleinGordon(num_interior=400, num_boundary=50)
    x = close_points(problem, problem.sample())["interior"].sites[0]
    low, high = problem.domain.box
    distance = torch.minimum(x - low, high - x) / (high - low)
    assert float(distance.min()) >= 0
    for axis in range(2):
        assert 0.3 < float((distance[:, axis] < 0.1).double().mean()) < 0.7
    assert float((x[:, 1] < 0.01).double().mean()) > 0.05 and float((x[:, 1] > 0.99).double().mean()) > 0.05
