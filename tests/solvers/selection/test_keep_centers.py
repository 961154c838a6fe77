from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

import rbfnet
from rbfnet.errors import InputError
from rbfnet.problems import Poisson
from rbfnet.shipped_configs import config_directory
from rbfnet.solvers import LeastSquares
from rbfnet.solvers.selection._keep_centers import thin
from rbfnet.training import build
from rbfnet.training.runs._resume import resume

DOUBLE = torch.float64


def brute_force(matrix: torch.Tensor, target: torch.Tensor, num_centers: int, outputs: int, n: int) -> list[int]:
    """The greedy choice by its definition: solve anew with each candidate in turn, and keep the one with the least residual."""
    blocks = 1 if target.shape[1] == outputs else outputs
    each = torch.arange(matrix.shape[1]).view(blocks, -1)
    tail: list[int] = each[:, num_centers:].flatten().tolist()
    chosen: list[int] = []
    for _ in range(n):

        def missed(j: int) -> float:
            columns = matrix[:, tail + each[:, [*chosen, j]].flatten().tolist()]
            return float((columns @ torch.linalg.lstsq(columns, target).solution - target).norm())

        chosen.append(min((j for j in range(num_centers) if j not in chosen), key=missed))
    return chosen


@pytest.mark.parametrize(("outputs", "stacked", "tail"), [(1, False, 0), (1, False, 3), (2, False, 3), (2, True, 1)])
def test_it_is_the_greedy_choice_by_brute_force(outputs: int, stacked: bool, tail: int) -> None:
    num_centers, rows, n = 30, 60, 8
    matrix = torch.randn(rows, num_centers + tail, dtype=DOUBLE)
    if stacked:
        # The outputs have rows of their own, so that the columns of a centre are orthogonal and the gain is exactly their sum.
        matrix = torch.block_diag(matrix, torch.randn(rows, num_centers + tail, dtype=DOUBLE))
    target = torch.randn(len(matrix), 1 if stacked else outputs, dtype=DOUBLE)
    chosen, estimate = thin(matrix, target, num_centers, outputs, 1e-9)
    expected = brute_force(matrix, target, num_centers, outputs, n)
    assert chosen[:n] == expected[: len(chosen)]
    # The estimate is that of the definition, and the least there is.
    each = torch.arange(matrix.shape[1]).view(-1, num_centers + tail)
    columns = matrix[:, [*each[:, num_centers:].flatten().tolist(), *each[:, chosen].flatten().tolist()]]
    missed = (columns @ torch.linalg.lstsq(columns, target).solution - target).norm() / target.norm()
    assert estimate == pytest.approx(float(missed) * len(matrix) / (len(matrix) - columns.shape[1]), rel=1e-9)


def test_from_many_candidates_it_takes_hardly_more_than_the_greedy_choice() -> None:
    x, centers = torch.rand(500, 2, dtype=DOUBLE), torch.rand(400, 2, dtype=DOUBLE)
    matrix = torch.exp(-((6 * torch.cdist(x, centers)) ** 2))
    target = torch.sin(5 * x[:, :1]) * x[:, 1:].exp()
    chosen, estimate = thin(matrix, target, 400, 1, 1e-4)
    residual, columns, exact = target, matrix, 0
    while exact < 400 and 500 / (500 - exact) * float(residual.norm() / target.norm()) > 1e-4:
        j = int(((columns.T @ residual)[:, 0].square() / columns.square().sum(dim=0).clamp_min(1e-12)).argmax())
        direction = columns[:, j] / columns[:, j].norm()
        columns = columns - direction[:, None] * (direction @ columns)
        residual = residual - direction[:, None] * (direction @ residual)
        exact += 1
    assert estimate <= 1e-4
    assert len(set(chosen)) == len(chosen) <= 1.1 * exact
    kept = matrix[:, chosen]
    missed = float((kept @ torch.linalg.lstsq(kept, target, driver="gelsd").solution - target).norm() / target.norm())
    assert 500 / (500 - len(chosen)) * missed == pytest.approx(estimate, rel=1e-3)


