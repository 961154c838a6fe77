"""A gradient that is wrong is refused, and a right one never."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Any

import pytest
import torch

import rbfnet
from rbfnet.catalogue import catalogue
from rbfnet.domains import Rectangle
from rbfnet.operators import Field
from rbfnet.problems import Condition, Data, Dirichlet, Interior, Poisson
from rbfnet.solvers import LBFGS, Adam, LeastSquares
from rbfnet.training import TrainingModule
from rbfnet.training._gradient_check import check_gradient
from rbfnet.training._model import build_model


class Scaled(torch.autograd.Function):
    """x, with ``factor`` times its gradient."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, factor: float) -> torch.Tensor:
        ctx.factor = factor
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *grad: torch.Tensor) -> tuple[torch.Tensor, None]:
        return ctx.factor * grad[0], None


class Nonlinear(rbfnet.Problem):
    """-Lap u + change(u)^3 = 1."""

    domain = Rectangle(x=(0, 1), y=(0, 1))

    def __init__(self, residual: Callable[[Field], torch.Tensor]) -> None:
        super().__init__(num_interior=80, num_boundary=40)
        self.residual = residual

    def conditions(self) -> Iterable[Condition]:
        yield Dirichlet(0.0)
        yield Interior(self.residual, name="inside")


WRONG: dict[str, Callable[[Field], torch.Tensor]] = {
    "detached field": lambda u: u.laplacian().detach() + 1,
    "no_grad": lambda u: torch.no_grad()(lambda: u.laplacian() + 1)(),
    "numbers": lambda u: torch.tensor(u.value.tolist()).to(u.value) + 1,
    "sign": lambda u: Scaled.apply(u.laplacian() + 1, -1.0),
    "factor": lambda u: Scaled.apply(u.laplacian() + 1, 3.0),
    "nothing": lambda u: Scaled.apply(u.laplacian() + 1, 0.0),
}


def checked(problem: rbfnet.Problem, dtype: torch.dtype, kernel: Any = "gaussian") -> TrainingModule:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        problem.to(dtype)
        model = build_model(problem, kernel, {"num_centers": 25}, Adam(), dtype)
        samples = rbfnet.training.ProblemData(problem, dtype).samples
        module = TrainingModule(model, problem, Adam())
        module.weigh(samples)
        check_gradient(module, samples)
    finally:
        torch.set_default_dtype(before)
    return module


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_gradient_is_refused_with_the_name_of_the_condition(name: str, dtype: torch.dtype) -> None:
    with pytest.raises(rbfnet.InputError, match="The gradient of the loss of condition 'inside' is wrong: along one") as caught:
        checked(Nonlinear(WRONG[name]), dtype)
    assert str(caught.value).count(". ") == 0


def test_a_kernel_with_a_wrong_backward_is_refused() -> None:
    class Mine(rbfnet.kernels.Gaussian):
        def derivatives(self, s: torch.Tensor, orders: Any) -> list[torch.Tensor]:
            return [(-30.0) ** order * torch.exp(-s) for order in orders]

    class Values(Nonlinear):
        def conditions(self) -> Iterable[Condition]:
            yield Interior(lambda u: u.value - torch.sin(3 * u.x), name="inside")

    with pytest.raises(rbfnet.InputError, match="condition 'inside' is wrong"):
        checked(Values(lambda u: u.value), torch.float64, Mine())


RIGHT: dict[str, Callable[[Field], torch.Tensor]] = {
    "cubic": lambda u: u.laplacian() + u.value**3 + 1,
    "kinks": lambda u: u.value.abs() + torch.relu(u.d("x")) - 0.1,
    "dropout": lambda u: torch.nn.functional.dropout(u.laplacian(), 0.5) + 1,
    "noise that is not torch's": lambda u: u.laplacian() * (1 + 0.3 * random.random()) + 1,
    "tiny": lambda u: 1e-12 * u.value + 1,
    "tiny throughout": lambda u: 1e-150 * (u.laplacian() + 1),
    "huge": lambda u: 1e12 * (u.laplacian() + 1),
    "nothing to learn": lambda u: torch.ones_like(u.x),
    "steep": lambda u: torch.exp(30 * u.value) - 1,
    "nowhere near": lambda u: torch.exp(1e3 * u.value) - 1,
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", RIGHT)
def test_a_right_gradient_is_not(name: str, dtype: torch.dtype) -> None:
    checked(Nonlinear(RIGHT[name]), dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", sorted(set(catalogue("problems", "Problem")) - {"data_problem", "table", "equations"}))
def test_no_shipped_problem_is_refused(name: str, dtype: torch.dtype) -> None:
    checked(catalogue("problems", "Problem")[name](), dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kernel", ["thin_plate_spline", "r3", "matern", "wendland"])
def test_kernels_at_the_end_of_their_smoothness_are_not_refused(kernel: str, dtype: torch.dtype) -> None:
    """Second derivatives that exist and have kinks: at a centre the gradient takes the symmetric value."""
    kernels = {
        "thin_plate_spline": rbfnet.kernels.Polyharmonic(4),
        "r3": rbfnet.kernels.Polyharmonic(3),
        "matern": rbfnet.kernels.Matern(1.5),
        "wendland": rbfnet.kernels.Wendland(2),
    }
    for problem in (Poisson(num_interior=60), Nonlinear(RIGHT["cubic"])):
        checked(problem, dtype, kernels[kernel])


def test_model_and_random_numbers_are_left_as_they_were() -> None:
    state = torch.get_rng_state()
    problem = Nonlinear(RIGHT["dropout"])
    module = TrainingModule(build_model(problem, "gaussian", {"num_centers": 25}, Adam(), torch.float64), problem, Adam())
    samples = rbfnet.training.ProblemData(problem, torch.float64).samples
    module.weigh(samples)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    at = torch.get_rng_state()
    check_gradient(module, samples)
    assert torch.equal(at, torch.get_rng_state()) or torch.equal(state, at)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert all(p.grad is None for p in module.parameters())


@pytest.mark.parametrize("solver", [Adam(max_epochs=2), LBFGS(max_epochs=2)])
def test_a_run_is_refused_before_it_starts(solver: rbfnet.solvers.Solver) -> None:
    with pytest.raises(rbfnet.InputError, match="condition 'inside' is wrong"):
        rbfnet.solve(Nonlinear(WRONG["sign"]), num_centers=16, solver=solver)


def test_a_solver_that_solves_needs_no_gradient() -> None:
    """It tells by other means that a residual is not what its derivatives say."""
    with pytest.raises(ValueError, match="depends on the network other than through its field"):
        rbfnet.solve(Nonlinear(WRONG["factor"]), num_centers=16, solver=LeastSquares())


def test_a_users_kind_of_data_is_checked_too() -> None:
    class Tripled(Data):
        def residual(self, u: Field, y: torch.Tensor) -> torch.Tensor:
            return Scaled.apply(u.value - y[:, 0], 3.0)

    x = torch.rand(20, 2, dtype=torch.float64)

    class Measured(rbfnet.Problem):
        domain = Rectangle(x=(0, 1), y=(0, 1))

        def conditions(self) -> Iterable[Condition]:
            yield Tripled(x, x[:, :1])

    assert Data(x, x[:, :1]).pointwise
    with pytest.raises(ValueError, match="depends on the network other than through its field"):
        rbfnet.solve(Measured(), num_centers=16, solver=LeastSquares())
