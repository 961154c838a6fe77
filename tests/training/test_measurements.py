"""Fits to gradients, other derivatives and means, against SciPy, dense Gaussian processes and brute force."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.interpolate import CubicHermiteSpline

import rbfnet
from rbfnet.domains import Box, Interval
from rbfnet.errors import InputError
from rbfnet.kernels import Cubic
from rbfnet.problems import Data, DataProblem, Interior, Mean
from rbfnet.solvers import LeastSquares, Posed, automatic_scales
from rbfnet.solvers.scattered import FunctionalFit

RNG = np.random.default_rng(0)
X = RNG.random((25, 2))
FRESH = RNG.random((200, 2))
EPSILON = 1.0
"""In standardised coordinates, where a fit does its work."""


def wave(x: np.ndarray) -> np.ndarray:
    return np.sin(5 * x[:, 0]) * np.cos(4 * x[:, 1])


def slopes(x: np.ndarray) -> np.ndarray:
    a, b = 5 * x[:, 0], 4 * x[:, 1]
    return np.stack([5 * np.cos(a) * np.cos(b), -4 * np.sin(a) * np.sin(b)], axis=1)


def test_gradients_are_met_and_lower_the_error() -> None:
    fit, plain = rbfnet.fit(X, wave(X), gradients=slopes(X)), rbfnet.fit(X, wave(X), kernel="quintic")
    np.testing.assert_allclose(fit.predict(X, ["u_x", "u_y"]), slopes(X), atol=1e-8)
    np.testing.assert_allclose(fit.predict(X), wave(X), atol=1e-8)
    errors = [np.sqrt(np.mean((one.predict(FRESH) - wave(FRESH)) ** 2)) for one in (fit, plain)]
    assert errors[0] < errors[1] / 2
    assert fit.errors is not None and errors[0] / 2 < fit.errors["rmse"] < 2 * errors[0]


def test_a_cubic_spline_on_a_line_is_that_of_scipy() -> None:
    """The function of least bending that meets values and slopes is the cubic Hermite spline."""
    x, fine = np.linspace(0, 1, 9), np.linspace(0, 1, 200)
    y, dy = np.sin(7 * x), 7 * np.cos(7 * x)
    other = CubicHermiteSpline(x, y, dy)(fine)
    found = rbfnet.fit(x, y, kernel=Cubic(), gradients=dy, smoothing=0).predict(fine)
    error = abs(other - np.sin(7 * fine)).max()
    assert error > 5e-4 and abs(found - other).max() < 0.5 * error


class Process:
    """A dense Gaussian process of values and gradients, prior variance one."""

    def __init__(self, x: np.ndarray, noise: np.ndarray) -> None:
        self.x, self.inverse = x, np.linalg.inv(self.covariance(x, x) + np.diag(noise))

    @staticmethod
    def covariance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Of [u, u_x, u_y] at a and at b."""
        c = 2 * EPSILON**2 / X.std(axis=0) ** 2
        d = a[:, None] - b[None]
        k = np.exp(-(c * d**2).sum(axis=-1) / 2)
        first = [-c[i] * d[..., i] * k for i in range(2)]
        second = [[(c[i] * (i == j) - c[i] * c[j] * d[..., i] * d[..., j]) * k for j in range(2)] for i in range(2)]
        return np.block([[k, -first[0], -first[1]], *[[first[i], *second[i]] for i in range(2)]])

    def at(self, x: np.ndarray, data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        row = self.covariance(x, self.x)[: len(x)]
        return row @ self.inverse @ data, np.sqrt(1 - np.einsum("ij,jk,ik->i", row, self.inverse, row))


def test_a_fit_with_noise_is_the_mean_of_a_gaussian_process_and_its_bars_are_its_deviation() -> None:
    noise, gradient_noise, strength = 0.02, 0.1, 1e-2
    y = wave(X) + noise * RNG.standard_normal(25)
    g = slopes(X) + gradient_noise * RNG.standard_normal((25, 2))
    options: dict[str, Any] = {"kernel": "gaussian", "epsilon": EPSILON, "degree": -1, "smoothing": strength}
    fit = rbfnet.fit(X, y, gradients=g, noise=noise, gradient_noise=gradient_noise, **options)
    data = np.concatenate([y - y.mean(), *g.T]) / y.std()
    variances = strength * np.concatenate([np.ones(25), np.full(50, (gradient_noise / noise) ** 2)])
    mean, deviation = Process(X, variances).at(FRESH, data)
    np.testing.assert_allclose(fit.predict(FRESH), y.mean() + y.std() * mean, atol=0.02)
    left, chances = [], []
    for k in range(25):
        rest = np.arange(75) % 25 != k
        process = Process(X, variances)
        cut = np.linalg.inv(np.linalg.inv(process.inverse)[rest][:, rest])
        here = process.covariance(X[k : k + 1], X)[:, rest]
        missed = data[~rest] - here @ cut @ data[rest]
        left.append(y.std() * missed[0])
        around = process.covariance(X[k : k + 1], X[k : k + 1]) + np.diag(variances[~rest]) - here @ cut @ here.T
        chances.append(missed @ np.linalg.solve(around, missed) / 3)
    assert fit.left_out is not None
    np.testing.assert_allclose(fit.left_out[:, 0].abs(), np.abs(left), atol=0.02 * np.abs(left).max())
    np.testing.assert_allclose(fit.std(FRESH), y.std() * np.sqrt(np.mean(chances)) * deviation, rtol=0.1)


def test_left_out_errors_are_those_of_fits_without_the_point() -> None:
    """The same centres and units; minimised anew by dense least squares."""
    x, y, g = torch.tensor(X[:12]), torch.tensor(wave(X[:12]))[:, None], torch.tensor(slopes(X[:12]))
    problem = DataProblem(x, y, ("x", "y"), gradients=g[:, None], noise=0.1, gradient_noise=0.3)
    solved = rbfnet.solve(
        problem, kernel="quintic", num_centers=10, centers="farthest_point", solver=LeastSquares(smoothing=0.02)
    )
    samples = problem.sample()
    posed = Posed(solved.model, problem, samples, automatic_scales(solved.model, problem, samples))
    fit = FunctionalFit(posed, posed.measurements(), 0.02)
    inner = solved.model.network
    rows = torch.cat([solved.model.features(x, rbfnet.Operator.d(*d)) for d in ((), (0,), (1,))]).detach()
    spread = y.std(correction=0)
    target = torch.cat([y[:, 0] - y.mean(), g[:, 0], g[:, 1]]) / spread
    root = torch.cat([torch.ones(12), torch.full((24,), 1 / 3)]).double()
    moments = inner.moments()[:10].detach()  # type: ignore[operator, union-attr]
    free = torch.linalg.qr(moments, mode="complete").Q[:, moments.shape[1] :]
    energy = free.T @ inner.features(inner.centers, rbfnet.Operator.identity())[:, :10].detach() @ free  # type: ignore[operator, union-attr]
    columns = torch.cat([rows[:, :10] @ free, rows[:, 10:]], dim=1)
    penalty = torch.zeros(columns.shape[1], columns.shape[1], dtype=torch.float64)
    penalty[: len(energy), : len(energy)] = 0.02 * energy * torch.sign(energy.trace())
    for k in range(12):
        rest = torch.arange(36) % 12 != k
        a, b = root[rest, None] * columns[rest], root[rest] * target[rest]
        found = torch.linalg.solve(a.T @ a + penalty, a.T @ b)
        expected = spread * (target[k] - columns[k] @ found)
        assert float(fit._fit().left_out(torch.tensor([0.02]))[k, 0]) == pytest.approx(float(expected), rel=1e-6, abs=1e-9)


def test_other_derivatives_and_means_are_met() -> None:
    x = np.linspace(0, 1, 8)
    also = [
        Data(torch.tensor([[0.5]]), torch.tensor([-36 * np.sin(3.0)]), of=lambda u: u.d("xx"), name="curvature"),
        Mean((1 - np.cos(3.0)) / 3, where=Interval(x=(0, 0.5))),
    ]
    fit, plain = rbfnet.fit(x, np.sin(6 * x), also=also, smoothing=0), rbfnet.fit(x, np.sin(6 * x), kernel="quintic", smoothing=0)
    assert fit.predict([0.5], "u_xx")[0] == pytest.approx(-36 * np.sin(3.0), abs=1e-6)
    nodes, weights = np.polynomial.legendre.leggauss(30)
    assert fit.predict(0.25 + 0.25 * nodes) @ weights / 2 == pytest.approx((1 - np.cos(3.0)) / 3, abs=1e-6)
    assert fit.std([0.5], "u_xx")[0] < plain.std([0.5], "u_xx")[0] / 2


def test_means_over_cells_alone_determine_a_density() -> None:
    """Twelve bins and one value."""
    edges = np.linspace(0, 1, 13)
    means = np.diff(np.sin(4 * edges)) / np.diff(edges)
    cells = [Mean(float(m), where=Interval(x=(a, b)), name=f"bin {a}") for m, a, b in zip(means, edges, edges[1:], strict=False)]
    fit = rbfnet.fit([0.0, 1.0], [4.0, 4 * np.cos(4.0)], also=cells, smoothing=0)
    fine = np.linspace(0, 1, 100)
    np.testing.assert_allclose(fit.predict(fine), 4 * np.cos(4 * fine), atol=0.02)


def test_several_outputs_complex_values_and_held_out_rows() -> None:
    both = np.stack([wave(X), 2 * X[:, 0]], axis=1)
    jacobian = np.stack([slopes(X), np.tile([2.0, 0.0], (25, 1))], axis=1)
    fit = rbfnet.fit(X, both, gradients=jacobian, test=5)
    assert fit.summary["errors_by"] == "held-out rows" and fit.errors is not None and fit.errors["rel_std"] < 0.15
    turned = rbfnet.fit(X, both @ [1, 1j], gradients=jacobian[:, 0] + 1j * jacobian[:, 1])
    np.testing.assert_allclose(turned.predict(X), both @ [1, 1j], atol=1e-7)


Y = wave(X)
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"gradients": np.zeros((25, 3))}, r"gradients must be \(N, outputs, coordinates\)"),
    ({"gradients": np.full((25, 2), np.nan)}, "gradients must be finite, but row 0"),
    ({"gradients": slopes(X), "kernel": "thin_plate_spline"}, "need a kernel with 2 continuous derivatives"),
    ({"gradients": slopes(X), "gradient_noise": 0.1}, "noise for both, or for none"),
    ({"gradient_noise": 0.1}, "which are not given"),
    ({"noise": -1.0}, "noise must be"),
    ({"gradients": slopes(X), "smoothing": np.ones(25)}, "takes a smoothing that is a number or 'auto'"),
    ({"also": [Data(torch.zeros(1, 3), torch.zeros(1), of="u_x")]}, "points with 2 coordinates"),
    ({"also": [Data(torch.zeros(1, 2), torch.zeros(1), of="u_q", name="slope")]}, "q"),
    ({"also": [Data(torch.zeros(1, 2), torch.zeros(1, 2), of="u_x", name="slope")]}, "2 columns of values for 1 quantities"),
    ({"also": [Data(torch.zeros(1, 2), torch.zeros(1), of=lambda u: u * u.d("x"), name="product")]}, "linear"),
    ({"also": [Mean(0.0)]}, "no volume"),
]


@pytest.mark.parametrize(("options", "words"), WRONG)
def test_what_does_not_work_is_said_in_a_sentence(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        rbfnet.fit(X, Y, **options)


def test_what_is_measured_is_said_once() -> None:
    with pytest.raises(InputError, match="remove outputs"):
        Data(torch.zeros(1, 2), torch.zeros(1), of="u_x", outputs=["u"])
    with pytest.raises(InputError, match="positive"):
        Mean(0.0, where=Box(x=(0, 1), y=(0, 1)), noise=0.0)
    assert Interior(lambda u: u.d("x")).noise(0) is None
