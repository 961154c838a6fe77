"""``RBFRegressor`` and the weights of ``rbfnet.fit`` against scikit-learn and the equations they solve."""

from __future__ import annotations

import pickle
import subprocess
import sys
from typing import Any, cast

import numpy as np
import pytest
import torch
from scipy.interpolate import RBFInterpolator
from sklearn.base import BaseEstimator, clone
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import rbfnet
import rbfnet.training
from rbfnet import RBFRegressor
from rbfnet.problems import DataProblem

RNG = np.random.default_rng(0)
X, AT = RNG.random((40, 2)), RNG.random((15, 2))
X = (X - X.mean(axis=0)) / X.std(axis=0)
Y = np.sin(2 * X[:, 0]) * X[:, 1] + 0.05 * RNG.standard_normal(40)
Y = (Y - Y.mean()) / Y.std()


@parametrize_with_checks([RBFRegressor(), RBFRegressor("gaussian", smoothing=1e-6)])  # type: ignore[untyped-decorator]
def test_scikit_learns_checks_pass(estimator: BaseEstimator, check: Any) -> None:
    check(estimator)


def test_values_and_deviations_are_those_of_a_gaussian_process() -> None:
    length, smoothing = 0.8, 1e-2
    ours = RBFRegressor("gaussian", epsilon=1 / (2**0.5 * length), smoothing=smoothing).fit(X, Y)
    theirs = GaussianProcessRegressor(RBF(length), alpha=smoothing, optimizer=None).fit(X, Y)
    (mean, std), (wanted, unit) = ours.predict(AT, return_std=True), theirs.predict(AT, return_std=True)
    np.testing.assert_allclose(mean, wanted, rtol=1e-9, atol=1e-9)
    # Leave-one-out errors w_k / B_kk have the variance a / B_kk.
    inverse = np.linalg.inv(RBF(length)(X) + smoothing * np.eye(len(X)))
    amplitude = np.mean((inverse @ Y) ** 2 / np.diag(inverse))
    np.testing.assert_allclose(std, unit * amplitude**0.5, rtol=1e-6)


@pytest.mark.parametrize("num_centers", [None, 12])
@pytest.mark.parametrize("smoothing", ["auto", 0.0, 0.1])
def test_a_whole_weight_is_as_many_rows(num_centers: int | None, smoothing: float | str) -> None:
    weight = RNG.integers(0, 4, len(X))
    model = RBFRegressor("cubic", num_centers, smoothing=smoothing)
    weighted = clone(model).fit(X, Y, sample_weight=weight)
    repeated = clone(model).fit(np.repeat(X, weight, axis=0), np.repeat(Y, weight))
    np.testing.assert_allclose(weighted.predict(AT), repeated.predict(AT), rtol=1e-9, atol=1e-9)
    assert np.abs(weighted.predict(AT) - clone(model).fit(X, Y).predict(AT)).max() > 1e-3


def test_weights_divide_the_smoothing_of_each_row() -> None:
    weights = RNG.random(len(X)) + 0.1
    ours = rbfnet.fit(X, Y, kernel="cubic", epsilon=1.0, smoothing=0.3, weights=weights).predict(AT)
    theirs = RBFInterpolator(X, Y, kernel="cubic", smoothing=0.3 / weights)(AT)
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


def test_weights_with_fewer_centers_are_those_of_least_squares() -> None:
    weights = RNG.random(len(X)) + 0.1
    solution = rbfnet.fit(X, Y, kernel="gaussian", num_centers=8, epsilon=1.0, smoothing=0.0, weights=weights)
    centers = solution.centers.detach().numpy()
    basis = np.exp(-np.square(X[:, None] - centers).sum(axis=2))
    root = np.sqrt(weights)
    wanted = np.linalg.lstsq(root[:, None] * basis, root * (Y - Y.mean()), rcond=None)[0]
    np.testing.assert_allclose(solution.predict(X), basis @ wanted + Y.mean(), rtol=1e-7, atol=1e-8)


