"""Systems that grow by centres against those with all centres from the start."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from torch import Tensor

from rbfnet.solvers.algebra import Interpolation, Moments

RNG = np.random.default_rng(0)
X = RNG.random((24, 2))
Y = torch.from_numpy(RNG.standard_normal((24, 2)))
SMOOTHING = torch.from_numpy(RNG.random(24))


def matrices(sign: float) -> tuple[Tensor, Tensor]:
    """The cubic kernel, conditionally definite of order 2, and a linear tail."""
    return torch.from_numpy(sign * cdist(X, X) ** 3), torch.from_numpy(np.column_stack([np.ones(24), X]))


def in_steps(sign: float) -> Interpolation:
    kernel, tail = matrices(sign)
    found = Interpolation(kernel[:12, :12], tail[:12], SMOOTHING[:12])
    found.leave_one_out(Y[:12])
    for start, end in ((12, 13), (13, 20), (20, 24)):
        grown = found.grown(kernel[start:end, :end], tail[start:end], SMOOTHING[start:end])
        assert grown is not None and not grown.failed
        found = grown
    return found


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_system_that_grew_has_the_solution_of_the_whole(sign: float) -> None:
    kernel, tail = matrices(sign)
    whole = np.block([[kernel.numpy() + sign * np.diag(SMOOTHING), tail.numpy()], [tail.numpy().T, np.zeros((3, 3))]])
    wanted = np.linalg.solve(whole, np.vstack([Y.numpy(), np.zeros((3, 2))]))
    np.testing.assert_allclose(in_steps(sign).solve(Y), wanted, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_its_leave_one_out_errors_and_variances_are_those_of_the_whole(sign: float) -> None:
    kernel, tail = matrices(sign)
    ours, whole = in_steps(sign), Interpolation(kernel, tail, SMOOTHING)
    inverse = np.linalg.inv(np.block([[whole.kernel.numpy(), tail.numpy()], [tail.numpy().T, np.zeros((3, 3))]]))
    wanted = (inverse[:24, :24] @ Y.numpy()) / np.diag(inverse)[:24, None]
    np.testing.assert_allclose(ours.leave_one_out(Y), wanted, rtol=1e-9)
    rows = torch.tensor([3, 14, 23])
    np.testing.assert_allclose(ours.leave_one_out(Y, rows), wanted[rows], rtol=1e-9)
    functionals = torch.from_numpy(RNG.random((5, 24))), torch.from_numpy(RNG.random((5, 3)))
    prior = torch.full((5,), 1e3 * sign, dtype=torch.float64)
    np.testing.assert_allclose(ours.variance(*functionals, prior), whole.variance(*functionals, prior), rtol=1e-9)


def test_leave_one_out_errors_that_nobody_asked_for_are_computed_later() -> None:
    kernel, tail = matrices(1.0)
    first = Interpolation(kernel[:20, :20], tail[:20])
    first.leave_one_out(Y[:20], torch.tensor([2, 5]))
    grown = first.grown(kernel[20:, :], tail[20:])
    assert grown is not None
    np.testing.assert_allclose(grown.leave_one_out(Y), Interpolation(kernel, tail).leave_one_out(Y), rtol=1e-9)
    assert len(first.solve(Y[:20])) == 23  # unchanged


def test_the_basis_that_grew_satisfies_the_conditions() -> None:
    kernel, tail = matrices(1.0)
    moments = Moments(tail[:10]).grown(tail[10:])
    assert moments is not None
    basis = moments.weights(torch.eye(21, dtype=torch.float64))
    assert torch.linalg.matrix_rank(basis) == 21
    np.testing.assert_allclose(tail.T @ basis, np.zeros((3, 21)), atol=1e-13)
    np.testing.assert_allclose(moments.columns(kernel), kernel @ basis, atol=1e-12)
    np.testing.assert_allclose(moments.inner(kernel), basis.T @ kernel @ basis, atol=1e-12)
    np.testing.assert_allclose(moments.rotated(kernel)[3:], basis.T @ kernel, atol=1e-12)


def test_a_tail_that_only_the_new_centres_determine_takes_a_new_system() -> None:
    line = torch.from_numpy(np.column_stack([np.ones(6), np.arange(6.0), np.zeros(6)]))
    off = torch.tensor([[1.0, 2.5, 1.0]], dtype=torch.float64)
    assert Moments(line).grown(off) is None
    assert Moments(line).grown(torch.tensor([[1.0, 2.5, 0.0]], dtype=torch.float64)) is not None


def test_a_repeated_centre_fails() -> None:
    kernel, tail = matrices(1.0)
    again = Interpolation(kernel, tail).grown(torch.cat([kernel[:1], kernel[:1, :1]], dim=1), tail[:1])
    assert again is not None and (again.failed or float(again.cholesky[-1, -1]) < 1e-6)
