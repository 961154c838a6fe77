from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from sklearn.linear_model import Ridge, RidgeCV

import rbfnet
from rbfnet.problems import Poisson
from rbfnet.solvers import LeastSquares
from rbfnet.solvers.algebra._damped_qr import Factored
from rbfnet.solvers.algebra._regularization import Regularization, cross_validated

DOUBLE = torch.float64


def system(rows: int, columns: int, noise: float = 0.1) -> tuple[torch.Tensor, torch.Tensor]:
    """Singular values from 1 to 1e-6, columns of very different lengths, and two noisy right-hand sides."""
    left, right = (torch.linalg.qr(torch.randn(n, n, dtype=DOUBLE))[0] for n in (rows, columns))
    n = min(rows, columns)
    matrix = left[:, :n] * torch.logspace(0, -6, n, dtype=DOUBLE) @ right[:n]
    matrix = matrix * torch.logspace(-3, 3, columns, dtype=DOUBLE)
    exact = torch.randn(columns, 2, dtype=DOUBLE) / matrix.norm(dim=0)[:, None]
    return matrix, matrix @ exact + noise * torch.randn(rows, 2, dtype=DOUBLE)


SHAPES = [(60, 15), (15, 40), (20, 20)]


@pytest.mark.parametrize("shape", SHAPES)
def test_ridge_is_that_of_scikit_learn_on_scaled_columns(shape: tuple[int, int]) -> None:
    matrix, target = system(*shape)
    length = matrix.norm(dim=0)
    ours, _ = Regularization("ridge", 0.03).solve(matrix, target)
    theirs = Ridge(alpha=0.03**2, fit_intercept=False, solver="svd").fit((matrix / length).numpy(), target.numpy()).coef_.T
    np.testing.assert_allclose((length[:, None] * ours).numpy(), theirs, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("cut", [None, 1e-2, 1e-4])
def test_truncation_is_numpys_lstsq_on_scaled_columns(shape: tuple[int, int], cut: float | None) -> None:
    matrix, target = system(*shape)
    length = matrix.norm(dim=0)
    ours, (words,) = Regularization("truncation", cut).solve(matrix, target)
    theirs, _, rank, _ = np.linalg.lstsq((matrix / length).numpy(), target.numpy(), rcond=cut or np.finfo(float).eps)
    scale = np.abs(theirs).max()
    np.testing.assert_allclose((length[:, None] * ours).numpy() / scale, theirs / scale, rtol=0, atol=1e-8)
    assert f"truncated to rank {rank} of {shape[1]}." in words


@pytest.mark.parametrize("shape", [(60, 15), (15, 40)])
def test_generalised_cross_validation_is_the_least_of_its_definition(shape: tuple[int, int]) -> None:
    """The hat matrix written out, and SciPy to search."""
    matrix, target = system(*shape)
    a, b = (matrix / matrix.norm(dim=0)).numpy(), target.numpy()
    rows = len(a)

    def score(log: float) -> float:
        hat = a @ np.linalg.solve(a.T @ a + 100**log * np.eye(a.shape[1]), a.T)
        return float(np.sum((b - hat @ b) ** 2) / (rows - np.trace(hat)) ** 2)

    grid = np.linspace(-6, 1, 200)
    start = grid[int(np.argmin([score(v) for v in grid]))]
    best = minimize_scalar(score, bounds=(start - 0.1, start + 0.1), method="bounded").x
    assert np.log10(cross_validated(Factored(matrix), target)) == pytest.approx(best, abs=0.03)


def test_generalised_cross_validation_predicts_as_well_as_scikit_learns_by_leaving_one_out() -> None:
    matrix, target = system(200, 60, noise=0.3)
    clean = target[:, :1] * 0 + matrix @ (torch.ones(60, 1, dtype=DOUBLE) / matrix.norm(dim=0)[:, None])
    noisy = clean + 0.3 * torch.randn(200, 1, dtype=DOUBLE)
    length = matrix.norm(dim=0)
    ours, words = Regularization("gcv").solve(matrix, noisy)
    theirs = RidgeCV(alphas=np.logspace(-10, 2, 200), fit_intercept=False).fit((matrix / length).numpy(), noisy[:, 0].numpy())
    errors = [float((matrix @ w - clean[:, 0]).norm()) for w in (ours[:, 0], torch.from_numpy(theirs.coef_) / length)]
    plain, _ = Regularization().solve(matrix, noisy)
    assert errors[0] < 1.1 * errors[1] < 0.8 * float((matrix @ plain - clean).norm())
    assert words[1].startswith("Generalised cross-validation chose the damping")


@pytest.mark.parametrize("shape", SHAPES)
def test_condition_number_and_rank_are_those_of_the_singular_values(shape: tuple[int, int]) -> None:
    matrix, target = system(*shape)
    factored = Factored(matrix)
    factored.solve(target, 1e-3)
    values = np.linalg.svd((matrix / matrix.norm(dim=0)).numpy(), compute_uv=False)
    assert factored.condition() == pytest.approx(values[0] / values[-1], rel=0.05)
    assert factored.rank() == pytest.approx((values**2 / (values**2 + 1e-6)).sum(), rel=1e-9)


def test_a_column_of_zeros_has_no_condition_number() -> None:
    matrix = torch.cat([torch.randn(9, 3, dtype=DOUBLE), torch.zeros(9, 1, dtype=DOUBLE)], dim=1)
    _, (words,) = Regularization().solve(matrix, torch.randn(9, 1, dtype=DOUBLE))
    assert words == "The system has 9 rows and 4 unknowns; condition number inf; numerical rank 3 of 4."


@pytest.mark.parametrize(("how", "level"), [("damping", None), ("truncation", None), ("ridge", 1e-8), ("gcv", None)])
def test_each_solves_poisson(how: str, level: float | None) -> None:
    solution = rbfnet.solve(Poisson(), num_centers=150, solver=LeastSquares(how, level))
    assert solution.errors is not None and solution.errors["rel_l2"] < 1e-4
    assert "rows and 150 unknowns; condition number" in solution.summary["words"][0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("tikhonov",), "There is no regularization 'tikhonov'"),
        (("ridge",), "regularization=ridge needs its level"),
        (("gcv", 0.1), "regularization=gcv finds its level itself, but got level=0.1"),
        (("truncation", -1.0), "level must be positive and finite"),
        (("ridge", float("nan")), "level must be positive and finite"),
    ],
)
def test_a_regularisation_that_does_not_fit_is_refused(arguments: tuple[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LeastSquares(*arguments)


def test_the_words_are_printed_and_written(command: Callable[..., tuple[int, str, str]]) -> None:
    code, out, _ = command("train", "solver=least_squares", "network.num_centers=100", "figures=false", "run_dir=run")
    words = json.loads(Path("run/summary.json").read_text())["words"]
    assert code == 0 and len(words) == 2 and all(sentence in out for sentence in words)
    assert words[0].startswith("The system has 325 rows and 100 unknowns; condition number ")
