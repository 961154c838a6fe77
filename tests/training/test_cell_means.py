"""Fits to means over cells alone, against closed forms and dense algebra."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

import rbfnet
from rbfnet.domains import Disc, Domain, Interval, Rectangle
from rbfnet.errors import InputError
from rbfnet.problems import Data

EDGES = np.linspace(0, 1, 13)
BINS = [Interval(x=(a, b)) for a, b in pairwise(EDGES)]
MEANS = np.diff(np.sin(4 * EDGES)) / np.diff(EDGES)
FINE = np.linspace(0, 1, 100)
NODES, WEIGHTS = np.polynomial.legendre.leggauss(30)


def mean(fit: rbfnet.Solution, a: float, b: float) -> float:
    """That of a fit over an interval, by another quadrature."""
    return float(fit.predict((a + b) / 2 + (b - a) / 2 * NODES) @ WEIGHTS / 2)


@pytest.mark.parametrize(("kernel", "error"), [(None, 0.3), ("quintic", 0.02), ("gaussian", 1e-4)])
def test_the_means_are_met_and_the_density_is_found(kernel: str | None, error: float) -> None:
    fit = rbfnet.fit(BINS, MEANS, kernel=kernel, smoothing=0)
    assert fit.verdict == "solved" and fit.num_centers == 12 and fit.names.coords == ("x",)
    np.testing.assert_allclose([mean(fit, *bins) for bins in pairwise(EDGES)], MEANS, atol=1e-4)
    assert abs(fit.predict(FINE) - 4 * np.cos(4 * FINE)).max() < error


def test_bounds_and_a_value_beside_the_means() -> None:
    also = [Data(torch.tensor([[0.5]]), torch.tensor([4 * math.cos(2)]), name="value", of="u")]
    fit = rbfnet.fit(BINS, MEANS, also=also, bounds="u >= -3.99", smoothing=0, allow_unsolved=True)
    assert fit.predict([0.5])[0] == pytest.approx(4 * math.cos(2), abs=5e-3) and fit.predict(FINE).min() > -3.991


def test_it_is_the_mean_of_a_process_given_the_means() -> None:
    """With the averages of the kernel in closed form; the fit has point kernels, which is close."""
    epsilon, strength = 1.0, 1e-2
    noisy = MEANS + 0.1 * np.random.default_rng(0).standard_normal(12)
    fit = rbfnet.fit(BINS, noisy, kernel="gaussian", epsilon=epsilon, degree=-1, scale="none", smoothing=strength)
    points = (EDGES[:-1, None] + EDGES[1:, None]) / 2 + np.diff(EDGES)[:, None] / 2 * NODES

    def phi(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.exp(-(epsilon**2) * (a[:, None] - b) ** 2)

    one = np.array([phi(FINE, row) @ WEIGHTS / 2 for row in points]).T
    both = np.array([[WEIGHTS @ phi(a, b) @ WEIGHTS / 4 for b in points] for a in points])
    inverse = np.linalg.inv(both + strength * np.eye(12))
    wanted = noisy.mean() + one @ inverse @ (noisy - noisy.mean())
    np.testing.assert_allclose(fit.predict(FINE), wanted, atol=5e-3)
    bars = np.sqrt(1 - np.einsum("ij,jk,ik->i", one, inverse, one))
    ratio = fit.std(FINE) / bars
    np.testing.assert_allclose(ratio, ratio.mean(), rtol=0.05)


def test_left_out_errors_are_those_of_fits_without_the_cell() -> None:
    """With a constant in the model, so that it does not matter which mean is subtracted."""
    centers = torch.linspace(0, 1, 9, dtype=torch.float64)[:, None]
    options: dict[str, Any] = {"kernel": "gaussian", "epsilon": 2.0, "degree": 0, "scale": "none", "smoothing": 1e-3}
    options |= {"centers": centers, "num_centers": 9}
    fit, rest = rbfnet.fit(BINS, MEANS, **options), [k for k in range(12) if k != 5]
    part = rbfnet.fit([BINS[k] for k in rest], MEANS[rest], **options)
    assert fit.left_out is not None and fit.summary["errors_by"] == "leave-one-out"
    assert float(fit.left_out[5, 0]) == pytest.approx(mean(part, EDGES[5], EDGES[6]) - MEANS[5], rel=1e-5)


def test_cells_of_any_shape() -> None:
    edges = np.linspace(0, 1, 6)
    pairs = [*pairwise(edges)]
    cells: list[Domain] = [Rectangle(x=a, y=b) for a in pairs for b in pairs]
    means = [
        (math.cos(3 * a) - math.cos(3 * b)) / 3 / (b - a) * (math.sin(2 * d) - math.sin(2 * c)) / 2 / (d - c)
        for a, b in pairs
        for c, d in pairs
    ]
    fit = rbfnet.fit(cells, means, kernel="gaussian")
    fresh = np.random.default_rng(0).random((200, 2))
    assert abs(fit.predict(fresh) - np.sin(3 * fresh[:, 0]) * np.cos(2 * fresh[:, 1])).max() < 5e-3
    quarter = Disc(center=(0.5, 0.5), radius=0.4)
    x, weights = quarter.quadrature(2000)
    value = float(fit.predict(x) @ weights / weights.sum())
    again = rbfnet.fit([*cells, quarter], [*means, value + 0.1], kernel="gaussian", smoothing=0, allow_unsolved=True)
    assert float(again.predict(x) @ weights / weights.sum()) == pytest.approx(value + 0.1, abs=2e-3)


def test_cells_inside_each_other() -> None:
    ends = [(0.0, 1.0), (0.25, 0.75), (0.4, 0.6), (0.0, 0.2)]
    fit = rbfnet.fit([Interval(x=pair) for pair in ends], [1.0, 2.0, 3.0, 0.5], kernel="cubic", smoothing=0, allow_unsolved=True)
    np.testing.assert_allclose([mean(fit, *pair) for pair in ends], [1, 2, 3, 0.5], atol=0.02)


def test_what_does_not_work_is_said_in_a_sentence() -> None:
    wrong: list[tuple[list[Any], dict[str, Any], str]] = [
        ([*BINS[:11], 3.0], {}, "Cells must be domains with the same coordinates"),
        ([*BINS[:11], Interval(t=(0, 1))], {}, "Cells must be domains with the same coordinates"),
        (BINS[:11], {}, "one row per point"),
        (BINS, {"test": 3}, "means over cells cannot be held out"),
        (BINS, {"network": "local"}, "takes values at points only"),
    ]
    for cells, options, words in wrong:
        with pytest.raises(InputError, match=words):
            rbfnet.fit(cells, MEANS, **options)
