"""Error bars of fits to data, against scikit-learn, covariances differentiated numerically, and dense linear algebra."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch

import rbfnet
from rbfnet import Operator, Solution
from rbfnet.errors import InputError

RNG = np.random.default_rng(0)
X = RNG.random((30, 2))
Y = np.sin(5 * X[:, 0]) + X[:, 1] ** 2
POINTS = RNG.random((7, 2))
EPSILON = 3.0
"""In standardised coordinates, where a fit does its work."""


H = 3e-3
"""The step of differences."""


def gaussian(smoothing: float = 0.0, **options: Any) -> Solution:
    return rbfnet.fit(X, Y, kernel="gaussian", epsilon=EPSILON, degree=-1, smoothing=smoothing, **options)


def phi(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.exp(-((EPSILON * (a[:, None] - b[None]) / X.std(axis=0)) ** 2).sum(axis=-1))


def amplitude(inverse: np.ndarray, y: np.ndarray) -> float:
    """Leave-one-out errors over their standard deviations, one point at a time."""
    return float(np.mean((inverse @ y) ** 2 / np.diag(inverse)))


@pytest.mark.parametrize("smoothing", [0.0, 1e-2])
def test_values_are_those_of_scikit_learn(smoothing: float) -> None:
    process = pytest.importorskip("sklearn.gaussian_process")
    centred = Y - Y.mean()
    size = amplitude(np.linalg.inv(phi(X, X) + smoothing * np.eye(30)), centred)
    kernel = process.kernels.ConstantKernel(size) * process.kernels.RBF(X.std(axis=0) / EPSILON / np.sqrt(2))
    other = process.GaussianProcessRegressor(kernel, alpha=max(size * smoothing, 1e-14), optimizer=None).fit(X, centred)
    mean, std = other.predict(POINTS, return_std=True)
    fit = gaussian(smoothing)
    np.testing.assert_allclose(fit.std(POINTS), std, rtol=1e-6)
    np.testing.assert_allclose(fit.predict(POINTS), mean + Y.mean(), atol=1e-6)


def test_the_amplitude_makes_left_out_errors_as_large_as_their_bars() -> None:
    """Each point left out in turn and predicted with its own bar, in a loop."""
    ratios = []
    for k in range(30):
        rest = np.arange(30) != k
        inverse = np.linalg.inv(phi(X[rest], X[rest]))
        row = phi(X[k : k + 1], X[rest])
        error = (Y - Y.mean())[k] - row @ inverse @ (Y - Y.mean())[rest]
        ratios.append(float(error[0] ** 2 / (1 - row @ inverse @ row.T)[0, 0]))
    with pytest.warns(UserWarning, match="outside"):
        far = gaussian().std([[9.0, 9.0]])  # the prior: nothing is known there
    assert far[0] == pytest.approx(np.sqrt(np.mean(ratios)), rel=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 1e-2])
@pytest.mark.parametrize(
    ("what", "stencil"),
    [
        ("u_x", {(1, 0): 0.5, (-1, 0): -0.5}),
        ("laplacian(u)", {(1, 0): 1, (-1, 0): 1, (0, 1): 1, (0, -1): 1, (0, 0): -4}),
        ("2*u_y - u_xy", {(i, j): -i * j / 4 for i in (-1, 1) for j in (-1, 1)} | {(0, 1): H, (0, -1): -H}),
    ],
)
def test_derivatives_against_differences_of_the_posterior_covariance(what: str, stencil: Any, smoothing: float) -> None:
    order = 1 if what == "u_x" else 2
    inverse = np.linalg.inv(phi(X, X) + smoothing * np.eye(30))

    def by_differences(x: np.ndarray, h: float) -> float:
        scale = {
            k: (c if what != "2*u_y - u_xy" else -k[0] * k[1] / 4 + (k[1] * h if k[0] == 0 else 0)) for k, c in stencil.items()
        }
        sites = x + h * np.array([*scale])
        weight = np.array([*scale.values()]) / h**order
        covariance = phi(sites, sites) - phi(sites, X) @ inverse @ phi(X, sites)
        return float(weight @ covariance @ weight)

    # Richardson extrapolation: the variance of differences has an error of h^2.
    variance = [(16 * by_differences(x, H / 2) - 4 * by_differences(x, H)) / 12 for x in POINTS]
    expected = np.sqrt(variance) * np.sqrt(amplitude(inverse, Y - Y.mean()))
    np.testing.assert_allclose(gaussian(smoothing).std(POINTS, what), expected, rtol=1e-5)


@pytest.mark.parametrize("kernel", ["thin_plate_spline", "multiquadric", "cubic"])
def test_kernels_with_a_tail_against_the_kriging_system(kernel: str) -> None:
    """The bordered system, inverted whole; both signs of kernels."""
    name: Any = rbfnet.kernels.Polyharmonic(3) if kernel == "cubic" else kernel
    options = {"epsilon": EPSILON} if kernel == "multiquadric" else {}
    fit = rbfnet.fit(X, Y, kernel=name, smoothing=1e-2, **options)  # type: ignore[arg-type]
    s = ((X[:, None] - X[None]) / X.std(axis=0)) ** 2
    t = ((POINTS[:, None] - X[None]) / X.std(axis=0)) ** 2
    forms = {
        "thin_plate_spline": (lambda s: 0.5 * np.where(s > 0, s * np.log(np.where(s > 0, s, 1)), 0), 1.0, 3, 0.0),
        "cubic": (lambda s: s**1.5, 1.0, 3, 0.0),
        "multiquadric": (lambda s: np.sqrt(1 + EPSILON**2 * s), -1.0, 1, -1.0),
    }
    form, sign, terms, zero = forms[kernel]
    # The polyharmonic kernels here are those with epsilon 1 up to a factor, which the fit chooses by itself.
    unit = 1.0 if kernel == "multiquadric" else float(fit.model.network.epsilon.detach())  # type: ignore[operator, union-attr]
    scaled = (lambda s: form(s)) if kernel == "multiquadric" else (lambda s: form(unit**2 * s))
    k, row = sign * scaled(s.sum(axis=-1)), sign * scaled(t.sum(axis=-1))
    ones = [np.concatenate([np.ones((len(x), 1)), x], axis=1)[:, :terms] for x in (X, POINTS)]
    border = np.block([[k + 1e-2 * np.eye(30), ones[0]], [ones[0].T, np.zeros((terms, terms))]])
    inverse = np.linalg.inv(border)
    functional = np.concatenate([row, ones[1]], axis=1)
    unit_variance = zero - np.einsum("ij,jk,ik->i", functional, inverse, functional)
    size = amplitude(inverse[:30, :30], Y)
    np.testing.assert_allclose(fit.std(POINTS), np.sqrt(size * unit_variance), rtol=1e-6)


def test_smoothing_per_row_and_repeated_points() -> None:
    """Two rows at a site count as one of half the variance of the error."""
    each = np.linspace(1e-3, 1e-1, 30)
    fit = rbfnet.fit(
        np.repeat(X, 2, axis=0), np.repeat(Y, 2), kernel="gaussian", epsilon=EPSILON, degree=-1, smoothing=np.repeat(each, 2)
    )
    inverse = np.linalg.inv(phi(X, X) + np.diag(each / 2))
    unit = 1 - np.einsum("ij,jk,ik->i", phi(POINTS, X), inverse, phi(POINTS, X))
    expected = np.sqrt(amplitude(inverse, Y - Y.mean()) * unit)
    np.testing.assert_allclose(fit.std(POINTS), expected, rtol=1e-6)


def test_fewer_centres_are_the_projected_process() -> None:
    """Weights of prior covariance K^-1, by dense matrices, and what the centres leave of the variance of the kernel."""
    smoothing = 1e-2
    fit = gaussian(smoothing, num_centers=12)
    centers = fit.model.centers.detach().numpy()
    k, rows, new = phi(centers, centers), phi(X, centers), phi(POINTS, centers)
    centred = Y - Y.mean()

    def left(new: np.ndarray) -> np.ndarray:
        return 1 - np.einsum("ij,ij->i", new, np.linalg.solve(k, new.T).T)

    squares, expected_squares = [], []
    for i in range(30):  # fitted again without the point
        rest = np.arange(30) != i
        normal = np.linalg.inv(rows[rest].T @ rows[rest] + smoothing * k)
        error = centred[i] - rows[i] @ normal @ rows[rest].T @ centred[rest]
        squares.append(error**2)
        expected_squares.append(smoothing * (1 + rows[i] @ normal @ rows[i]) + left(rows[i : i + 1])[0])
    size = sum(squares) / sum(expected_squares)
    weights = smoothing * np.linalg.inv(rows.T @ rows + smoothing * k)
    expected = np.sqrt(size * (np.einsum("ij,jk,ik->i", new, weights, new) + left(new)))
    np.testing.assert_allclose(fit.std(POINTS), expected, rtol=1e-6)


def test_kernels_with_a_width_each_have_the_bars_of_their_weights() -> None:
    """Plain least squares: the leverage times a noise that makes left-out errors as large as their bars."""
    fit = rbfnet.fit(X, Y, kernel="gaussian", num_centers=8, per_center=True, degree=-1, smoothing=0.0, epsilon=1.0)
    rows, new = (fit.model.features(torch.tensor(x), Operator.identity()).detach().numpy() for x in (X, POINTS))
    centred = Y - Y.mean()
    residual = centred - rows @ np.linalg.lstsq(rows, centred, rcond=None)[0]
    leverage = np.einsum("ij,jk,ik->i", new, np.linalg.inv(rows.T @ rows), new)
    hat = np.einsum("ij,ji->i", rows, np.linalg.pinv(rows))
    noise = np.sum((residual / (1 - hat)) ** 2) / np.sum(1 / (1 - hat))
    np.testing.assert_allclose(fit.std(POINTS), np.sqrt(noise * leverage), rtol=1e-4)


def test_bars_vanish_at_the_data_and_grow_outside_of_them() -> None:
    for kernel in ("thin_plate_spline", "gaussian", "matern"):
        for centers in (None, 20):
            fit = rbfnet.fit(X, Y, kernel=kernel, num_centers=centers, smoothing=0.0)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                far = fit.std([[0.5 + d, 0.5] for d in (0.0, 1.0, 2.0, 4.0)])
            assert (np.diff(far) > 0).all(), (kernel, centers, far)
            if centers is None:
                assert fit.std(X).max() < 1e-5 * far[-1]


def test_one_sentence_about_points_outside_and_only_one() -> None:
    fit = rbfnet.fit(X, Y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit.std(POINTS)
    with pytest.warns(UserWarning, match="1 of 2 points are outside of the data"):
        fit.std([[0.5, 0.5], [3.0, 3.0]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit.std([[3.0, 3.0]])


def test_a_gap_is_not_outside() -> None:
    x = np.concatenate([np.linspace(0, 1, 20), np.linspace(5, 6, 20)])
    fit = rbfnet.fit(x, np.sin(x))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gap, between = fit.std([3.0, x[0] + 0.02])
    assert gap > 10 * between


def test_forms_of_results_outputs_and_expressions() -> None:
    fit = rbfnet.fit(X, np.stack([Y, Y**2], axis=1), kernel="multiquadric", smoothing=1e-3, coords=["x", "y"], outputs=["p", "q"])
    both = fit.std(POINTS)
    assert both.shape == (7, 2) and isinstance(fit.std(torch.tensor(POINTS)), torch.Tensor)
    np.testing.assert_allclose(fit.std(POINTS, "p + 2*q"), np.hypot(both[:, 0], 2 * both[:, 1]), rtol=1e-9)
    np.testing.assert_array_equal(fit.std(POINTS, {"slope": "p_x"})["slope"], fit.std(POINTS, Operator.d("x"))[:, 0])
    # An expression that is not linear is linearised: d(p^2) = 2 p dp.
    np.testing.assert_allclose(fit.std(POINTS, "p^2"), np.abs(2 * fit.predict(POINTS, "p")) * both[:, 0], rtol=1e-9)
    np.testing.assert_array_equal(fit.std(POINTS, "x^2"), 0.0)


def test_units_and_scales_of_the_values_carry_over() -> None:
    one = rbfnet.fit(X, Y, kernel="matern", smoothing=1e-3).std(POINTS)
    other = rbfnet.fit(1000 * X + 5, 1e-3 * Y - 7, kernel="matern", smoothing=1e-3).std(1000 * POINTS + 5)
    np.testing.assert_allclose(other, 1e-3 * one, rtol=1e-5)


def test_what_has_no_bars_is_refused(tmp_path: Any) -> None:
    fit = rbfnet.fit(X, Y)
    with pytest.raises(InputError, match="needs a kernel with 2 continuous derivatives"):
        fit.std(POINTS, "u_x")
    again = rbfnet.load(fit.save(tmp_path / "run"))
    with pytest.raises(InputError, match="fit the data again"):
        again.std(POINTS)
    with pytest.raises(InputError, match="too few"):
        rbfnet.fit(X[:3], Y[:3], allow_unsolved=True).std(POINTS)


def test_a_slope_that_the_data_do_not_determine_is_unknown() -> None:
    line = np.stack([X[:, 0], 0.5 * np.ones(30)], axis=1)
    fit = rbfnet.fit(line, Y, kernel=rbfnet.kernels.Polyharmonic(3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert np.isfinite(fit.std(line)).all() and np.isinf(fit.std([[0.5, 0.9]])).all()