def test_a_bad_row_with_a_small_weight_does_no_harm() -> None:
    clean = np.sin(2 * X[:, 0])
    bad = clean.copy()
    bad[3] += 10.0
    weights = np.ones(len(X))
    weights[3] = 1e-8
    model = RBFRegressor("cubic", smoothing=1e-4)
    wanted = clone(model).fit(np.delete(X, 3, axis=0), np.delete(clean, 3)).predict(AT)
    # The units of values are those of all rows, so that the smoothing has not quite the same effect.
    assert np.abs(model.fit(X, bad, weights).predict(AT) - wanted).max() < 1e-2


@pytest.mark.parametrize("weights", [np.ones(3), np.zeros(40), np.full(40, np.nan), -np.ones(40)], ids=str)
def test_wrong_weights_are_rejected(weights: np.ndarray) -> None:
    with pytest.raises(rbfnet.InputError, match="weights must"):
        rbfnet.fit(X, Y, weights=weights)


def test_all_weights_zero() -> None:
    with pytest.raises(ValueError, match=r"[Ww]eights"):
        RBFRegressor().fit(X, Y, np.zeros(len(X)))


def test_several_outputs_keep_their_shape() -> None:
    both = np.column_stack([Y, Y**2])
    model = RBFRegressor("cubic").fit(X, both)
    mean, std = model.predict(AT, return_std=True)
    assert mean.shape == std.shape == (15, 2)
    assert RBFRegressor("cubic").fit(X, Y[:, None]).predict(AT).shape == (15, 1)
    np.testing.assert_allclose(mean[:, 0], RBFRegressor("cubic").fit(X, Y).predict(AT), rtol=1e-9, atol=1e-9)


def test_it_works_in_scikit_learns_tools() -> None:
    model = make_pipeline(StandardScaler(), RBFRegressor("cubic"))
    assert np.median(cross_val_score(model, X, Y, cv=4)) > 0.8
    search = GridSearchCV(RBFRegressor("cubic", smoothing=0.1), {"kernel": ["linear", "cubic"]}, cv=2).fit(X, Y)
    loaded = pickle.loads(pickle.dumps(search.best_estimator_))
    np.testing.assert_array_equal(loaded.predict(AT), search.predict(AT))


def test_scikit_learn_is_imported_only_where_it_is_used() -> None:
    code = "import sys, rbfnet; rbfnet.RBFInterpolator; print('sklearn' in sys.modules); sys.modules['sklearn'] = None\n"
    code += "try: rbfnet.RBFRegressor\nexcept rbfnet.InputError as error: print(error)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "False",
        "RBFRegressor needs scikit-learn, which is not installed; run `pip install 'rbfnet[cluster]'`.",
    ]


# -- partial_fit ---------------------------------------------------------------------------------------------------------------

FIRST = 25


def in_steps(model: RBFRegressor, x: np.ndarray, y: np.ndarray, weight: np.ndarray | None = None) -> RBFRegressor:
    """Fitted to 25 rows, then to one more, then to the rest."""
    for rows in (slice(FIRST), slice(FIRST, FIRST + 1), slice(FIRST + 1, None)):
        assert model.partial_fit(x[rows], y[rows], None if weight is None else weight[rows]) is model
    return model


def first_standardised(values: np.ndarray) -> np.ndarray:
    """In the units of the first rows, which a fit keeps."""
    return (values - values[:FIRST].mean(axis=0)) / values[:FIRST].std(axis=0)


FX, FY = first_standardised(X), first_standardised(Y)


def at_rows(model: RBFRegressor, values: np.ndarray) -> np.ndarray:
    """Values in the order of the rows of the fit, which sorts points."""
    rows = cast(DataProblem, model.solution_.problem).train_set.x.numpy()
    return values[np.square(rows[:, None] - FX).sum(axis=2).argmin(axis=1)]