def test_candidates_that_are_copies_are_taken_once() -> None:
    matrix = torch.randn(20, 3, dtype=DOUBLE).repeat(1, 2)
    chosen, _ = thin(matrix, torch.randn(20, 1, dtype=DOUBLE), 6, 1, 1e-9)
    assert len({j % 3 for j in chosen}) == len(chosen)


@pytest.mark.parametrize("per_center", [False, True])
def test_a_run_asks_for_an_error_and_gets_the_centres_it_takes(per_center: bool) -> None:
    counts = []
    for tolerance in (1e-2, 1e-5):
        solution = rbfnet.solve(
            Poisson(), kernel="gaussian", num_centers=300, per_center=per_center, solver=LeastSquares(tolerance=tolerance)
        )
        assert solution.errors is not None and solution.errors["rel_l2"] < tolerance
        counts.append(solution.summary["centers"])
        assert any(f"{counts[-1]} of 300 centres are kept" in sentence for sentence in solution.summary["words"])
    assert 10 < counts[0] < counts[1] < 300


def test_data_with_a_tail_and_units_are_fitted_with_fewer_centres() -> None:
    x = torch.rand(400, 2, dtype=DOUBLE)
    y = 1000 + 20 * torch.sin(3 * x[:, 0]) * x[:, 1]
    solution = rbfnet.fit(x, y, kernel="thin_plate_spline", test=0.1, solver=LeastSquares(tolerance=1e-2))
    assert solution.errors is not None and solution.errors["rmse"] < 2e-2 * float(y.std())
    assert 5 < solution.summary["centers"] < 200


def composed(directory: Path, *overrides: str) -> dict[str, Any]:
    with initialize_config_dir(str(config_directory()), version_base="1.3"):
        config = compose("train", overrides=[f"run_dir={directory}", *overrides])
    return OmegaConf.to_container(config, resolve=True)  # type: ignore[return-value]


@pytest.mark.parametrize("problem", [["problem=terrain", "problem.train=200", "problem.test=50"], ["problem=poisson"]])
def test_a_run_with_fewer_centres_is_saved_and_loaded(tmp_path: Path, problem: list[str]) -> None:
    directory = tmp_path / "run"
    solution = build(composed(directory, *problem, "solver=least_squares", "solver.tolerance=0.3")).execute()
    loaded, x = rbfnet.load(directory), torch.rand(10, 2, dtype=DOUBLE)
    torch.testing.assert_close(loaded(x), solution.model(x), rtol=0, atol=0)
    assert solution.summary["centers"] < 200


@pytest.mark.slow
def test_a_descent_goes_on_with_the_centres_that_were_chosen_and_from_its_checkpoint(tmp_path: Path) -> None:
    adam = "{_target_: rbfnet.solvers.Adam, max_epochs: 3}"
    stages = f"solver.stages=[{adam}, {{_target_: rbfnet.solvers.LeastSquares, tolerance: 0.01}}, {adam}]"
    build(composed(tmp_path / "run", "problem=poisson", "network.num_centers=200", "solver=sequence", stages)).execute()
    before = rbfnet.load(tmp_path / "run")
    assert before.num_centers < 150
    after = resume(tmp_path / "run", max_epochs=9).execute()
    assert after.summary["centers"] == before.num_centers
    assert not torch.equal(after.model.weight, before.weight)


def test_as_many_centres_stay_as_the_tail_has_terms() -> None:
    matrix = torch.randn(40, 13, dtype=DOUBLE)
    assert len(thin(matrix, matrix[:, -1:], 10, 1, 0.5)[0]) == 3


def test_noise_is_not_fitted_where_the_tolerance_is_beyond_it() -> None:
    x = torch.rand(300, 2, dtype=DOUBLE)
    y = torch.sin(3 * x[:, 0]) + 0.1 * torch.randn(300, dtype=DOUBLE)
    solution = rbfnet.fit(x, y, kernel="thin_plate_spline", num_centers=200, solver=LeastSquares(tolerance=1e-6))
    assert solution.summary["centers"] < 150
    assert any("is not reached" in sentence for sentence in solution.summary["words"])


def test_bad_tolerances_are_refused() -> None:
    with pytest.raises(InputError, match="tolerance"):
        LeastSquares(tolerance=0.0)
