from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import torch
from scipy.interpolate import RBFInterpolator

import rbfnet
from rbfnet.kernels import Matern
from rbfnet.nn import RBFNetwork
from rbfnet.operators import Operator
from rbfnet.problems import DataProblem, Poisson
from rbfnet.solvers._factored import Factored
from rbfnet.solvers._interpolation import interpolate, is_symmetric
from rbfnet.solvers._regularization import REFINEMENTS

DOUBLE = torch.float64


def smooth(x: torch.Tensor) -> torch.Tensor:
    return torch.sin(3 * x[:, 0]) + x[:, 1] ** 2


SHARED_WITH_SCIPY = {
    "gaussian": ("gaussian", 3.0),
    "multiquadric": ("multiquadric", 2.0),
    "inverse_multiquadric": ("inverse_multiquadric", 2.0),
    "thin_plate_spline": ("thin_plate_spline", 1.0),
}


@pytest.mark.parametrize("ours", SHARED_WITH_SCIPY)
def test_with_the_points_as_centres_it_is_scipys_interpolant(ours: str) -> None:
    theirs, epsilon = SHARED_WITH_SCIPY[ours]
    x = torch.rand(80, 2, dtype=DOUBLE)
    y = smooth(x)
    # SciPy adds a constant to every kernel unless told otherwise.
    degree = 1 if ours == "thin_plate_spline" else 0
    solution = rbfnet.fit(x, y, kernel=ours, epsilon=epsilon, degree=degree, test=0)
    model = solution.model
    # Ours standardises: SciPy is given the same coordinates.
    assert isinstance(model, rbfnet.nn.Affine)
    shift, scale = model.input_shift, model.input_scale
    new = torch.rand(50, 2, dtype=DOUBLE)
    reference = RBFInterpolator(((x - shift) / scale).numpy(), y.numpy(), kernel=theirs, epsilon=epsilon, degree=degree)
    with torch.no_grad():
        difference = model(new)[:, 0].numpy() - reference(((new - shift) / scale).numpy())
    assert np.abs(difference).max() < 1e-7


@pytest.mark.parametrize("kernel", ["gaussian", "multiquadric", "inverse_multiquadric", "thin_plate_spline", Matern(0.5)])
@pytest.mark.parametrize("degree", [None, 2])
def test_the_symmetric_solve_satisfies_the_whole_saddle_point_system(kernel: object, degree: int | None) -> None:
    x = torch.rand(60, 3, dtype=DOUBLE)
    network = RBFNetwork(3, 2, None, kernel=kernel, centers=x, epsilon=2.0, degree=degree, dtype=DOUBLE)  # type: ignore[arg-type]
    with torch.no_grad():
        features = network.features(x, Operator.identity())
    assert is_symmetric(features, 60)
    target = torch.randn(60, 2, dtype=DOUBLE)
    solution = interpolate(features[:, :60], features[:, 60:], target)
    assert solution is not None
    assert (features @ solution - target).abs().max() < 1e-9
    moments = network.moments()
    assert bool(((moments.T @ solution).abs() < 1e-9 * solution.abs().max()).all())


def test_interpolation_gives_up_where_the_tail_is_not_unique_or_the_kernel_not_definite() -> None:
    x = torch.linspace(0, 1, 20, dtype=DOUBLE)
    on_a_line = torch.stack([x, 2 * x], dim=1)
    network = RBFNetwork(2, 1, None, kernel="thin_plate_spline", centers=on_a_line, dtype=DOUBLE)
    with torch.no_grad():
        features = network.features(on_a_line, Operator.identity())
    assert interpolate(features[:, :20], features[:, 20:], torch.rand(20, 1, dtype=DOUBLE)) is None
    indefinite = torch.tensor([[0.0, 1.0], [1.0, 0.0]], dtype=DOUBLE)
    assert interpolate(indefinite, indefinite[:, :0], torch.rand(2, 1, dtype=DOUBLE)) is None


def test_where_interpolation_gives_up_the_fit_still_meets_the_data() -> None:
    x = torch.linspace(0, 1, 20, dtype=DOUBLE)
    on_a_line = torch.stack([x, 2 * x], dim=1)
    solution = rbfnet.fit(on_a_line, smooth(on_a_line), test=0)
    with torch.no_grad():
        assert (solution.model(on_a_line)[:, 0] - smooth(on_a_line)).abs().max() < 1e-10


def test_points_given_twice_are_one_centre() -> None:
    x = torch.rand(30, 2, dtype=DOUBLE)
    twice = torch.cat([x, x[:7]])
    solution = rbfnet.fit(twice, smooth(twice), test=0)
    assert solution.model.num_centers == 30
    with torch.no_grad():
        assert (solution.model(x)[:, 0] - smooth(x)).abs().max() < 1e-10


def test_it_is_least_squares_where_the_rank_is_full_whatever_the_lengths_of_the_columns() -> None:
    matrix, target = torch.randn(50, 8, dtype=DOUBLE), torch.randn(50, 2, dtype=DOUBLE)
    matrix[:, 3] *= 1e8
    reference, *_ = np.linalg.lstsq(matrix.numpy() / [1, 1, 1, 1e8, 1, 1, 1, 1], target.numpy(), rcond=None)
    reference[3] /= 1e8
    ours = Factored(matrix).solve(target, refinements=REFINEMENTS).numpy()
    assert np.abs(ours / reference - 1).max() < 1e-10


