from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import pytest
import scipy.optimize
import torch
from torch import Tensor

import rbfnet
from rbfnet.domains import Rectangle
from rbfnet.errors import InputError
from rbfnet.nn import Affine, Ansatz, Normalized, RBFNetwork, Wrapper
from rbfnet.problems import (
    Burgers,
    Condition,
    DataProblem,
    Dirichlet,
    Interior,
    InverseDiffusivity,
    InverseField,
    KleinGordon,
    Kovasznay,
    Poisson,
    Problem,
    Schroedinger,
)
from rbfnet.solvers import GaussNewton, LeastSquares, Posed, automatic_scales
from rbfnet.solvers.assembly._parameter_vector import Unknowns

DOUBLE = torch.float64


def posed(problem: Problem, model: Any) -> Posed:
    samples = problem.sample()
    return Posed(model, problem, samples, automatic_scales(model, problem, samples))


def loss_of(task: Posed) -> float:
    return float(task.residual().detach().square().sum())


def stepped(solver: GaussNewton, task: Posed, steps: int) -> Iterator[float]:
    """Step, and tell the loss after each."""
    optimizer = solver.optimizer(task.model, task.problem)
    for _ in range(steps):
        optimizer.step(lambda: task)  # type: ignore[arg-type, return-value]
        yield loss_of(task)


def stirred(problem: Problem, model: torch.nn.Module) -> None:
    """Everything away from the special values it starts with."""
    for p in (*model.parameters(), *problem.parameters()):
        p.data += 0.3 * torch.randn_like(p)


def affine(network: RBFNetwork) -> Wrapper:
    d, o = network.in_features, network.out_features
    scales = [torch.rand(n, dtype=DOUBLE) + shift for n, shift in ((d, 0), (d, 1), (o, 0), (o, 1))]
    return Affine(network, *scales)


def ansatz(network: RBFNetwork) -> Wrapper:
    return Ansatz(network, lambda x: x[:, 0] * (1 - x[:, 0]), lambda x: x[:, :1])


def with_shapes(case: str) -> tuple[Problem, RBFNetwork | Wrapper]:
    """One row a way in which rows depend on what is not linear."""
    torch.set_default_dtype(DOUBLE)
    try:
        few: Any = {"num_interior": 12, "num_boundary": 6}
        cases: dict[str, tuple[Problem, dict[str, Any], Callable[[RBFNetwork], Wrapper] | None]] = {
            "three outputs that couple": (Kovasznay(**few), {}, affine),
            "a width an input and a centre": (InverseDiffusivity(**few), {"metric": "diagonal", "per_center": True}, affine),
            "a full metric, a field unknown": (InverseField(**few), {"metric": "full"}, None),
            "a width a centre, in an ansatz": (Poisson(**few), {"per_center": True, "degree": 1}, ansatz),
            "a parameter of the kernel, a pair of sites": (Schroedinger(**few), {"kernel": "rational_quadratic"}, None),
        }
        problem, options, wrap = cases[case]
        network = RBFNetwork(
            len(problem.domain.coords), len(problem.outputs), 5, points=problem.support(), overlap=2.0, **options
        )
        return problem, network if wrap is None else wrap(network)
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize(
    "case",
    [
        "three outputs that couple",
        "a width an input and a centre",
        "a full metric, a field unknown",
        "a width a centre, in an ansatz",
        "a parameter of the kernel, a pair of sites",
    ],
)
def test_the_jacobian_is_that_of_differences_of_the_residual(case: str) -> None:
    problem, model = with_shapes(case)
    stirred(problem, model)
    task = posed(problem, model)
    unknowns = Unknowns(model, problem)
    residual, jacobian = unknowns.linearization(task)
    start = unknowns.get()
    assert jacobian.shape == (len(residual), len(unknowns))
    assert len(unknowns) > unknowns.num_linear

    def rows(values: Tensor) -> Tensor:
        unknowns.set(values)
        return task.residual().detach()

    assert torch.allclose(rows(start), residual, atol=1e-12)
    step = 1e-6
    steps = step * torch.eye(len(start), dtype=DOUBLE)
    differences = torch.stack([(rows(start + e) - rows(start - e)) / (2 * step) for e in steps], dim=1)
    assert (differences - jacobian).abs().max() < 1e-7 * jacobian.abs().max()


def test_the_first_step_on_a_linear_problem_is_the_least_squares_solution() -> None:
    solutions = [
        # So many that the first solution is good enough: nothing is weighed again.
        rbfnet.solve(Poisson(num_interior=600, num_boundary=120), num_centers=300, epsilon=2.5, solver=solver)
        for solver in (LeastSquares(), GaussNewton(max_epochs=1))
    ]
    x = torch.rand(100, 2, dtype=DOUBLE)
    first, second = (solution.model(x) for solution in solutions)
    assert (first - second).abs().max() < 1e-8


