"""``RBFRegressor`` and the weights of ``rbfnet.fit`` against scikit-learn and the equations they solve."""

from __future__ import annotations

import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from scipy.interpolate import RBFInterpolator
from sklearn.base import BaseEstimator, clone
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import rbfnet
from rbfnet import RBFRegressor

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
