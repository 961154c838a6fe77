"""Sweeps over epsilon: errors and condition numbers are those of the systems."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes

import rbfnet
from rbfnet.domains import Disc
from rbfnet.errors import InputError
from rbfnet.plots import epsilon_sweep
from rbfnet.problems import Burgers, Dirichlet, Heat, Interior, Poisson, Problem
from rbfnet.solvers import LBFGS, LeastSquares


def drawn(ax: Axes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(epsilon, error) of the line, (epsilon, error) of the solution, and (epsilon, condition number)."""
    line, _, star = ax.lines
    (right,) = [other for other in ax.figure.axes if other is not ax]
    return tuple(np.asarray(part.get_xydata()) for part in (line, star, right.lines[0]))  # type: ignore[return-value]


def test_a_fit_to_data_is_left_out_one_by_one() -> None:
    """Against refits without each point, with Gaussians written by hand."""
    x = np.linspace(0, 1, 9)
    y = np.sin(3 * x) + x
    solution = rbfnet.fit(x, y, kernel="gaussian", solver=LeastSquares(smoothing=0.0))
    assert solution.model.tail.numel() == 0
    ax = epsilon_sweep(solution, [6.0, 5.0, 8.0])
    errors, _, conditions = drawn(ax)
    assert errors[:, 0].tolist() == conditions[:, 0].tolist() == [5.0, 6.0, 8.0]
    for epsilon, error in errors:
        matrix = np.exp(-((epsilon * (x[:, None] - x)) ** 2))
        missed = []
        for k in range(9):
            kept = np.arange(9) != k
            # Values are relative to their mean.
            weights = np.linalg.solve(matrix[np.ix_(kept, kept)], y[kept] - y.mean())
            missed.append(y.mean() + matrix[k, kept] @ weights - y[k])
        assert error == pytest.approx(np.linalg.norm(missed) / np.linalg.norm(y), rel=1e-6)
        condition = np.linalg.cond(matrix / np.linalg.norm(matrix, axis=0))
        assert dict(conditions)[epsilon] == pytest.approx(condition, rel=0.01)
    assert ax.get_ylabel() == "relative L2 error (leave-one-out)"


def test_the_epsilon_of_the_solution_is_marked_and_about_the_best() -> None:
    solution = rbfnet.solve(Poisson(), num_centers=60, kernel="gaussian")
    assert solution.errors is not None
    ax = epsilon_sweep(solution)
    errors, star, conditions = drawn(ax)
    assert star[0, 0] == ax.lines[1].get_xdata()[0] == pytest.approx(solution.summary["epsilon"])  # type: ignore[index]
    # Other points of the same number.
    assert star[0, 1] == pytest.approx(solution.errors["rel_l2"], rel=1.0)
    assert star[0, 1] < 10 * errors[:, 1].min() < 0.01 * errors[-1, 1]
    assert np.allclose(errors[:, 0], star[0, 0] * 2.0 ** (np.arange(-8, 9) / 2))
    assert conditions[0, 1] > 1e15 and conditions[-5, 1] < 1e8
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")


class Membrane(Problem):
    domain = Disc((0, 0), 1)

    def conditions(self) -> Any:
        return [Interior(lambda u: u.laplacian("x", "y") + 1), Dirichlet(0.0)]


def test_without_a_reference_it_is_the_relative_residual() -> None:
    solution = rbfnet.solve(Membrane(), num_centers=40)
    ax = epsilon_sweep(solution, [solution.summary["epsilon"]])
    assert ax.get_ylabel() == "relative residual at fresh points"
    worst = max(row["rms"] for row in solution.residuals)
    assert worst / 5 < drawn(ax)[0][0, 1] < 5 * worst


def test_held_out_rows_measure_a_fit_that_has_them() -> None:
    x = torch.rand(60, 2).double()
    solution = rbfnet.fit(x, x.sum(dim=1).sin(), kernel="gaussian", num_centers=15, test=0.2)
    assert solution.errors is not None
    ax = epsilon_sweep(solution, [solution.summary["epsilon"]])
    assert ax.get_ylabel() == "relative L2 error (held-out rows)"
    assert drawn(ax)[0][0, 1] == pytest.approx(solution.errors["rel_l2"], rel=1e-3)


def test_the_solution_and_the_generator_stay_as_they_are() -> None:
    solution = rbfnet.solve(Poisson(num_interior=80, num_boundary=40), num_centers=20)
    before = {name: value.clone() for name, value in solution.model.state_dict().items()}
    state = torch.get_rng_state()
    first = drawn(epsilon_sweep(solution, [1.0, 2.0]))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in solution.model.state_dict().items())
    for one, other in zip(first, drawn(epsilon_sweep(solution, [1.0, 2.0])), strict=True):
        assert np.array_equal(one, other)


def test_nothing_to_sweep_is_refused() -> None:
    x = np.linspace(0, 1, 20)
    data = rbfnet.fit(x, x**2, kernel="gaussian")
    with pytest.raises(InputError, match=r"epsilon_sweep needs a solution, rbfnet\.solve\(problem\) or rbfnet\.fit\(x, y\)"):
        epsilon_sweep((x, x**2))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="epsilons must be positive numbers"):
        epsilon_sweep(data, [])
    with pytest.raises(InputError, match=r"epsilon must be positive and finite, but got -1\.0"):
        epsilon_sweep(data, [1.0, -1.0])
    with pytest.raises(InputError, match="epsilon has no effect on ThinPlateSpline"):
        epsilon_sweep(rbfnet.fit(x, x**2, kernel="thin_plate_spline"))
    with pytest.raises(InputError, match="epsilon_sweep needs weights that do not depend on time"):
        epsilon_sweep(rbfnet.solve(Heat(), num_centers=20))
    burgers = rbfnet.solve(
        Burgers(num_interior=60, num_boundary=30), num_centers=20, solver=LBFGS(max_epochs=1), allow_unsolved=True
    )
    with pytest.raises(InputError, match="least_squares cannot solve it"):
        epsilon_sweep(burgers)
