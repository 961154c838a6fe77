"""scikit-learn and verde as methods of scripts/bench_data.py."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

CHOICE = 500
"""Number of rows on which scikit-learn's estimators choose their parameters."""

Predict = Callable[[np.ndarray], np.ndarray]


def kriging(x: np.ndarray, y: np.ndarray) -> Predict:
    """A Gaussian kernel, with one length and noise by maximum likelihood."""
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, WhiteKernel

    def chosen(x: np.ndarray, y: np.ndarray) -> Any:
        kernel = 1.0 * RBF(1.0, (1e-2, 1e3)) + WhiteKernel(1e-2, (1e-10, 1e1))
        return GaussianProcessRegressor(kernel, n_restarts_optimizer=2, random_state=0).fit(x, y).kernel_

    return standardised(x, y, chosen, lambda kernel: GaussianProcessRegressor(kernel, optimizer=None))


def ridge(x: np.ndarray, y: np.ndarray) -> Predict:
    """A Gaussian kernel, with width and penalty from a grid by cross-validation."""
    from sklearn.kernel_ridge import KernelRidge
    from sklearn.model_selection import GridSearchCV, KFold

    def chosen(x: np.ndarray, y: np.ndarray) -> Any:
        grid = {"alpha": np.logspace(-10, 1, 12), "gamma": np.logspace(-3, 1, 9)}
        return GridSearchCV(KernelRidge(kernel="rbf"), grid, cv=KFold(5, shuffle=True, random_state=0)).fit(x, y).best_params_

    return standardised(x, y, chosen, lambda given: KernelRidge(kernel="rbf", **given))


def spline(x: np.ndarray, y: np.ndarray) -> Predict:
    """verde's biharmonic spline, for two coordinates."""
    import verde

    model = verde.Spline().fit((x[:, 0], x[:, 1]), y)
    return lambda fresh: np.asarray(model.predict((fresh[:, 0], fresh[:, 1])))


def standardised(x: np.ndarray, y: np.ndarray, chosen: Callable[..., Any], estimator: Callable[..., Any]) -> Predict:
    """Parameters from some of the rows, then a fit to all, in standardised units."""
    shift, scale, mean, spread = x.mean(axis=0), x.std(axis=0), y.mean(), y.std()
    z, v = (x - shift) / scale, (y - mean) / spread
    rows = np.random.default_rng(0).permutation(len(x))[:CHOICE]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Parameters at the ends of their ranges, ill-conditioned matrices.
        model = estimator(chosen(z[rows], v[rows]))
        model.fit(z, v)
    return lambda fresh: mean + spread * model.predict((fresh - shift) / scale)