def brute_left_out(smoothing: np.ndarray) -> np.ndarray:
    """At each row what SciPy predicts without it, less the value."""

    def without(k: int) -> np.ndarray:
        x, y, s = (np.delete(values, k, axis=0) for values in (FX, FY, smoothing))
        return RBFInterpolator(x, y, kernel="cubic", smoothing=s)(FX[k : k + 1])

    return np.ravel([without(k) for k in range(len(FX))]) - FY


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("weighted", [False, True])
def test_rows_in_steps_are_a_fit_to_all_of_them(smoothing: float, weighted: bool) -> None:
    weight = RNG.random(len(FX)) + 0.1 if weighted else np.ones(len(FX))
    ours = in_steps(RBFRegressor("cubic", epsilon=1.0, smoothing=smoothing), FX, FY, weight)
    theirs = RBFInterpolator(FX, FY, kernel="cubic", smoothing=smoothing / weight)
    np.testing.assert_allclose(ours.predict(AT), theirs(AT), rtol=1e-9, atol=1e-9)
    wanted = at_rows(ours, brute_left_out(smoothing / weight))
    found = ours.solution_
    assert found.left_out is not None and found.errors is not None
    np.testing.assert_allclose(found.left_out[:, 0], wanted, rtol=1e-7, atol=1e-9)
    assert found.errors["rmse"] == pytest.approx(np.sqrt(np.mean(wanted**2)))
    residual = (theirs(FX) - FY) / FY.std()
    assert found.summary["loss"] == pytest.approx(np.mean(residual**2), abs=1e-12)
    assert found.summary["centers"] == found.num_centers == 40


def test_error_bars_in_steps_are_those_of_a_gaussian_process() -> None:
    length, smoothing = 0.8, 1e-2
    ours = in_steps(RBFRegressor("gaussian", epsilon=1 / (2**0.5 * length), smoothing=smoothing), FX, FY)
    theirs = GaussianProcessRegressor(RBF(length), alpha=smoothing, optimizer=None).fit(FX, FY)
    (mean, std), (wanted, unit) = ours.predict(AT, return_std=True), theirs.predict(AT, return_std=True)
    np.testing.assert_allclose(mean, wanted, rtol=1e-8, atol=1e-9)
    inverse = np.linalg.inv(RBF(length)(FX) + smoothing * np.eye(len(FX)))
    np.testing.assert_allclose(std, unit * np.mean((inverse @ FY) ** 2 / np.diag(inverse)) ** 0.5, rtol=1e-6)


def test_old_rows_are_not_factored_again(monkeypatch: pytest.MonkeyPatch) -> None:
    model = RBFRegressor("cubic", smoothing=0.1).fit(FX[:30], FY[:30]).partial_fit(FX[30:31], FY[30:31])
    from rbfnet.solvers.algebra import Interpolation

    def never(*given: Any) -> None:
        raise AssertionError("factored")

    monkeypatch.setattr(Interpolation, "__init__", never)
    model.partial_fit(FX[31:], FY[31:])
    assert model.solution_.num_centers == 40


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_repeated_rows_in_steps_are_a_fit_to_all_of_them(smoothing: float) -> None:
    x, y = np.concatenate([FX, FX[3:6]]), np.concatenate([FY, FY[3:6] + 1.0])
    ours = in_steps(RBFRegressor("cubic", epsilon=1.0, smoothing=smoothing), x, y)
    y[3:6] += 0.5
    weight = np.where(np.isin(np.arange(40), (3, 4, 5)), 2.0, 1.0)
    theirs = RBFInterpolator(FX, y[:40], kernel="cubic", smoothing=smoothing / weight)(AT)
    np.testing.assert_allclose(ours.predict(AT), theirs, rtol=1e-9, atol=1e-9)
    assert ours.solution_.num_centers == 40


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_with_fewer_centres_the_centres_stay(smoothing: float) -> None:
    weights = RNG.random(len(FX)) + 0.1
    ours = in_steps(RBFRegressor("gaussian", 8, epsilon=1.0, smoothing=smoothing), FX, FY, weights)
    centers = ours.solution_.centers.detach().numpy()
    basis = np.exp(-np.square(FX[:, None] - centers).sum(axis=2))
    between = np.exp(-np.square(centers[:, None] - centers).sum(axis=2))
    matrix = basis.T @ (weights[:, None] * basis) + smoothing * between
    wanted = np.linalg.solve(matrix, basis.T @ (weights * FY))
    at = np.exp(-np.square(AT[:, None] - centers).sum(axis=2))
    np.testing.assert_allclose(ours.predict(AT), at @ wanted, rtol=1e-6, atol=1e-7)
    leverage = np.diag(basis @ np.linalg.solve(matrix, basis.T * weights))
    assert ours.solution_.left_out is not None
    missed = at_rows(ours, (basis @ wanted - FY) / (1 - leverage))
    np.testing.assert_allclose(ours.solution_.left_out[:, 0], missed, rtol=1e-5, atol=1e-6)


