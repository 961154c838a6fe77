"""The style ends with its block; colour bars; lines that differ in grey."""

from __future__ import annotations

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from rbfnet.plots import style, values


def test_the_style_ends_with_its_block() -> None:
    before = mpl.rcParams["font.size"], mpl.rcParams["figure.figsize"]
    with style():
        assert mpl.rcParams["figure.figsize"] == [5.2, 4.2]
    assert (mpl.rcParams["font.size"], mpl.rcParams["figure.figsize"]) == before


def test_lines_differ_in_grey() -> None:
    with style():
        cycle = mpl.rcParams["axes.prop_cycle"].by_key()
    assert len(set(map(str, cycle["linestyle"]))) == len(cycle["color"]) == 7
    assert set(cycle["color"]) <= {"#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"}


@pytest.mark.parametrize("equal", [False, True])
def test_colour_bars_are_as_high_as_their_axes(equal: bool) -> None:
    grid = np.stack([a.ravel() for a in np.meshgrid(np.linspace(0, 4, 9), np.linspace(0, 1, 5))], axis=1)
    with style():
        ax = values(grid, grid[:, 0], ("x", "y"), equal=equal)
    ax.figure.canvas.draw()
    (bar,) = ax.child_axes
    map_box, bar_box = ax.get_window_extent(), bar.get_window_extent()
    assert (bar_box.y0, bar_box.y1) == pytest.approx((map_box.y0, map_box.y1), abs=0.5)
    plt.close("all")
