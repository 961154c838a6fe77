"""Fits with known equations, against closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rbfnet
from rbfnet.domains import Interval
from rbfnet.errors import InputError

FINE = np.linspace(0, 6, 50)
GRID = np.stack(np.meshgrid(np.linspace(0, 1, 21), np.linspace(0, 1, 21)), axis=-1).reshape(-1, 2)


def heat(x: np.ndarray) -> np.ndarray:
    """Solves u_t = 0.1 u_xx."""
    k = np.pi * np.array([1, 2])
    waves: np.ndarray = np.exp(-0.1 * k**2 * x[:, 1:]) * np.sin(k * x[:, :1]) @ np.array([1, 0.5])
    return waves


@pytest.mark.filterwarnings("ignore:.* points are outside of the data")
@pytest.mark.parametrize("seed", [2, pytest.param(0, marks=pytest.mark.slow), pytest.param(1, marks=pytest.mark.slow)])
def test_the_heat_equation_lowers_the_error_of_noisy_values(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.random((30, 2))
    y = heat(x) + 0.05 * rng.standard_normal(30)
    options: dict[str, Any] = {"coords": ["x", "t"], "kernel": "gaussian"}
    known, alone = rbfnet.fit(x, y, equation="u_t = 0.1*lap(u)", **options), rbfnet.fit(x, y, **options)
    errors = [np.sqrt(np.mean((fit.predict(GRID) - heat(GRID)) ** 2)) for fit in (known, alone)]
    assert errors[0] < 0.8 * errors[1] and errors[0] < 0.05
    residual, term = (known.predict(0.1 + 0.8 * GRID, what) for what in ("u_t - 0.1*u_xx", "u_t"))
    assert np.sqrt(np.mean(residual**2) / np.mean(term**2)) < 1e-3
    assert 0.6 < np.mean(abs(known.predict(GRID) - heat(GRID)) < 2 * known.std(GRID))


def test_the_fit_to_an_oscillation_is_linear_regression() -> None:
    """u'' = -u has the solutions a sin t + b cos t; with a weak prior, these and their error bars are those of regression."""
    rng = np.random.default_rng(0)
    t = np.sort(6 * rng.random(40))
    y = np.sin(t) + 0.1 * rng.standard_normal(40)
    known = rbfnet.fit(t, y, coords=["t"], equation=lambda u: u.d("tt") + u, domain=Interval(t=(0, 6)))
    waves, fine = np.stack([np.sin(t), np.cos(t)], axis=1), np.stack([np.sin(FINE), np.cos(FINE)], axis=1)
    found, square, *_ = np.linalg.lstsq(waves, y, rcond=None)
    bars = np.sqrt(float(square[0]) / 38 * np.sum(fine @ np.linalg.inv(waves.T @ waves) * fine, axis=1))
    np.testing.assert_allclose(known.predict(FINE), fine @ found, atol=0.1 * bars.min())
    np.testing.assert_allclose(known.std(FINE), bars, rtol=0.01)


def test_exact_values_at_few_points_continue_by_the_equation() -> None:
    t = np.array([0.3, 1.0, 2.1])
    known = rbfnet.fit(t, np.sin(t), coords=["t"], equation="u_tt = -u", domain=Interval(t=(0, 6)), smoothing=0)
    np.testing.assert_allclose(known.predict(FINE), np.sin(FINE), atol=1e-3)
    assert "imposed at 60 points" in " ".join(known.summary["words"])


def test_an_equation_with_noise_gives_way_to_the_values() -> None:
    t = np.linspace(0, 6, 25)
    options: dict[str, Any] = {"coords": ["t"], "equation": "u_tt = -2*u", "noise": 1e-3}
    missed = [
        abs(rbfnet.fit(t, np.sin(t), equation_noise=noise, **options).predict(FINE) - np.sin(FINE)).max() for noise in (1.0, 0.0)
    ]
    assert missed[0] < 0.02 and missed[1] > 0.2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"equation": 3}, "equation must be a text"),
        ({"equation": "lap(v) = 1"}, "There is no output 'v'"),
        ({"equation": "u_xx = u*u"}, "fit takes linear equations"),
        ({"equation": "u_xx = 1", "domain": "box"}, "domain must be one of rbfnet.domains"),
        ({"equation": "u_xx = 1", "equation_noise": 0.1}, "not that of the values"),
        ({"equation": "u_xx = 1", "equation_noise": -1}, "equation_noise must be zero or positive"),
        ({"equation": "u_xx = 1", "solver": "gauss_newton"}, "computed by least_squares"),
        ({"equation_noise": 0.1}, "which is not given"),
        ({"bounds": "u >= 0", "solver": "lbfgs"}, "computed by least_squares"),
    ],
)
def test_what_does_not_work_is_said_in_a_sentence(options: dict[str, Any], words: str) -> None:
    x = np.linspace(0, 1, 10)
    with pytest.raises(InputError, match=words):
        rbfnet.fit(x, x**2, coords=["x"], **options)


def test_coupled_outputs_are_refused() -> None:
    x = np.random.default_rng(0).random((10, 2))
    with pytest.raises(InputError, match="in the same way"):
        rbfnet.fit(x, x, outputs=["u", "v"], equation="u_x + v_y = 0")
