"""Problems that go through time, slab by slab: against SciPy's integrators and closed forms."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from torch import Tensor

import rbfnet
from rbfnet.domains import Interval, Rectangle, SpaceTime
from rbfnet.nn import Ansatz, RBFNetwork
from rbfnet.operators import Operator
from rbfnet.problems import (
    Condition,
    Data,
    Dirichlet,
    Heat,
    Initial,
    Interior,
    InverseDiffusivity,
    KleinGordon,
    Poisson,
    Problem,
    Schroedinger,
    Unknown,
    VanDerPol,
)
from rbfnet.solvers import GaussNewton, Posed, automatic_scales
from rbfnet.solvers.assembly._parameter_vector import Unknowns
from rbfnet.solvers.newton._time_slab import Slab, Slabwise, local_model
from rbfnet.solvers.newton._time_slabs import from_function, starts_of, through_time

DOUBLE = torch.float64


class Ordinary(Problem):
    """y' = f(y) on [0, end]; the reference is an integrator of order 8 at a tight tolerance."""

    def __init__(self, f: Callable[..., Sequence[Any]], start: Sequence[float], end: float) -> None:
        super().__init__()
        self.outputs = tuple(f"y{k}" for k in range(len(start)))
        self.f, self.start, self.end, self.domain = f, start, end, Interval(t=(0, end))

    def conditions(self) -> Iterable[Condition]:
        def equations(u: Any) -> tuple[Tensor, ...]:
            values = [u[name].value for name in self.outputs]
            return tuple(u[name].d("t") - rate for name, rate in zip(self.outputs, self.f(torch, *values), strict=True))

        yield Interior(equations)
        for name, value in zip(self.outputs, self.start, strict=True):
            yield Initial(value, output=name)

    def exact(self, t: Tensor) -> tuple[Tensor, ...]:
        times, back = np.unique(t.numpy(), return_inverse=True)
        found = solve_ivp(
            lambda _, y: self.f(np, *y), (0, self.end), self.start, method="DOP853", rtol=1e-12, atol=1e-13, t_eval=times
        )
        return tuple(torch.from_numpy(row[back]) for row in found.y)


def logistic(_: Any, y: Any) -> list[Any]:
    return [y * (1 - y)]


def lorenz(_: Any, x: Any, y: Any, z: Any) -> list[Any]:
    return [10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z]


def pendulum(library: Any, angle: Any, rate: Any) -> list[Any]:
    return [rate, -library.sin(angle)]


def predators(_: Any, a: Any, b: Any) -> list[Any]:
    return [a * (1 - b), b * (a - 1)]


def bistable(_: Any, y: Any) -> list[Any]:
    return [y - y**3]


ODES: dict[str, tuple[Callable[..., Any], list[float], float, int, float]] = {
    "logistic": (logistic, [0.1], 10.0, 50, 1e-9),
    "logistic, long": (logistic, [0.01], 20.0, 50, 1e-6),
    "an unstable start": (bistable, [1e-3], 30.0, 100, 1e-3),
    "lorenz": (lorenz, [1.0, 1.0, 1.0], 2.0, 100, 1e-6),
}
LONG: dict[str, tuple[Callable[..., Any], list[float], float, int, float]] = {
    "lorenz, long": (lorenz, [1.0, 1.0, 1.0], 5.0, 200, 1e-4),
    "pendulum, long": (pendulum, [1.5, 0.0], 50.0, 200, 1e-4),
    "predators": (predators, [2.0, 1.0], 30.0, 200, 1e-5),
}


def solved(name: str, table: dict[str, Any]) -> None:
    f, start, end, centers, reached = table[name]
    solution = rbfnet.solve(Ordinary(f, start, end), num_centers=centers, solver="gauss_newton")
    assert solution.errors is not None and solution.errors["rel_l2"] < reached
    assert any("A first solution was computed in" in sentence for sentence in solution.summary["words"])


@pytest.mark.parametrize("name", ODES)
def test_ordinary_differential_equations_are_solved_at_the_defaults(name: str) -> None:
    """A global solve from zero is 85 to 100 % off in each of them, with a loss of 1e-5 to 1e-28."""
    solved(name, ODES)


@pytest.mark.slow
@pytest.mark.parametrize("name", LONG)
def test_long_times_are_solved_at_the_defaults(name: str) -> None:
    solved(name, LONG)


def test_a_network_that_is_too_small_is_told_by_what_the_slabs_gave() -> None:
    """The difference that is told is the error, to a third of it."""
    solution = rbfnet.solve(Ordinary(pendulum, [1.5, 0.0], 30.0), num_centers=30, solver="gauss_newton")
    (told,) = [sentence for sentence in solution.summary["words"] if sentence.startswith("The solution differs by")]
    assert "use more centres" in told and solution.errors is not None
    assert float(told.split()[4]) == pytest.approx(solution.errors["rel_l2"], rel=0.33)
    assert solution.errors["rel_l2"] > 1e-2


