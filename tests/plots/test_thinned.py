"""Figures of many points draw some of them."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

import rbfnet


def test_of_many_points_evenly_spread_ones_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(0).random((300, 2))
    solution = rbfnet.fit(x, x[:, 0] ** 2, network="local", neighbors=20)
    monkeypatch.setattr("rbfnet.plots._drawable.DRAWN", 100)
    for draw in (rbfnet.plots.reference, rbfnet.plots.error, rbfnet.plots.centers):
        ax = draw(solution)
        (dots,) = ax.collections
        assert np.shape(dots.get_offsets())[0] == 100
        plt.close("all")
    assert rbfnet.plots.centers(solution).get_title() == "300 centres"
