"""Data that used to be fitted wrongly without a word."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest
import torch
from scipy.interpolate import RBFInterpolator

import rbfnet
from rbfnet.nn import RBFNetwork
from rbfnet.nn.wrappers._wrapper import innermost

RNG = np.random.default_rng


def network_of(model: Any) -> RBFNetwork:
    return cast(RBFNetwork, innermost(model))


def franke(p: np.ndarray) -> np.ndarray:
    x, y = 9 * p[:, 0], 9 * p[:, 1]
    return (
        0.75 * np.exp(-((x - 2) ** 2 + (y - 2) ** 2) / 4)
        + 0.75 * np.exp(-((x + 1) ** 2) / 49 - (y + 1) / 10)
        + 0.5 * np.exp(-((x - 7) ** 2 + (y - 3) ** 2) / 4)
        - 0.2 * np.exp(-((x - 4) ** 2) - (y - 7) ** 2)
    )


def rmse(solution: rbfnet.Solution, new: np.ndarray) -> float:
    return float(np.sqrt(np.mean((solution.predict(new) - franke(new)) ** 2)))


@pytest.mark.parametrize("smoothing", ["auto", 0, 0.01])
def test_a_point_measured_twice_is_one_site(smoothing: float | str) -> None:
    x, z = np.array([0, 1, 1, 2, 3, 4, 5.0]), np.array([0, 0.8, 0.9, 0.9, 0.1, -0.8, -1])
    solution = rbfnet.fit(x, z, smoothing=smoothing)
    assert np.abs(solution.predict(np.linspace(0, 5, 51))).max() < 2
    assert solution.summary["words"][0] == "7 rows at 6 sites; repeated points were averaged."


@pytest.mark.parametrize("apart", [0.0, 1e-15, 1e-12, 1e-10, 1e-8])
@pytest.mark.parametrize("smoothing", ["auto", 0])
def test_points_that_nearly_coincide_do_no_harm(apart: float, smoothing: float | str) -> None:
    p, new = RNG(0).random((200, 2)), RNG(1).random((1000, 2))
    clean = rmse(rbfnet.fit(p, franke(p), smoothing=smoothing), new)
    twice, values = np.r_[p, p[:1] + apart], np.r_[franke(p), franke(p[:1]) + 1e-6]
    assert rmse(rbfnet.fit(twice, values, smoothing=smoothing), new) < 1.1 * clean


def test_repeats_are_smoothed_as_scipy_smooths_the_rows_themselves() -> None:
    p = np.repeat(RNG(0).random((40, 2)), 3, axis=0)
    y = franke(p) + 0.05 * RNG(1).normal(size=120)
    solution = rbfnet.fit(p, y, smoothing=0.1)
    shift, scale, new = p.mean(axis=0), p.std(axis=0), RNG(2).random((50, 2))
    network = network_of(solution.model)
    theirs = RBFInterpolator((p - shift) / scale, y - y.mean(), smoothing=0.1, epsilon=float(network.epsilon.detach()))(
        (new - shift) / scale
    )
    np.testing.assert_allclose(solution.predict(new) - y.mean(), theirs, atol=1e-8)


@pytest.mark.parametrize(
    "options", [{}, {"num_centers": 6}, {"num_centers": 6, "smoothing": 0}, {"num_centers": 6, "smoothing": 0.1}]
)
def test_the_moment_conditions_hold_in_every_route(options: dict[str, float]) -> None:
    p = RNG(0).random((60, 2))
    model = rbfnet.fit(p, franke(p), **options).model  # type: ignore[arg-type]
    network = network_of(model)
    moments = (network.moments().T @ network.coefficients).detach()
    assert float(moments.abs().max()) < 1e-9 * max(1.0, float(network.weight.detach().abs().max()))


def test_leaving_a_site_out_is_what_fitting_without_it_gives() -> None:
    """Ridge by normal equations, for each site in turn."""
    x = np.linspace(0, 1, 30)
    y = np.sin(6 * x) + 0.1 * RNG(0).normal(size=30)
    solution = rbfnet.fit(x, y, kernel="gaussian", epsilon=2.0, num_centers=8, smoothing=0.01)
    z, centers = (x - x.mean()) / x.std(), network_of(solution.model).centers.detach().numpy()[:, 0]
    a, k = (np.exp(-((2 * (u[:, None] - centers)) ** 2)) for u in (z, centers))
    target, missed = y - y.mean(), []
    for i in range(30):
        others = np.arange(30) != i
        w = np.linalg.solve(a[others].T @ a[others] + 0.01 * k, a[others].T @ target[others])
        missed.append(a[i] @ w - target[i])
    assert solution.errors is not None
    assert solution.errors["rmse"] == pytest.approx(float(np.sqrt(np.mean(np.square(missed)))), rel=1e-6)


def test_as_many_centres_as_rows_are_no_worse_than_half_of_them() -> None:
    p, new = RNG(0).random((300, 2)), RNG(1).random((1000, 2))
    full, half = (rmse(rbfnet.fit(p, franke(p), kernel="gaussian", num_centers=n, centers="halton"), new) for n in (300, 150))
    assert full < half


def test_a_step_is_not_overshot() -> None:
    x = np.linspace(-1, 1, 400)
    values = rbfnet.fit(x, (x > 0).astype(float), kernel="gaussian", num_centers=200).predict(np.linspace(-1, 1, 2001))
    assert -0.2 < values.min() and values.max() < 1.2


def test_complex_values_come_back_complex() -> None:
    x = RNG(0).random((60, 2))
    y = x[:, 0] + 1j * x[:, 1]
    np.testing.assert_allclose(rbfnet.fit(x, y, smoothing=0).predict(x), y, atol=1e-9)


def test_masked_rows_are_left_out_and_told() -> None:
    x = np.linspace(0, 1, 50)
    y = np.ma.masked_equal(np.where(np.arange(50) % 7 == 0, -9999.0, x**2), -9999.0)
    solution = rbfnet.fit(x, y, smoothing=0)
    assert solution.summary["words"][0] == "8 of 50 rows are masked and were left out."
    np.testing.assert_allclose(solution.predict(x), x**2, atol=1e-2)


def test_a_network_answers_an_array_with_a_sentence_and_takes_a_vector_of_points() -> None:
    model = rbfnet.fit(np.linspace(0, 1, 20), np.linspace(0, 1, 20)).model
    with pytest.raises(ValueError, match="A network takes a tensor of points"):
        model(np.zeros((3, 1)))
    assert model(torch.rand(5, dtype=torch.float64)).shape == (5, 1)


def test_numbers_of_numpys_are_numbers() -> None:
    x = RNG(0).random((40, 2))
    given: Any = {"num_centers": np.int64(10), "epsilon": np.float64(1.0), "test": np.int64(5), "seed": np.int64(3)}
    solution = rbfnet.fit(x, x[:, 0], kernel="gaussian", **given)
    assert solution.summary["errors_by"] == "held-out rows"