class Growing(Problem):
    """u_t = u_xx + pi^2 u + u (1 - u), with one number to find or none: the conditions are what is looked at."""

    domain = SpaceTime(Interval(x=(0, 1)), t=(0, 1))

    def __init__(self, *conditions: Condition, unknown: bool = False) -> None:
        super().__init__(num_interior=40, num_boundary=20)
        self.given = conditions
        if unknown:
            self.k = Unknown(1.0)

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda u: u.d("t") - u.d("xx") - u * (1 - u))
        yield from self.given


def late(points: Tensor) -> Tensor:
    return points[:, -1] > 0.9


STARTS: dict[str, tuple[Callable[[], Problem], set[str]]] = {
    "ordinary": (lambda: VanDerPol(), {"initial_y", "initial_v"}),
    "with a velocity": (lambda: KleinGordon(), {"initial"}),
    "periodic": (lambda: Schroedinger(), {"initial_u", "initial_v"}),
    "fulfilled by form": (lambda: Growing(Initial(1.0, hard=True), Dirichlet(1.0, hard=True)), {"initial"}),
    "a box": (lambda: Poisson(), set()),
    "no start": (lambda: Growing(Dirichlet(0.0)), set()),
    "an end": (lambda: Growing(Initial(0.0), Dirichlet(0.0, on=late)), set()),
    "something to find": (lambda: Growing(Initial(0.0), unknown=True), set()),
    "data": (lambda: Growing(Initial(0.0), Data(torch.rand(4, 2, dtype=DOUBLE), torch.rand(4, dtype=DOUBLE))), set()),
    "inverse": (lambda: InverseDiffusivity(), set()),
}


@pytest.mark.parametrize("name", STARTS)
def test_problems_that_follow_from_their_start_are_known(name: str) -> None:
    make, expected = STARTS[name]
    problem = make()
    assert set(starts_of(problem, problem.sample())) == expected


def test_a_slab_carries_values_and_velocities_on() -> None:
    """The conditions at its start hold for the solution before, and for others are missed by their difference."""
    problem = KleinGordon(num_interior=30, num_boundary=15)
    before = RBFNetwork(2, 1, 15, points=problem.domain.box, epsilon=1.0, dtype=DOUBLE)
    before.set_coefficients(torch.rand_like(before.coefficients))
    slab = Slab(problem, starts_of(problem, problem.sample()), 0.5, 0.7, before)
    sample = slab.sample()["initial"]
    condition = slab.named_conditions()["initial"]
    assert torch.all(sample.sites[0][:, 1] == 0.5)
    assert all(float(s.sites[0][:, 1].min()) >= 0.5 and float(s.sites[0][:, 1].max()) <= 0.7 for s in slab.sample().values())
    value, velocity = condition.equations(slab.fields([before], sample), sample.data)
    assert value.abs().max() < 1e-12 and velocity.abs().max() < 1e-12
    other = RBFNetwork(2, 1, 15, centers=before.centers.detach(), epsilon=1.0, dtype=DOUBLE)
    value, velocity = condition.equations(slab.fields([other], sample), sample.data)
    assert torch.allclose(value, -before(sample.sites[0])[:, 0])
    assert torch.allclose(velocity, -before.apply_operator(sample.sites[0], Operator.d(1))[:, 0])


def test_several_slabs_are_one_function() -> None:
    x = torch.linspace(0, 3, 31, dtype=DOUBLE)[:, None]
    models = [RBFNetwork(1, 2, 4, points=x, epsilon=1.0, dtype=DOUBLE) for _ in range(3)]
    for model in models:
        model.set_coefficients(torch.randn_like(model.coefficients))
    whole = Slabwise([1.0, 2.0, 3.0], models)
    ops = [Operator.identity(), Operator.d(0), Operator.of([((), x[:, 0])])]
    found = whole.apply_operators(x, [op.over(len(x), 1) for op in ops])
    for k, model in enumerate(models):
        here = (x[:, 0] > k) & (x[:, 0] <= k + 1)
        alone = model.apply_operators(x, [op.over(len(x), 1) for op in ops])
        assert torch.equal(found[here], alone[here])