def test_further_rows_may_leave_the_line_of_the_first() -> None:
    x = np.column_stack([FX[:, 0], np.where(np.arange(40) < FIRST, 0.0, FX[:, 1])])
    ours = in_steps(RBFRegressor("cubic", epsilon=1.0, smoothing=0.0), x, FY)
    np.testing.assert_allclose(ours.predict(AT), RBFInterpolator(x, FY, kernel="cubic")(AT), rtol=1e-8, atol=1e-8)


def test_a_kernel_that_is_singular_within_rounding_is_solved_anew() -> None:
    model, y = RBFRegressor("gaussian", epsilon=0.05, smoothing=0.0), np.sin(FX[:, 0])
    ours = in_steps(clone(model), FX, y)
    assert np.abs(ours.predict(FX) - y).max() < 2 * np.abs(model.fit(FX, y).predict(FX) - y).max() < 1e-3


def test_several_outputs_are_added_and_others_are_rejected() -> None:
    both = np.column_stack([FY, FY**2])
    ours = in_steps(RBFRegressor("cubic", epsilon=1.0, smoothing=0.0), FX, both)
    np.testing.assert_allclose(ours.predict(AT), RBFInterpolator(FX, both, kernel="cubic")(AT), rtol=1e-9, atol=1e-9)
    before = ours.solution_
    with pytest.raises(rbfnet.InputError, match="y must have 2 columns, as before, but has 1"):
        ours.partial_fit(AT, AT[:, 0])
    with pytest.raises(ValueError, match="features"):
        ours.partial_fit(AT[:, :1], AT)
    assert ours.solution_ is before
    loaded = pickle.loads(pickle.dumps(ours)).partial_fit(AT, AT)
    np.testing.assert_allclose(loaded.predict(AT), AT, atol=1e-9)
    assert before.num_centers == 40


@pytest.mark.parametrize(("options", "weights"), [({"test": 0.2}, None), ({}, np.ones(15))])
def test_rows_that_cannot_be_added(options: dict[str, Any], weights: np.ndarray | None) -> None:
    solution = rbfnet.fit(FX, FY, kernel="cubic", **options)
    x, y = torch.from_numpy(AT), torch.from_numpy(AT[:, :1])
    with pytest.raises(rbfnet.InputError, match=r"test=0|only if"):
        rbfnet.training.with_rows(solution, x, y, None if weights is None else torch.from_numpy(weights))


def test_many_points_are_interpolated_locally(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rbfnet.training._local_model.LARGEST", 150)
    x = np.random.default_rng(0).random((200, 2))
    y = np.sin(3 * x[:, 0]) * x[:, 1]
    model = rbfnet.RBFRegressor().fit(x[:160], y[:160])
    assert any(word.startswith("Local interpolation, 50 points each:") for word in model.solution_.summary["words"])
    np.testing.assert_allclose(model.partial_fit(x[160:], y[160:]).predict(x), y, atol=1e-9)
    with pytest.raises(rbfnet.InputError, match="Error bars need one system"):
        model.predict(x[:3], return_std=True)
