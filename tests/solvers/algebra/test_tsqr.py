"""Rows taken block by block say what all rows say."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from rbfnet import Problem
from rbfnet.problems import Kovasznay
from rbfnet.solvers import Posed
from rbfnet.solvers.algebra._damped_qr import Factored
from rbfnet.solvers.algebra._tsqr import triangle
from rbfnet.solvers.assembly._parameter_vector import Unknowns

DOUBLE = torch.float64


@pytest.mark.parametrize("size", [1, 7, 12, 13, 40, 200])
def test_the_triangle_keeps_every_length(size: int) -> None:
    matrix = torch.randn(90, 12, dtype=DOUBLE)
    found = triangle(matrix.split(size))
    assert found.shape == (12, 12)
    y = torch.randn(12, 5, dtype=DOUBLE)
    assert torch.allclose((found @ y).norm(dim=0), (matrix @ y).norm(dim=0), rtol=1e-14)


def test_few_rows_stay_as_they_are() -> None:
    matrix = torch.randn(9, 12, dtype=DOUBLE)
    assert torch.equal(triangle(matrix.split(4)), matrix)


def test_it_keeps_the_digits_that_normal_equations_lose() -> None:
    """A matrix of condition 1e10 and a residual of zero: squared, its condition is beyond rounding."""
    u, v = (torch.linalg.qr(torch.randn(n, 10, dtype=DOUBLE))[0] for n in (400, 10))
    matrix = u * torch.logspace(0, -10, 10, dtype=DOUBLE) @ v.T
    x = torch.ones(10, 1, dtype=DOUBLE)
    rows = triangle(torch.cat([matrix, matrix @ x], dim=1).split(37))
    found = Factored(rows[:, :-1]).solve(rows[:, -1:], damping=1e-16)
    assert (found - x).norm() < 1e-4
    normal = torch.linalg.lstsq(matrix.T @ matrix, matrix.T @ matrix @ x).solution
    assert (normal - x).norm() > 1e-2


def test_nan_stays_so_that_all_processes_see_it() -> None:
    matrix = torch.randn(90, 12, dtype=DOUBLE)
    matrix[50, 3] = torch.nan
    assert triangle(matrix.split(20)).isnan().any()


@pytest.mark.parametrize("size", [10, 33])
def test_parts_of_a_problem_are_its_rows(size: int, posed: Callable[[Problem], Posed]) -> None:
    """Three outputs, several conditions, an integral."""
    whole = posed(Kovasznay(num_interior=50, num_boundary=20))
    unknowns = Unknowns(whole.model, whole.problem)
    residual, jacobian = unknowns.linearization(whole)
    assert whole.num_rows == len(residual)
    pieces = [unknowns.linearization(part) for part in whole.parts(size)]
    assert len(pieces) > 4
    order = torch.argsort(residual)
    parts, columns = torch.cat([r for r, _ in pieces]), torch.cat([j for _, j in pieces])
    again = torch.argsort(parts)
    assert torch.allclose(parts[again], residual[order], rtol=1e-12)
    assert torch.allclose(columns[again], jacobian[order], rtol=1e-11, atol=1e-13)
    assert whole.loss() == pytest.approx(sum(part.loss() for part in whole.parts(size)), rel=1e-13)
