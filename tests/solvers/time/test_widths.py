"""Widths of kernels and positions of centres, given by the user or chosen by ``evolve``; every error is against a closed form."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import rbfnet
from rbfnet.kernels import Kernel, Matern, Wendland
from rbfnet.problems import Heat
from rbfnet.solvers import Evolve


def error(**network: object) -> float:
    solution = rbfnet.solve(Heat, solver=Evolve(refine=1), **network)  # type: ignore[arg-type]
    assert solution.errors is not None
    return solution.errors["rel_l2"]


@pytest.mark.parametrize("metric", ["diagonal", "full"])
def test_on_a_line_every_metric_gives_the_same(metric: str) -> None:
    same = rbfnet.solve(Heat, num_centers=30, metric=metric, solver=Evolve(refine=1))
    plain = rbfnet.solve(Heat, num_centers=30, solver=Evolve(refine=1))
    torch.testing.assert_close(same.model.centers, plain.model.centers, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(same.model.epsilon[:, 0], plain.model.epsilon, rtol=1e-4, atol=0.0)
    assert same.errors is not None and same.errors["rel_l2"] < 1e-10


def test_a_given_epsilon_is_kept_with_its_centres() -> None:
    solution = rbfnet.solve(Heat, num_centers=40, epsilon=5.0, solver=Evolve())
    epsilon: Tensor = solution.model.epsilon
    torch.testing.assert_close(epsilon, torch.full_like(epsilon, 5.0), rtol=1e-14, atol=0.0)
    spread = rbfnet.RBFNetwork(1, 1, 40, points=torch.tensor([[0.0], [1.0]]).double(), overlap=4.0, dtype=torch.float64)
    assert torch.equal(solution.model.centers, spread.centers)
    assert solution.errors is not None and solution.errors["rel_l2"] < 1e-10


def test_a_given_epsilon_that_is_bad_is_named() -> None:
    with pytest.warns(rbfnet.NotSolvedWarning, match="automatic shape parameter"):
        solution = rbfnet.solve(Heat, num_centers=40, epsilon=100.0, solver=Evolve())
    assert solution.verdict == "not solved"
    assert float(solution.model.epsilon.detach().min()) == pytest.approx(100.0)


@pytest.mark.parametrize(("kernel", "within"), [(Matern(2.5), 5e-8), (Matern(3.5), 1e-10), (Wendland(), 1e-6)])
def test_rough_kernels_are_wide_and_gain_from_centres(kernel: Kernel, within: float) -> None:
    """With kernels as narrow as Gaussians the errors with 80 centres are 2e-4, 2e-6 and 3e-2: worse than with 20."""
    few, many = (error(num_centers=n, kernel=kernel) for n in (20, 80))
    assert many < few
    assert many < within
