from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import torch
from scipy.interpolate import RBFInterpolator

import rbfnet
from rbfnet.kernels import Matern, Polyharmonic
from rbfnet.nn import RBFNetwork
from rbfnet.operators import Operator
from rbfnet.problems import DataProblem, Poisson
from rbfnet.solvers import LeastSquares
from rbfnet.solvers.algebra._damped_qr import Factored
from rbfnet.solvers.algebra._interpolation import Interpolation
from rbfnet.solvers.algebra._regularization import REFINEMENTS
from rbfnet.solvers.assembly._linear_system import Values
from rbfnet.solvers.scattered._at_centers import _Patch
from rbfnet.solvers.scattered._scattered_values import scattered

DOUBLE = torch.float64


def smooth(x: torch.Tensor) -> torch.Tensor:
    return torch.sin(3 * x[:, 0]) + x[:, 1] ** 2


SHARED_WITH_SCIPY: dict[str, tuple[object, float, int]] = {
    "gaussian": ("gaussian", 3.0, -1),
    "multiquadric": ("multiquadric", 2.0, 0),
    "inverse_multiquadric": ("inverse_multiquadric", 2.0, -1),
    "inverse_quadratic": ("inverse_quadratic", 2.0, -1),
    "linear": (Polyharmonic(1), 1.0, 0),
    "thin_plate_spline": ("thin_plate_spline", 1.0, 1),
    "cubic": (Polyharmonic(3), 1.0, 1),
    "quintic": (Polyharmonic(5), 1.0, 2),
}
"""By SciPy's name: ours, epsilon, and the least degree of the tail."""

CASES = [(name, degree) for name, (_, _, least) in SHARED_WITH_SCIPY.items() for degree in range(least, 4)]


@pytest.mark.parametrize("smoothing", [0.0, 0.01, "each"])
@pytest.mark.parametrize(("theirs", "degree"), CASES)
def test_with_the_points_as_centres_it_is_scipys_interpolant(theirs: str, degree: int, smoothing: float | str) -> None:
    ours, epsilon, _ = SHARED_WITH_SCIPY[theirs]
    x = torch.rand(80, 2, dtype=DOUBLE)
    y = smooth(x) + 0.1 * torch.randn(80, dtype=DOUBLE)
    given = torch.rand(80, dtype=DOUBLE) if smoothing == "each" else float(smoothing)
    solution = rbfnet.fit(x, y, kernel=ours, epsilon=epsilon, degree=degree, test=10, smoothing=given)  # type: ignore[arg-type]
    model, problem = solution.model, solution.problem
    # Ours standardises: SciPy is given the same coordinates, and values about their mean.
    assert isinstance(model, rbfnet.nn.Affine) and isinstance(problem, DataProblem)
    shift, scale, rows = model.input_shift, model.input_scale, problem.train_rows
    new = torch.rand(50, 2, dtype=DOUBLE)
    reference = RBFInterpolator(
        ((x[rows] - shift) / scale).numpy(),
        (y[rows] - model.output_shift).numpy(),
        kernel=theirs,
        epsilon=epsilon,
        degree=degree,
        smoothing=given[rows].numpy() if isinstance(given, torch.Tensor) else given,
    )
    with torch.no_grad():
        difference = (model(new)[:, 0] - model.output_shift).numpy() - reference(((new - shift) / scale).numpy())
    assert np.abs(difference).max() < 1e-6
    words = {
        0.0: "Interpolation, as requested.",
        0.01: "Smoothing by 0.01, as given.",
        "each": "Smoothing, as given for each row.",
    }
    assert solution.summary["words"] == [words[smoothing]]


@pytest.mark.parametrize("kernel", ["gaussian", "multiquadric", "inverse_multiquadric", "thin_plate_spline", Matern(0.5)])
@pytest.mark.parametrize("degree", [None, 2])
def test_the_symmetric_solve_satisfies_the_whole_saddle_point_system(kernel: object, degree: int | None) -> None:
    x = torch.rand(60, 3, dtype=DOUBLE)
    network = RBFNetwork(3, 2, None, kernel=kernel, centers=x, epsilon=2.0, degree=degree, dtype=DOUBLE)  # type: ignore[arg-type]
    with torch.no_grad():
        features = network.features(x, Operator.identity())
    target = torch.randn(60, 2, dtype=DOUBLE)
    solution = Interpolation(features[:, :60], features[:, 60:]).solve(target)
    assert (features @ solution - target).abs().max() < 1e-9
    moments = network.moments()
    assert bool(((moments.T @ solution).abs() < 1e-9 * solution.abs().max()).all())


def test_linear_data_on_a_line_are_reproduced_along_it() -> None:
    x = torch.linspace(0, 1, 20, dtype=DOUBLE)
    solution = rbfnet.fit(torch.stack([x, 2 * x], dim=1), 3 * x + 1)
    along = np.array([0.123, 0.5, 1.5])
    np.testing.assert_allclose(solution.predict(np.stack([along, 2 * along], axis=1)), 3 * along + 1, rtol=1e-9)


def test_interpolation_gives_up_where_the_kernel_is_not_definite() -> None:
    indefinite = torch.tensor([[0.0, 1.0], [1.0, 0.0]], dtype=DOUBLE)
    assert Interpolation(indefinite, indefinite[:, :0]).failed