class Steep(Problem):
    """A small nonlinear problem without a solution in the span of its network: the minimum is not zero."""

    domain = Rectangle(x=(0, 1), y=(0, 1))

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda u: u.laplacian() + torch.exp(u.value) - u.value * u.d("x") + 3 * torch.sin(5 * u.x))
        yield Dirichlet(lambda x, y: x * y)


def test_it_finds_the_minimum_that_scipy_finds() -> None:
    torch.manual_seed(0)
    problem = Steep(num_interior=40, num_boundary=20)
    model = RBFNetwork(2, 1, 6, points=problem.support(), epsilon=1.5, dtype=DOUBLE)
    task = posed(problem, model)
    *_, loss = stepped(GaussNewton(tolerance=1e-13), task, 30)
    unknowns = Unknowns(model, problem, shapes=False)
    found = unknowns.get()
    gradient = unknowns.linearization(task)[1].T @ task.residual().detach()

    def rows(values: np.ndarray) -> np.ndarray:
        unknowns.set(torch.from_numpy(values))
        return task.residual().detach().numpy()

    reference = scipy.optimize.least_squares(rows, found.numpy() + 1e-3, method="lm", xtol=1e-12, ftol=1e-12, max_nfev=3000)
    assert loss == pytest.approx(2 * reference.cost, rel=1e-5)
    assert loss > 1e-4
    assert gradient[: unknowns.num_linear].abs().max() < 1e-8


@pytest.mark.parametrize(("problem", "reached"), [(KleinGordon, 2e-5), (Kovasznay, 1e-5)])
def test_equations_that_are_not_linear_are_solved_to_their_exact_solutions(problem: type[Problem], reached: float) -> None:
    solution = rbfnet.solve(problem(num_interior=500, num_boundary=120), num_centers=200, margin=0.4, solver="gauss_newton")
    assert solution.errors is not None
    assert solution.errors["rel_l2"] < reached
    assert solution.summary["epochs"] < 20


def test_no_step_is_taken_that_makes_the_loss_worse() -> None:
    """A front that 150 wide kernels cannot resolve: full steps overshoot."""
    problem = Burgers(num_interior=300, num_boundary=60)
    model = RBFNetwork(2, 1, 150, points=problem.support(), epsilon=2.0, margin=0.1, dtype=DOUBLE)
    task = posed(problem, model)
    losses = [loss_of(task), *stepped(GaussNewton(slabs=1), task, 12)]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.2 * losses[0]


def test_a_kernel_is_moved_to_where_the_data_have_one() -> None:
    x = torch.rand(200, 2, dtype=DOUBLE) * 4 - 2
    y = 1.7 * torch.exp(-(1.3**2) * (x - torch.tensor([0.4, -0.3], dtype=DOUBLE)).square().sum(dim=1))
    problem = DataProblem(x, y[:, None], ("x", "y"), validation=0, test=0)
    network = RBFNetwork(2, 1, 1, centers=torch.zeros(1, 2, dtype=DOUBLE), epsilon=1.0, dtype=DOUBLE)
    task = posed(problem, network)
    *_, loss = stepped(GaussNewton(shapes=True, tolerance=1e-9), task, 40)
    assert loss < 1e-20
    assert network.centers[0].tolist() == pytest.approx([0.4, -0.3], abs=1e-9)
    assert float(network.epsilon.detach()) == pytest.approx(1.3, abs=1e-9)
    assert float(network.weight.detach()) == pytest.approx(1.7, abs=1e-9)


def test_an_unknown_coefficient_is_found_with_the_solution() -> None:
    problem = InverseDiffusivity(num_interior=400, num_boundary=100)
    solution = rbfnet.solve(problem, num_centers=100, margin=0.4, solver="gauss_newton")
    assert solution.summary["unknowns"]["k"]["rel_error"] < 1e-6


@pytest.mark.parametrize("options", [{"max_epochs": 0}, {"tolerance": 0.0}, {"shapes": "yes"}])
def test_wrong_arguments_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        GaussNewton(**options)


def test_a_model_without_weights_to_solve_for_is_refused() -> None:
    with pytest.raises(InputError, match="use solver=lbfgs"):
        GaussNewton().check(torch.nn.Linear(2, 1), Poisson(), {})


def test_shapes_of_a_partition_of_unity_are_refused() -> None:
    """Its basis functions depend on all centres."""
    model = Normalized(RBFNetwork(2, 1, 10, dtype=DOUBLE))
    with pytest.raises(InputError, match="shapes"):
        GaussNewton(shapes=True).check(model, Poisson(), {})