@pytest.mark.parametrize("rows", [50, 5])
def test_dependent_columns_are_damped_rather_than_blown_up(rows: int) -> None:
    matrix = torch.randn(rows, 4, dtype=DOUBLE)
    matrix = torch.cat([matrix, matrix @ torch.randn(4, 4, dtype=DOUBLE), torch.zeros(rows, 1, dtype=DOUBLE)], dim=1)
    target = matrix @ torch.randn(9, 1, dtype=DOUBLE)
    solution = Factored(matrix).solve(target, refinements=REFINEMENTS)
    assert (matrix @ solution - target).abs().max() < 1e-10
    assert solution.abs().max() < 100


def test_where_the_rank_is_not_full_the_residual_is_that_of_the_truncated_solution() -> None:
    """Wide Gaussians: most singular values are below rounding. SciPy's SVD with truncation is the twin."""
    x, centers = torch.rand(300, 2, dtype=DOUBLE), torch.rand(120, 2, dtype=DOUBLE)
    network = RBFNetwork(2, 1, None, centers=centers, epsilon=2.0, dtype=DOUBLE)
    with torch.no_grad():
        matrix = network.features(x, Operator.identity())
    target = smooth(x)[:, None]
    reference, _, rank, _ = scipy.linalg.lstsq(matrix.numpy(), target.numpy(), cond=1e-15)
    assert rank < 120
    ours = Factored(matrix).solve(target, refinements=REFINEMENTS)
    least = np.linalg.norm(matrix.numpy() @ reference - target.numpy())
    assert float((matrix @ ours - target).norm()) < 2 * least


def test_poisson_is_solved_to_1e_11_with_the_shipped_settings_for_any_seed() -> None:
    for seed in range(3):
        solution = rbfnet.solve(Poisson(), seed=seed)
        assert solution.errors is not None
        assert solution.errors["rel_l2"] < 1e-11


def test_several_outputs_are_solved_at_once_in_their_own_units() -> None:
    x = torch.rand(200, 2, dtype=DOUBLE)
    y = torch.stack([smooth(x), 1e5 * x[:, 0] + 3], dim=1)
    solution = rbfnet.fit(x, y, kernel="gaussian", num_centers=60)
    by_output = solution.summary["errors_by_output"]
    assert by_output["u1"]["rel_l2"] < 1e-3
    assert by_output["u2"]["rel_l2"] < 1e-3


def test_weights_of_conditions_decide_which_is_met() -> None:
    """Two readings of one constant, 0 and 1: the fit is their weighted mean."""
    from rbfnet.problems import Data

    class Two(DataProblem):
        def conditions(self):
            x = self.train_set.x
            yield Data(x, torch.zeros(len(x), 1, dtype=DOUBLE), weight=3.0, name="zero")
            yield Data(x, torch.ones(len(x), 1, dtype=DOUBLE), weight=1.0, name="one")

        def units(self):
            return None

    x = torch.rand(30, 1, dtype=DOUBLE)
    problem = Two(x, torch.zeros(30, 1, dtype=DOUBLE), ("x",), validation=0, test=0)
    solution = rbfnet.solve(problem, kernel="gaussian", num_centers=10, degree=0, epsilon=3.0)
    with torch.no_grad():
        assert (solution.model(x) - 0.25).abs().max() < 1e-7


def test_a_matrix_beyond_memory_is_refused_before_it_is_made() -> None:
    x = torch.rand(400_000, 1, dtype=DOUBLE)
    with pytest.raises(ValueError, match="least_squares holds a matrix of 400000 x 400002, about 3840 GB"):
        rbfnet.fit(x, x[:, 0], test=0, epsilon=1.0)


def test_fewer_points_than_the_tail_has_terms_are_refused() -> None:
    x = torch.rand(2, 2, dtype=DOUBLE)
    with pytest.raises(ValueError, match="has 3 terms, more than the 2 centres"):
        rbfnet.fit(x, x[:, 0], test=0)
    with pytest.raises(ValueError, match="2 points cannot determine a polynomial tail of 3 terms"):
        rbfnet.fit(x, x[:, 0], test=0, num_centers=10, centers="halton")


def test_an_unknown_of_the_problem_is_not_left_untrained_in_silence() -> None:
    class Inverse(Poisson):
        def __init__(self) -> None:
            super().__init__()
            self.k = torch.nn.Parameter(torch.tensor(1.0))

    with pytest.raises(ValueError, match="'k' of the problem is to be found too: take solver=gauss_newton"):
        rbfnet.solve(Inverse())


def test_a_system_with_nan_in_it_is_refused() -> None:
    with pytest.raises(ValueError, match="The linear system holds NaN or infinity"):
        Factored(torch.eye(2)).solve(torch.full((2, 1), float("inf")))
    with pytest.raises(ValueError, match="The linear system holds NaN or infinity"):
        Factored(torch.full((3, 2), float("nan")))