def test_points_on_a_line_are_interpolated() -> None:
    x = torch.linspace(0, 1, 20, dtype=DOUBLE)
    on_a_line = torch.stack([x, 2 * x], dim=1)
    solution = rbfnet.fit(on_a_line, smooth(on_a_line), smoothing=0)
    with torch.no_grad():
        assert (solution.model(on_a_line)[:, 0] - smooth(on_a_line)).abs().max() < 1e-10


def test_points_given_twice_are_one_centre() -> None:
    x = torch.rand(30, 2, dtype=DOUBLE)
    twice = torch.cat([x, x[:7]])
    solution = rbfnet.fit(twice, smooth(twice), smoothing=0)
    assert solution.model.num_centers == 30
    assert solution.summary["words"][0] == "37 rows at 30 sites; repeated points were averaged."
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
    solution = rbfnet.fit(x, y, kernel="gaussian", num_centers=60, test=0.1)
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
    x = torch.linspace(0, 1, 400_000, dtype=DOUBLE)
    with pytest.raises(ValueError, match="least_squares takes about 3,840 GB for interpolation at 400,000 points"):
        rbfnet.fit(x, x, epsilon=1.0)


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

    with pytest.raises(ValueError, match="'k' of the problem is unknown too; use solver=gauss_newton"):
        rbfnet.solve(Inverse(), solver="least_squares")


def test_a_system_with_nan_in_it_is_refused() -> None:
    with pytest.raises(ValueError, match="The linear system holds NaN or infinity"):
        Factored(torch.eye(2)).solve(torch.full((2, 1), float("inf")))
    with pytest.raises(ValueError, match="The linear system holds NaN or infinity"):
        Factored(torch.full((3, 2), float("nan")))


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("theirs", SHARED_WITH_SCIPY)
def test_leaving_one_out_is_what_fitting_without_it_gives(theirs: str, smoothing: float) -> None:
    """SciPy, fitted anew without each point in turn."""
    ours, epsilon, degree = SHARED_WITH_SCIPY[theirs]
    x, y = torch.rand(25, 2, dtype=DOUBLE), torch.randn(25, 1, dtype=DOUBLE)
    network = RBFNetwork(2, 1, None, ours, x, epsilon, degree=degree, dtype=DOUBLE)  # type: ignore[arg-type]
    with torch.no_grad():
        features = network.features(x, Operator.identity())
    found = Interpolation(features[:, :25], features[:, 25:], smoothing).leave_one_out(y)
    for k in range(0, 25, 6):
        others = np.arange(25) != k
        fitted = RBFInterpolator(
            x[others].numpy(), y[others].numpy(), kernel=theirs, epsilon=epsilon, degree=degree, smoothing=smoothing
        )
        assert float(found[k]) == pytest.approx(float(y[k, 0] - fitted(x[k : k + 1].numpy())[0, 0]), rel=1e-6)


def test_generalised_cross_validation_is_its_definition() -> None:
    """The hat matrix, from SciPy's fit of each unit vector."""
    x = torch.rand(40, 2, dtype=DOUBLE)
    y = smooth(x)[:, None] + 0.2 * torch.randn(40, 1, dtype=DOUBLE)
    network = RBFNetwork(2, 1, None, "thin_plate_spline", x, dtype=DOUBLE)
    data = scattered(Values(x, y), None)
    spectrum = _Patch(network, data, torch.arange(40)).spectrum
    scaled = (x * network.epsilon).detach().numpy()
    for strength in (1e-3, 0.1, 10.0):
        hat = RBFInterpolator(scaled, np.eye(40), smoothing=strength)(scaled)
        expected = 40 * np.sum((y.numpy() - hat @ y.numpy()) ** 2) / (40 - np.trace(hat)) ** 2
        found = spectrum.missed(torch.tensor([[strength]], dtype=DOUBLE)) * data.spread.square()
        assert float(found) == pytest.approx(float(expected), rel=1e-6)


def test_automatic_smoothing_of_noisy_data_is_better_than_none() -> None:
    x = torch.rand(300, 2, dtype=DOUBLE)
    y = smooth(x) + 0.2 * torch.randn(300, dtype=DOUBLE)
    new = torch.rand(500, 2, dtype=DOUBLE)
    errors = []
    for smoothing in ("auto", 0.0):
        solution = rbfnet.fit(x, y, test=0, smoothing=smoothing)
        with torch.no_grad():
            errors.append(float((solution.model(new)[:, 0] - smooth(new)).norm()))
    assert errors[0] < 0.4 * errors[1]
    auto = rbfnet.fit(x, y, test=0, smoothing="auto")
    assert auto.summary["words"][0].startswith("Smoothing by ")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"smoothing": -1.0}, "smoothing must be zero or positive"),
        ({"smoothing": "much"}, "smoothing must be a non-negative number, one per point or 'auto', but got 'much'"),
        ({"smoothing": -torch.ones(30)}, "smoothing must be \\(N,\\) and non-negative"),
        ({"smoothing": torch.ones(7)}, "smoothing must have one value for each of the 30 rows"),
        ({"smoothing": 1.0, "solver": "least_squares"}, "give it to the solver"),
        ({"solver": LeastSquares(smoothing=torch.ones(3))}, "smoothing has 3 values for 30 rows"),
    ],
)
def test_smoothing_that_does_not_fit_is_refused(options: dict[str, object], message: str) -> None:
    x = torch.rand(30, 2, dtype=DOUBLE)
    with pytest.raises(ValueError, match=message):
        rbfnet.fit(x, smooth(x), **options)  # type: ignore[arg-type]


def test_smoothing_and_another_regularisation_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="smoothing has no effect with regularization=gcv"):
        LeastSquares("gcv", smoothing=1.0)
