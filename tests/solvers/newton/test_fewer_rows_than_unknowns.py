"""Fewer rows than unknowns: the sample-space form, for weights and for what is not linear."""

from __future__ import annotations

from collections.abc import Iterable

import mpmath as mp
import numpy as np
import pytest
import torch
from scipy.integrate import solve_bvp
from torch import Tensor

import rbfnet
from rbfnet.domains import Interval
from rbfnet.problems import Condition, Dirichlet, Interior, Poisson
from rbfnet.solvers import GaussNewton
from rbfnet.solvers.algebra._damped_qr import Factored
from tests.problems.decay import Decay

DOUBLE = torch.float64


def exact(matrix: Tensor, target: Tensor, damping: Tensor) -> Tensor:
    """(A^T A + D^2)^-1 A^T b with 50 digits, D relative to the lengths of the columns."""
    with mp.workdps(50):
        a, b = mp.matrix(matrix.tolist()), mp.matrix(target.tolist())
        d = [mp.mpf(w) * mp.sqrt(sum(a[i, j] ** 2 for i in range(a.rows))) for j, w in enumerate(damping.tolist())]
        found = mp.lu_solve(a.T * a + mp.diag([w**2 for w in d]), a.T * b)
        return torch.tensor([[float(v)] for v in found], dtype=DOUBLE)


@pytest.mark.parametrize("rows", [3, 6, 9])
@pytest.mark.parametrize("same", [True, False])
def test_a_wide_matrix_is_solved_with_one_damping_or_one_for_each_unknown(rows: int, same: bool) -> None:
    matrix = torch.randn(rows, 10, dtype=DOUBLE) * torch.logspace(0, 4, 10, dtype=DOUBLE)
    target = torch.randn(rows, 1, dtype=DOUBLE)
    each = torch.full((10,), 0.1, dtype=DOUBLE) if same else torch.logspace(-6, 1, 10, dtype=DOUBLE)
    found = Factored(matrix).solve(target, 0.1 if same else each)
    expected = exact(matrix, target, each)
    assert ((found - expected).abs() <= 1e-10 * expected.abs().max()).all()
    if same:
        assert torch.allclose(Factored(matrix).solve(target, each), found, rtol=1e-9, atol=1e-15)


def test_weights_that_meet_all_rows_for_any_unknown_do_so() -> None:
    """21 rows, 40 weights: they are met exactly in a step or two, and say nothing about k, which stays where it was."""
    problem = Decay(12)
    solution = rbfnet.solve(problem, num_centers=40, solver=GaussNewton())
    assert solution.summary["loss"] < 1e-20
    assert solution.summary["epochs"] < 10
    assert abs(float(problem.k().detach()) - 1.0) < 1e-6


def test_shapes_move_where_they_make_the_unknowns_more_than_the_rows() -> None:
    """80 rows: more than 25 weights, fewer than weights, centres and shapes. What stays is smaller than for weights alone."""
    problem = Poisson(num_interior=50, num_boundary=30)
    losses = [
        rbfnet.solve(problem, num_centers=25, solver=GaussNewton(max_epochs=10, shapes=shapes), per_center=True).summary["loss"]
        for shapes in (False, True)
    ]
    assert losses[1] < 0.1 * losses[0]


def test_equations_in_fewer_points_than_weights_are_met_exactly() -> None:
    class Cubic(rbfnet.Problem):
        domain = Interval(x=(0, 1))

        def conditions(self) -> Iterable[Condition]:
            yield Interior(lambda u: u.d("xx") - u**3, points=8)
            yield Dirichlet(1.0)

    solution = rbfnet.solve(Cubic(), num_centers=30, epsilon=3.0, solver="gauss_newton")
    assert solution.summary["loss"] < 1e-22
    # Between the points that says nothing; the width that is chosen by them does.
    x = np.linspace(0, 1, 50)
    shot = solve_bvp(
        lambda x, y: np.stack([y[1], y[0] ** 3]), lambda a, b: np.array([a[0] - 1, b[0] - 1]), x, np.ones((2, 50)), tol=1e-8
    )
    chosen = rbfnet.solve(Cubic(), num_centers=30, solver="gauss_newton")
    with torch.no_grad():
        there = chosen.model(torch.from_numpy(x)[:, None])[:, 0].numpy()
    assert abs(there - shot.sol(x)[0]).max() < 1e-4
