"""Coverage: the line counts, and the band is the binomial one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.collections import PolyCollection

from rbfnet.errors import InputError
from rbfnet.plots import coverage


def observed(ax: Any) -> np.ndarray:
    return np.asarray(ax.lines[-1].get_xydata())


def test_the_line_counts_truths_inside_the_bars() -> None:
    random = np.random.default_rng(3)
    truth, mean, deviation = random.normal(size=(7, 9)), random.normal(size=(7, 9)), random.uniform(0.5, 2.0, size=(7, 9))
    for level, share in observed(coverage(truth, mean, deviation)):
        # A normal number is within z standard deviations with probability erf(z / sqrt(2)).
        inside = [
            math.erf(abs(t - m) / s / math.sqrt(2)) <= level
            for t, m, s in zip(truth.flat, mean.flat, deviation.flat, strict=True)
        ]
        assert share == pytest.approx(sum(inside) / 63, abs=1e-12)


def test_levels_can_be_chosen_and_tensors_given() -> None:
    truth = torch.tensor([0.0, 0.5, 1.5, 2.5])
    line = observed(coverage(truth, torch.zeros(4), torch.ones(4), levels=[0.9545, 0.6827]))
    assert np.allclose(line, [[0.6827, 0.5], [0.9545, 0.75]])


def test_the_band_holds_the_shares_of_right_bars() -> None:
    n = 40
    ax = coverage(np.zeros(n), np.zeros(n), np.ones(n), levels=[0.3, 0.8])
    (band,) = [c for c in ax.collections if isinstance(c, PolyCollection)]
    corners = np.asarray(band.get_paths()[0].vertices)
    for level in (0.3, 0.8):
        ends = corners[np.isclose(corners[:, 0], level), 1]
        low, high = round(ends.min() * n), round(ends.max() * n)
        chances = [math.comb(n, k) * level**k * (1 - level) ** (n - k) for k in range(n + 1)]
        # At most 2.5 % lie below and above, and one more on either side would be too many.
        assert sum(chances[:low]) <= 0.025 < sum(chances[: low + 1])
        assert sum(chances[high + 1 :]) <= 0.025 < sum(chances[high:])


def test_bars_too_short_are_below_the_band() -> None:
    truth = np.random.default_rng(0).normal(size=500)
    short = observed(coverage(truth, np.zeros(500), np.full(500, 0.5)))
    assert (short[:, 1] < short[:, 0]).all()
    right = observed(coverage(truth, np.zeros(500), np.ones(500)))
    assert np.abs(right[:, 1] - right[:, 0]).max() < 0.07


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (([1.0, 2.0], [1.0], [1.0]), "must have one shape and at least one number, but got truths (2,), means (1,)"),
        (([], [], []), "at least one number"),
        (([1.0], [1.0], [0.0]), "standard_deviations must be positive, but the smallest is 0"),
        (([np.nan], [1.0], [1.0]), "truths must be finite, but has 1 values that are not"),
        ((["a"], [1.0], [1.0]), "truths must be an array of numbers, but got ['a']"),
    ],
)
def test_wrong_input_is_refused(given: tuple[Any, ...], sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        coverage(*given)
    assert sentence in str(caught.value)


@pytest.mark.parametrize("levels", [[95.0], [0.0], []])
def test_levels_are_shares(levels: list[float]) -> None:
    with pytest.raises(InputError, match="levels must be between 0 and 1"):
        coverage([1.0], [1.0], [1.0], levels=levels)