@pytest.mark.parametrize(
    "options", [{"epsilon": 9.0}, {"epsilon": 9.0, "per_center": True}, {"epsilon": 9.0, "metric": "diagonal"}]
)
def test_a_slab_has_the_basis_functions_that_reach_it(options: dict[str, Any]) -> None:
    """Those that are left out are small there; those that are kept are the same."""
    box = torch.tensor([[0.0, 0.0], [1.0, 1.0]], dtype=DOUBLE)
    if options.get("per_center"):
        options = {**options, "epsilon": torch.full((80,), 9.0, dtype=DOUBLE)}
    model = RBFNetwork(2, 1, 80, points=box, dtype=DOUBLE, **options)
    model.set_coefficients(torch.randn_like(model.coefficients))
    x = torch.rand(300, 2, dtype=DOUBLE) * torch.tensor([1.0, 0.2], dtype=DOUBLE)
    local = local_model(model, x)
    assert isinstance(local, RBFNetwork)
    ours, theirs = local.features(x, Operator.identity()), model.features(x, Operator.identity())
    kept = torch.tensor([bool((c == model.centers.detach()).all(1).any()) for c in local.centers.detach()])
    assert kept.all() and 20 < ours.shape[1] < 60
    same = [int((c == model.centers.detach()).all(1).nonzero()) for c in local.centers.detach()]
    assert torch.allclose(ours, theirs[:, same])
    left = theirs[:, [k for k in range(80) if k not in same]]
    assert left.abs().max() < np.exp(-3.9)
    assert not local.coefficients.any() and model.coefficients.all()


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_function_of_the_model_itself_gives_its_coefficients_back(wrapped: bool) -> None:
    """A solution in the span of the basis is where Newton's method starts, and ends."""
    problem = KleinGordon(num_interior=200, num_boundary=60)
    network = RBFNetwork(2, 1, 15, points=problem.domain.box, epsilon=1.0, dtype=DOUBLE)
    model = Ansatz(network, lambda x: 1 + x[:, 1], lambda x: torch.sin(x[:, :1])) if wrapped else network
    samples = problem.sample()
    posed = Posed(model, problem, samples, automatic_scales(model, problem, samples))
    posed.model.set_coefficients(torch.randn_like(posed.model.coefficients))
    # One step of Newton's method by hand: linearised where the model is, and solved with NumPy.
    unknowns = Unknowns(model, problem, shapes=False)
    with torch.no_grad():
        residual, jacobian = unknowns.linearization(posed)
        found = from_function(posed, model)
    change = np.linalg.lstsq(jacobian.numpy(), -residual.numpy(), rcond=None)[0]
    expected = unknowns.get().numpy() + change
    assert np.allclose(jacobian.numpy() @ found.numpy(), jacobian.numpy() @ expected, atol=1e-8 * np.abs(expected).max())


def test_space_and_time_slab_by_slab_against_a_closed_form() -> None:
    """The Klein-Gordon equation has its solution in closed form; what the slabs give is compared with it."""
    problem = KleinGordon(num_interior=300, num_boundary=80)
    torch.manual_seed(0)
    model = RBFNetwork(2, 1, 150, points=problem.domain.box, overlap=3.5, margin=0.2, dtype=DOUBLE)
    samples = problem.sample()
    posed = Posed(model, problem, samples, automatic_scales(model, problem, samples))
    with torch.no_grad():
        course = through_time(posed, starts_of(problem, samples), 3)
    assert course.solution is not None and course.slabs >= 2 and course.until == pytest.approx(1.0)
    x = problem.domain.interior(300)
    exact = problem.exact(*x.unbind(1))
    found = course.solution.apply_operator(x, Operator.identity())[:, 0].detach()
    assert float((found - exact).norm() / exact.norm()) < 1e-4
    assert not model.coefficients.any()


def test_a_global_solve_that_suffices_is_left_alone() -> None:
    for problem in (Heat(num_interior=300, num_boundary=80), KleinGordon(num_interior=500, num_boundary=120)):
        solution = rbfnet.solve(problem, num_centers=200, margin=0.4, solver=GaussNewton())
        assert solution.errors is not None and solution.errors["rel_l2"] < 1e-3
        assert not any("slabs" in sentence for sentence in solution.summary["words"])


@pytest.mark.slow
def test_time_that_is_not_resolved_is_told_with_the_time_that_was_reached() -> None:
    """y' = y^2 from 1 blows up at t = 1."""

    def blows_up(_: Any, y: Any) -> list[Any]:
        return [y**2]

    solution = rbfnet.solve(_Silent(blows_up, [1.0], 2.0), num_centers=24, solver=GaussNewton(4))
    (told,) = [sentence for sentence in solution.summary["words"] if sentence.startswith("Solving in time slabs stopped at")]
    assert 0.5 < float(told.split("t = ")[1].split(":")[0]) < 1.05


class _Silent(Ordinary):
    """Without a reference."""

    exact = None  # type: ignore[assignment]


def test_rectangles_have_no_time() -> None:
    class Flat(Growing):
        domain = Rectangle(x=(0, 1), t=(0, 1))  # type: ignore[assignment]

    problem = Flat(Dirichlet(0.0))
    assert starts_of(problem, problem.sample()) == {}
