"""Gradients, bounds and equations of data on circles and the sphere, against a dense process, differences and closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import rbfnet
from rbfnet.problems import Data

RNG = np.random.default_rng(0)
TURN = np.pi / 12
"""A full turn is 24 hours."""

HOURS = 24 * RNG.random(12)
CLOCK: dict[str, Any] = {"coords": ["t"], "periodic": {"t": 24.0}}
GLOBE = np.stack([360 * RNG.random(40) - 180, np.degrees(np.arcsin(2 * RNG.random(40) - 1))], axis=1)
GLOBE[:2] = [[0, 90], [10, -90]]
EARTH: dict[str, Any] = {"coords": ["lon", "lat"], "sphere": ("lon", "lat")}
FINE = np.linspace(-24, 48, 200)


def daily(t: np.ndarray) -> np.ndarray:
    return np.asarray(np.exp(np.sin(TURN * t)))


def rate(t: np.ndarray) -> np.ndarray:
    return np.asarray(TURN * np.cos(TURN * t) * daily(t))


def global_field(x: np.ndarray) -> np.ndarray:
    lon, lat = np.radians(x).T
    return np.asarray(np.exp(np.cos(lat) * np.cos(lon)) * np.sin(lat) + np.cos(lat) * np.sin(lon))


def by_degrees(x: np.ndarray, h: float = 1e-4) -> np.ndarray:
    """The derivatives along longitude and latitude, by differences."""
    return np.stack([(global_field(x + d) - global_field(x - d)) / (2 * h) for d in h * np.eye(2)], axis=1)


def test_slopes_on_a_circle_are_those_of_a_process_with_the_kernel_of_the_chord() -> None:
    """Its covariance c(d) = exp(-2 (e R / s)^2 (1 - cos(d / R))) of a difference d of hours, differentiated by hand."""
    noise, slope_noise, strength, epsilon = 0.02, 0.01, 1e-2, 0.7
    y, g = daily(HOURS) + noise * RNG.standard_normal(12), rate(HOURS) + slope_noise * RNG.standard_normal(12)
    fit = rbfnet.fit(
        HOURS,
        y,
        gradients=g,
        noise=noise,
        gradient_noise=slope_noise,
        smoothing=strength,
        kernel="gaussian",
        epsilon=epsilon,
        degree=-1,
        scale=[1 / TURN],
        **CLOCK,
    )

    def covariance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        c, d = 2 * epsilon**2, TURN * (a[:, None] - b)
        k = np.exp(-c * (1 - np.cos(d)))
        first, second = -c * np.sin(d) * k, (c**2 * np.sin(d) ** 2 - c * np.cos(d)) * k
        return np.block([[k, -TURN * first], [TURN * first, -(TURN**2) * second]])

    relative = strength * (slope_noise / noise) ** 2
    inverse = np.linalg.inv(covariance(HOURS, HOURS) + np.diag(np.repeat([strength, relative], 12)))
    row = covariance(FINE, HOURS)[:200]
    mean = y.mean() + row @ inverse @ np.concatenate([y - y.mean(), g])
    np.testing.assert_allclose(fit.predict(FINE), mean, atol=2e-4)
    unit = np.sqrt(1 - np.einsum("ij,jk,ik->i", row, inverse, row))
    ratio = fit.std(FINE) / unit
    np.testing.assert_allclose(ratio, ratio.mean(), rtol=1e-2)


@pytest.mark.parametrize("kernel", [None, "gaussian"])
def test_slopes_on_a_circle_are_met_and_lower_the_error(kernel: str | None) -> None:
    plain = rbfnet.fit(HOURS, daily(HOURS), kernel=kernel or "quintic", **CLOCK)
    fit = rbfnet.fit(HOURS, daily(HOURS), gradients=rate(HOURS), kernel=kernel, **CLOCK)
    np.testing.assert_allclose(fit.predict(HOURS, "u_t"), rate(HOURS), atol=1e-8)
    errors = [np.abs(one.predict(FINE) - daily(FINE)).max() for one in (fit, plain)]
    assert errors[0] < errors[1] / 4
    # A slope that was measured in another period is at the same site, and at another hour at one of its own.
    also = [Data(torch.from_numpy(HOURS[:, None] + 24), torch.from_numpy(rate(HOURS)), of="u_t", name="slope")]
    later = rbfnet.fit(HOURS + 5, daily(HOURS), also=also, kernel=kernel, coords=["t"], periodic={"t": 24.0})
    assert later.num_centers == 36
    same = rbfnet.fit(HOURS, daily(HOURS), also=also, kernel=kernel, **CLOCK)
    np.testing.assert_allclose(same.predict(FINE), fit.predict(FINE), atol=1e-5)


def test_slopes_on_the_sphere_are_met_at_the_poles_too() -> None:
    slopes = by_degrees(GLOBE)
    assert abs(slopes[:2, 0]).max() < 1e-9  # at a pole nothing changes with the longitude
    plain = rbfnet.fit(GLOBE, global_field(GLOBE), kernel="gaussian", **EARTH)
    fit = rbfnet.fit(GLOBE, global_field(GLOBE), gradients=slopes, kernel="gaussian", **EARTH)
    np.testing.assert_allclose(fit.predict(GLOBE, ["u_lon", "u_lat"]), slopes, atol=1e-7)
    fresh = np.stack([360 * RNG.random(300) - 180, np.degrees(np.arcsin(2 * RNG.random(300) - 1))], axis=1)
    errors = [np.sqrt(np.mean((one.predict(fresh) - global_field(fresh)) ** 2)) for one in (fit, plain)]
    assert errors[0] < errors[1] / 20
    seam = fit.predict(np.array([[-180.0, 20.0], [180.0, 20.0]]))
    assert seam[0] == pytest.approx(seam[1], abs=1e-12)


def test_bounds_hold_all_around() -> None:
    """Also in the gap between the last value and the first of the next day."""
    t = np.linspace(2, 20, 10)
    options: dict[str, Any] = {"kernel": "quintic", "smoothing": 0.0, **CLOCK}
    dip = np.where(t < 4, 0.02, np.where(t > 18, 0.01, 1.0))
    free, held = rbfnet.fit(t, dip, **options), rbfnet.fit(t, dip, bounds="u >= 0", **options)
    assert free.predict(FINE).min() < -0.05 and held.predict(FINE).min() > -1e-4


def test_an_equation_holds_all_around() -> None:
    """u'' = -(3 w)^2 u leaves a cosine and a sine: linear regression on these."""
    y = np.cos(3 * TURN * HOURS) + 0.1 * RNG.standard_normal(12)
    fit = rbfnet.fit(HOURS, y, equation=f"u_tt = {-((3 * TURN) ** 2)}*u", smoothing=1e-6, **CLOCK)
    basis = [np.stack([np.cos(3 * TURN * t), np.sin(3 * TURN * t)], axis=1) for t in (HOURS, FINE)]
    wanted = basis[1] @ np.linalg.lstsq(basis[0], y)[0]
    np.testing.assert_allclose(fit.predict(FINE), wanted, atol=2e-3)
