from __future__ import annotations

import math

import pytest
import torch

import rbfnet
from rbfnet.catalogue import catalogue
from rbfnet.problems import DataProblem, Poisson
from rbfnet.solvers import LBFGS, Adam


def test_every_shipped_solver_is_known_to_these_tests() -> None:
    assert set(catalogue("solvers", "Solver")) == {"adam", "auto", "evolve", "gauss_newton", "lbfgs", "least_squares", "sequence"}


@pytest.mark.parametrize(("solver", "within"), [(Adam(max_epochs=150), 0.2), (LBFGS(max_epochs=4), 0.02)])
def test_descent_solves_poisson_as_far_as_its_epochs_go(solver: rbfnet.solvers.Solver, within: float) -> None:
    solution = rbfnet.solve(Poisson(num_interior=200, num_boundary=60), num_centers=64, solver=solver)
    assert solution.errors is not None
    assert solution.errors["rel_l2"] < within
    assert solution.summary["epochs"] == solver.max_epochs


def test_adam_in_batches_fits_data() -> None:
    x = torch.rand(500, 1, dtype=torch.float64)
    problem = DataProblem(x, torch.sin(6 * x), ("x",), validation=0.1, test=0.2)
    solution = rbfnet.solve(problem, num_centers=30, solver=Adam(lr=0.03, max_epochs=60, batch_size=64))
    assert solution.errors is not None
    assert solution.errors["rel_l2"] < 0.02


def test_descent_moves_centres_and_shapes_only_where_they_are_trainable() -> None:
    def solved(trainable: bool) -> rbfnet.RBFNetwork:
        solution = rbfnet.solve(
            Poisson(num_interior=50, num_boundary=20),
            num_centers=16,
            solver=Adam(max_epochs=3),
            trainable_centers=trainable,
            trainable_epsilon=trainable,
        )
        assert isinstance(solution.model, rbfnet.RBFNetwork)
        return solution.model

    moved, fixed = solved(True), solved(False)
    assert not torch.equal(moved.centers, fixed.centers)
    assert not torch.equal(moved.epsilon, fixed.epsilon)
    assert torch.equal(fixed.centers, solved(False).centers)


def test_runs_repeat_bit_for_bit() -> None:
    def weights() -> torch.Tensor:
        return rbfnet.solve(Poisson(), num_centers=25, solver=Adam(max_epochs=5), seed=3).model.weight

    assert torch.equal(weights(), weights())


def test_an_unknown_coefficient_of_the_problem_is_trained_too() -> None:
    """u = sin(k x) is given everywhere, with u_xx + k^2 u = 0: k is found."""
    from rbfnet.domains import Box
    from rbfnet.problems import Data, Interior, Problem

    class Inverse(Problem):
        domain = Box(x=(0, 2))

        def __init__(self) -> None:
            super().__init__(num_interior=60)
            self.k = torch.nn.Parameter(torch.tensor(1.5, dtype=torch.float64))

        def conditions(self):
            x = torch.linspace(0, 2, 40, dtype=torch.float64)[:, None]
            yield Interior(lambda u: u.d("xx") + self.k**2 * u)
            yield Data(x, torch.sin(2 * x), weight=100.0)

    problem = Inverse()
    rbfnet.solve(problem, num_centers=20, solver=LBFGS(max_epochs=15))
    assert float(problem.k.detach()) == pytest.approx(2.0, abs=1e-2)


@pytest.mark.parametrize("solver", [Adam, LBFGS])
@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf, True])
def test_epochs_are_positive(solver: type[Adam] | type[LBFGS], value: float) -> None:
    with pytest.raises(ValueError, match="max_epochs must be a whole number of at least 1"):
        solver(max_epochs=value)  # type: ignore[arg-type]


def test_an_unknown_solver_is_answered_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="There is no solver 'lbgfs'; did you mean 'lbfgs'"):
        rbfnet.solve(Poisson(), solver="lbgfs")
