"""The frames of a slider are the solution at its places."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest

import rbfnet
from rbfnet.domains import Disc, SpaceTime
from rbfnet.interactive import slide
from rbfnet.problems import Dirichlet, Heat, Interior, Poisson

pytest.importorskip("ipywidgets")


@pytest.fixture(scope="module")
def heat() -> rbfnet.Solution:
    return rbfnet.solve(Heat(), num_centers=100, solver="least_squares", allow_unsolved=True)


def test_profiles_over_time(heat: rbfnet.Solution) -> None:
    widget = slide(heat, frames=11)
    assert widget.slider.description == "t"
    before = widget.image.value
    ends = widget.axes.get_ylim()
    widget.slider.index = 4
    end = float(heat.problem.domain.box[1, 1])
    assert widget.slider.value == pytest.approx(0.4 * end) and widget.image.value != before
    x, y = np.asarray(widget.axes.lines[0].get_xydata()).T
    assert np.array_equal(y, heat.predict(np.stack([x, np.full_like(x, widget.slider.value)], axis=1)))
    assert (
        widget.axes.get_ylim() == ends and ends[0] < min(map(np.min, widget.frames)) <= max(map(np.max, widget.frames)) < ends[1]
    )


class Swelling(rbfnet.Problem):
    """u = t (1 - x^2 - y^2), up to values at the edge of the disc."""

    domain = SpaceTime(Disc((0, 0), 1.0), t=(0, 2))

    def conditions(self) -> Any:
        yield Interior(lambda u: u.laplacian() + 4 * u.t)
        yield Dirichlet(0.0)


def test_maps_over_time_keep_their_colours() -> None:
    solution = rbfnet.solve(Swelling(), num_centers=150, solver="least_squares", allow_unsolved=True)
    widget = slide(solution, frames=5)
    widget.slider.index = 3
    image = np.asarray(widget.artist.get_array())
    places = np.linspace(-1, 1, 101)
    x, y = np.meshgrid(places, places)
    expected = np.where(x**2 + y**2 <= 1 + 1e-9, 1.5 * (1 - x**2 - y**2), np.nan)
    assert np.array_equal(np.isnan(image), np.isnan(expected)) and np.nanmax(np.abs(image - expected)) < 1e-3
    # Those of the last time, at which it is largest.
    assert widget.artist.get_clim() == pytest.approx((0.0, 2.0), abs=1e-3)
    assert "t = 1.5" in widget.axes.get_title() and widget.axes.get_aspect() == 1.0


def test_any_coordinate_and_expression(heat: rbfnet.Solution) -> None:
    widget = slide(heat, "x", "u_t", frames=3)
    widget.slider.index = 1
    t, slope = np.asarray(widget.axes.lines[0].get_xydata()).T
    h = 1e-4
    x = np.full_like(t, widget.slider.value)
    expected = (heat.predict(np.stack([x, t + h], 1)) - heat.predict(np.stack([x, t - h], 1))) / (2 * h)
    assert np.allclose(slope, expected, atol=1e-4 * np.abs(expected).max())
    assert widget.axes.get_xlabel() == "t" and widget.axes.get_ylabel() == "u_t"


def test_the_rest_is_held() -> None:
    x = np.random.default_rng(0).random((200, 4))
    solution = rbfnet.fit(x, x @ [1.0, 2.0, 3.0, 4.0], coords=["a", "b", "c", "d"])
    widget = slide(solution, "a", frames=2, at={"d": 0.25})
    corner = [x[:, 0].min(), x[:, 1].min(), x[:, 2].min(), 0.25]
    assert widget.frames[0][0, 0] == pytest.approx(np.dot(corner, [1.0, 2.0, 3.0, 4.0]))
    assert widget.axes.get_title() == f"a = {corner[0]:.4g}, d = 0.25"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"coord": "z"}, "There is no coordinate 'z'"),
        ({"frames": 1}, "frames must be at least 2, but got 1"),
        ({"at": {"x": 0.5}}, "There is no coordinate to hold 'x'"),
        ({"what": "w"}, "'w'|w is"),
    ],
)
def test_wrong_input_is_one_sentence(heat: rbfnet.Solution, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(rbfnet.InputError, match=sentence):
        slide(heat, **options)


def test_what_cannot_be_slid_along() -> None:
    x = np.linspace(0, 1, 9)
    with pytest.raises(rbfnet.InputError, match="slide needs two coordinates or more, but the solution has only x"):
        slide(rbfnet.fit(x, x, coords=["x"]))
    with pytest.raises(rbfnet.InputError, match="solution of slide must be a Solution, but got Poisson"):
        slide(cast(Any, Poisson()))
