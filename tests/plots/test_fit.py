"""Fit, reference and error of a solution, and what they share."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cache
from types import MappingProxyType

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import LogNorm
from torch import Tensor

import rbfnet
from rbfnet.domains import Box, Interval, Rectangle, SpaceTime
from rbfnet.plots import error, fit, parity, reference
from rbfnet.plots._drawable import View, label, unit_of
from rbfnet.plots._error import scale_of
from rbfnet.problems import Condition, Data, Dirichlet, Interior
from rbfnet.training import Solution


class Plate(rbfnet.Problem):
    """u = x^2 y^2 on [0, 2] x [0, 1], metres and kelvins."""

    domain = Rectangle(x=(0, 2), y=(0, 1))
    outputs = ("T",)
    measured_in = MappingProxyType({"x": "m", "y": "m", "T": "K"})

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda u: u.laplacian() - 2 * u.x**2 - 2 * u.y**2)
        yield Dirichlet(lambda x, y: x**2 * y**2)

    def exact(self, x: Tensor, y: Tensor) -> Tensor:
        return x**2 * y**2


class Rod(rbfnet.Problem):
    """u = x^2 on [0, 1], with measured values of known noise."""

    domain = Interval(x=(0, 1))

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda u: u.d("xx") - 2.0)
        yield Dirichlet(lambda x: x**2)
        yield Data(torch.tensor([[0.25], [0.5]]).double(), torch.tensor([0.0625, 0.3]).double(), noise=0.05)

    def exact(self, x: Tensor) -> Tensor:
        return x**2


@cache
def plate() -> Solution:
    return rbfnet.solve(Plate, num_centers=60, dtype=torch.float64)


@cache
def scattered() -> Solution:
    x = np.random.default_rng(0).random((80, 3))
    return rbfnet.fit(x, x.sum(axis=1), test=20)


def image(ax: plt.Axes) -> np.ndarray:  # type: ignore[name-defined]
    return np.asarray(ax.collections[0].get_array())


def test_fit_reference_and_error_are_what_they_say() -> None:
    x, y = np.meshgrid(np.linspace(0, 2, 121), np.linspace(0, 1, 121))
    true = x**2 * y**2
    solution = plate()
    found = solution.predict(np.stack([x.ravel(), y.ravel()], axis=1))
    assert np.allclose(image(fit(solution)), found.reshape(x.shape), atol=1e-5)
    assert np.allclose(image(reference(solution)), true, atol=1e-14)
    wrong = image(error(solution))
    assert np.allclose(wrong, image(fit(solution)) - true, atol=1e-12) and 1e-8 < np.abs(wrong).max() < 1e-5


def test_fit_and_reference_have_one_scale() -> None:
    limits = [draw(plate()).collections[0].get_clim() for draw in (fit, reference)]
    assert limits[0] == limits[1] == pytest.approx((0.0, 4.0))


def test_the_error_ends_at_its_quantile() -> None:
    solution, ax = plate(), error(plate())
    wrong = np.abs(image(ax))
    low, high = ax.collections[0].get_clim()
    assert -low == high == pytest.approx(np.sort(wrong.ravel())[int(0.99 * (wrong.size - 1))], rel=1e-2)
    assert ax.collections[0].colorbar.extend == "both" and solution.errors is not None  # type: ignore[union-attr]
    assert ax.get_title() == f"plate: T\nrelative L2 error {solution.errors['rel_l2']:.1e}, {solution.verdict}"


def test_an_error_that_spans_decades_is_logarithmic() -> None:
    wrong = np.concatenate([np.full(90, 1e-6), np.full(10, -1e-2)])
    assert scale_of(wrong) == (pytest.approx(1e-2), True)  # type: ignore[comparison-overlap]
    assert scale_of(np.linspace(-1, 1, 999)) == (pytest.approx(0.99, rel=1e-2), False)  # type: ignore[comparison-overlap]
    assert scale_of(np.zeros(9)) == (1.0, False) and scale_of(np.full(3, math.nan)) == (1.0, False)
    solution = plate()

    class Off:
        model, problem, summary = solution.model, solution.problem, solution.summary

        def predict(self, points: Tensor, what: str, *, progress: bool = True) -> Tensor:
            return self.problem.exact(*points.T) - torch.where(points[:, 0] > 1.9, 1e-1, 1e-6)  # type: ignore[misc, operator]

    drawn = error(Off()).collections[0]  # type: ignore[arg-type]
    assert isinstance(drawn.norm, LogNorm) and drawn.get_clim() == pytest.approx((1e-5, 1e-1))
    assert np.asarray(drawn.get_array()).min() >= 1e-5


def test_axes_have_units_and_share_a_scale_only_where_they_share_a_unit() -> None:
    ax = fit(plate())
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_aspect()) == ("x [m]", "y [m]", 1.0)
    assert ax.collections[0].colorbar.ax.get_ylabel() == "T [K]"  # type: ignore[union-attr]

    class Mixed(Plate):
        measured_in = MappingProxyType({"x": "m", "y": "kg"})

    class Long(Plate):
        domain = Rectangle(x=(0, 9), y=(0, 1))

    assert View.of(Plate()).share_a_unit
    assert not View.of(Mixed()).share_a_unit and not View.of(Long()).share_a_unit


def test_units_may_stand_in_names() -> None:
    x = np.random.default_rng(0).random((20, 2))
    problem = rbfnet.fit(x, x[:, 0], coords=["depth [m]", "width (km)"], outputs=["$p$"]).problem
    assert [unit_of(problem, name) for name in (*problem.domain.coords, "$p$")] == ["m", "km", ""]
    assert label(problem, "depth [m]") == "depth [m]" and label(problem, "$p$") == r"\$p\$"
    assert not View.of(problem).share_a_unit


def test_time_is_horizontal_and_has_no_unit_of_space() -> None:
    problem = rbfnet.problems.Heat()
    view = View.of(problem)
    assert view.axes == ("t", "x") and not view.share_a_unit
    assert torch.equal(view.seen(torch.tensor([[1.0, 2.0]])), torch.tensor([[2.0, 1.0]]))


def test_of_many_coordinates_those_of_space_are_drawn_and_the_others_held() -> None:
    class Warm(Plate):
        domain = SpaceTime(Rectangle(x=(0, 2), y=(0, 1)), t=(0, 4))  # type: ignore[assignment]

    class Solid(Plate):
        domain = Box(x=(0, 2), y=(0, 1), z=(0, 1))  # type: ignore[assignment]

    assert View.of(Warm()).axes == ("x", "y") and View.of(Warm()).held == {"t": 2.0}
    assert View.of(Warm(), {"y": 0.25}).axes == ("t", "x")
    view = View.of(Solid(), {"x": 0.5})
    assert view.axes == ("y", "z") and set(view.grid()[:, 0].tolist()) == {0.5}
    assert View.of(Solid(), {"x": 0.5, "y": 1}).axes == ("z",)


def test_a_line_has_data_with_error_bars_and_the_reference_beneath() -> None:
    ax = fit(rbfnet.solve(Rod, num_centers=20))
    words = [text.get_text() for text in ax.get_legend().get_texts()]  # type: ignore[union-attr]
    assert sorted(words) == ["data", "fit", "reference"]
    (bars,) = ax.containers
    assert np.allclose(np.asarray(bars[0].get_xydata()), [[0.25, 0.0625], [0.5, 0.3]])
    assert np.allclose([segment[:, 1] for segment in bars[2][0].get_segments()], [[0.0125, 0.1125], [0.25, 0.35]])
    (line,) = [line for line in ax.lines if line.get_label() == "reference"]
    x, u = np.asarray(line.get_xydata()).T
    assert np.allclose(u, x**2)


def test_any_quantity_can_be_drawn() -> None:
    ax = fit(plate(), "T_x", at={"y": 0.5})
    x, slope = np.asarray(ax.lines[0].get_xydata()).T
    assert np.abs(slope - 2 * x * 0.25).max() < 1e-2
    assert ax.get_title().startswith("plate: T_x at y = 0.5\n")


def test_data_in_three_coordinates_are_dots() -> None:
    solution = scattered()
    test = solution.problem.test_set()
    assert test is not None
    points, diagonal = parity(solution).lines
    true = test.y[:, 0].numpy()
    assert np.allclose(np.asarray(points.get_xydata()), np.stack([true, solution.predict(test.x).numpy()], axis=1))
    assert np.allclose(*np.asarray(diagonal.get_xydata()).T)
    wrong = error(solution).lines[0]
    assert wrong.get_linestyle() == "None"
    assert np.allclose(np.asarray(wrong.get_xydata()), np.stack([true, solution.predict(test.x).numpy() - true], axis=1))
    with pytest.raises(ValueError, match="held-out rows of DataProblem are at scattered points in 3 coordinates"):
        reference(solution)


def test_data_in_two_coordinates_are_dots_on_the_scale_of_the_fit() -> None:
    x = np.random.default_rng(0).random((60, 2))
    solution = rbfnet.fit(x, x[:, 0] + x[:, 1])
    ax = reference(solution)
    assert np.allclose(np.asarray(ax.collections[0].get_offsets()), x)
    assert ax.collections[0].get_clim() == fit(solution).collections[0].get_clim()
    assert ax.get_title() == "data_problem: u, data"


@pytest.mark.parametrize(
    ("draw", "sentence"),
    [
        (lambda s: fit(s, 1), "There is no output of number '1'"),
        (lambda s: error(s, "v"), "There is no output 'v'"),
        (lambda s: fit(s, at={"z": 1.0}), "There is no coordinate 'z'"),
        (lambda s: fit(s, at={"x": "a"}), "A coordinate is held at a number"),  # type: ignore[dict-item]
        (lambda s: fit(s, at={"x": 1.0, "y": 1.0}), r"All coordinates are held \(x, y\)"),
        (lambda s: fit(s, at={"x": 7.0}), "The domain has no points at x = 7; it has x from 0 to 2"),
        (lambda s: fit(s, "T_q"), "T_q"),
    ],
)
def test_wrong_input_is_refused(draw: object, sentence: str) -> None:
    with pytest.raises(rbfnet.InputError, match=sentence):
        draw(plate())  # type: ignore[operator]
    assert not plt.get_fignums()


def test_without_a_reference_there_is_no_error() -> None:
    class Bare(Plate):
        exact = None  # type: ignore[assignment]

    with pytest.raises(rbfnet.InputError, match="Bare has neither an exact solution nor a reference"):
        error(rbfnet.solve(Bare, num_centers=40))


def test_an_output_that_the_reference_lacks_has_no_error() -> None:
    solution = rbfnet.solve(rbfnet.problems.Cavity(num_interior=100, num_boundary=40), num_centers=30, allow_unsolved=True)
    with pytest.raises(rbfnet.InputError, match="Cavity has neither"):
        error(solution, "p")
    titles = [ax.get_title() for ax in solution.plot().axes]
    assert "p: fit" in titles and "u: reference" in titles and "p: reference" not in titles


def test_a_fit_on_a_line_has_a_band_of_two_standard_deviations() -> None:
    x = np.linspace(0, 1, 20)
    solution = rbfnet.fit(x, np.sin(9 * x))
    (band,) = fit(solution).collections
    points = solution.problem.domain.box
    low, high = (float(end) for end in points)
    drawn = band.get_paths()[0].vertices
    at = np.unique(drawn[:, 0])  # type: ignore[index]
    assert at.min() == pytest.approx(low) and at.max() == pytest.approx(high)
    upper = np.array([drawn[drawn[:, 0] == one, 1].max() for one in at])  # type: ignore[index, union-attr]
    np.testing.assert_allclose(upper, solution.predict(at) + 2 * solution.std(at), atol=1e-12)
    # A thin-plate spline has no bars of its slope.
    assert not fit(solution, "u_x").collections
