"""Fits with bounds, against general-purpose optimisers and what is known of the solution."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import isotonic_regression, minimize

import rbfnet
from rbfnet.errors import InputError
from rbfnet.solvers.algebra import least_distance

RNG = np.random.default_rng(0)
X = np.linspace(0, 1, 25)
NOISE = 0.05 * RNG.standard_normal(25)
FINE = np.linspace(0, 1, 777)


def test_a_shortest_vector_is_that_of_a_general_optimiser() -> None:
    rows, least = RNG.standard_normal((30, 8)), RNG.standard_normal(30) - 1.5
    found = least_distance(torch.tensor(rows), torch.tensor(least)).numpy()
    other = minimize(
        lambda p: p @ p / 2, np.zeros(8), jac=lambda p: p, method="SLSQP", options={"ftol": 1e-14},
        constraints={"type": "ineq", "fun": lambda p: rows @ p - least, "jac": lambda p: rows},
    )  # fmt: skip
    assert other.success and np.linalg.norm(found) > 0.1
    np.testing.assert_allclose(found, other.x, atol=1e-6)


@pytest.mark.parametrize(
    ("bound", "y", "what", "low", "high"),
    [
        ("u >= 0", np.maximum(0, np.sin(7 * X)), "u", 0.0, np.inf),
        ("0.1 <= u <= 0.8", np.maximum(0, np.sin(7 * X)), "u", 0.1, 0.8),
        ("u_x <= 0", -(X**9), "u_x", -np.inf, 0.0),
        ("convex", abs(X - 0.4), "u_xx", 0.0, np.inf),
    ],
)
def test_bounds_hold_where_the_fit_without_them_breaks_them(
    bound: str, y: np.ndarray, what: str, low: float, high: float
) -> None:
    options: dict[str, Any] = {"kernel": "quintic", "smoothing": 1e-3, "coords": ["x"]}
    held, free = rbfnet.fit(X, y + NOISE, bounds=bound, **options), rbfnet.fit(X, y + NOISE, **options)

    def broken(fit: Any) -> float:
        values = fit.predict(FINE, what)
        return float(max(0.0, low - values.min(), values.max() - high))

    assert broken(free) > 1e-2 and broken(held) < 0.02 * broken(free)
    assert "is held at 500 points" in held.summary["words"][-1]
    # The least change: the data are missed by more, but hardly.
    missed = [np.sqrt(np.mean((fit.predict(X) - y - NOISE) ** 2)) for fit in (held, free)]
    inevitable = np.clip(y + NOISE, low, high) - y - NOISE if what == "u" else 0 * y
    assert missed[1] <= missed[0] < 3 * missed[1] + 0.05 + np.sqrt(np.mean(inevitable**2))


def test_a_monotone_interpolant_of_noise_comes_close_to_isotonic_regression() -> None:
    """Weakly penalised, the monotone fit at the points is the one of least squares."""
    y = X + 4 * NOISE
    fit = rbfnet.fit(X, y, kernel="cubic", smoothing=1e-7, bounds="u_x >= 0", coords=["x"])
    best = isotonic_regression(y).x
    assert np.sqrt(np.mean((fit.predict(X) - best) ** 2)) < 0.3 * np.sqrt(np.mean((best - y) ** 2))


def test_in_the_plane() -> None:
    x = RNG.random((40, 2))
    y = np.maximum(0, x.sum(axis=1) - 1) + 0.05 * RNG.standard_normal(40)
    fit = rbfnet.fit(x, y, kernel="quintic", smoothing=1e-3, bounds=["u >= 0", "u_x >= 0"])
    assert min(fit.predict(x).min(), fit.predict(x, "u_x").min()) > -1e-6


def test_bars_are_those_without_bounds_and_no_less_than_those_with_them() -> None:
    """The process restricted to functions that are positive, by rejection."""
    x, fine = np.linspace(0, 1, 9), np.linspace(0, 1, 25)
    y, strength = np.array([0.4, 0.1, 0.05, 0.02, 0.0, 0.03, 0.1, 0.3, 0.6]), 0.05
    options: dict[str, Any] = {"kernel": "gaussian", "epsilon": 1.0, "degree": -1, "smoothing": strength}
    held, free = rbfnet.fit(x, y, bounds="u >= 0", **options), rbfnet.fit(x, y, **options)
    bars = held.std(fine)
    np.testing.assert_allclose(bars, free.std(fine), rtol=1e-2)

    def phi(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.exp(-(((a[:, None] - b) / x.std()) ** 2))

    gain = phi(fine, x) @ np.linalg.inv(phi(x, x) + strength * np.eye(9))
    covariance = phi(fine, fine) - gain @ phi(x, fine)
    size = np.mean(free.std(fine) ** 2) / np.mean(np.diag(covariance))
    drawn = np.random.default_rng(1).multivariate_normal(y.mean() + gain @ (y - y.mean()), size * covariance, 20_000)
    kept = drawn[(drawn >= 0).all(axis=1)]
    assert 200 < len(kept) < 19_000 and (kept.std(axis=0) < bars * (1 + 3 / np.sqrt(len(kept)))).all()


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ("u", "must be a text such as"),
        (3, "bounds must be texts"),
        ("u*u >= 1", "not linear"),
        (["u >= 1", "u <= 0"], "contradict|could not be met"),
    ],
)
def test_what_does_not_work_is_said_in_a_sentence(bounds: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        rbfnet.fit(X, NOISE, bounds=bounds)
