"""Slices, surfaces, residuals, convergence, streamlines and unknowns: the data in them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from types import SimpleNamespace
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import Normalize
from torch import Tensor, exp

import rbfnet
from rbfnet.domains import Box, Interval, Rectangle, SpaceTime
from rbfnet.plots import convergence, residual, slices, stream, surface, unknown
from rbfnet.problems import Condition, Data, Dirichlet, Interior, Unknown, UnknownField
from rbfnet.training import Solution


class Cube(rbfnet.Problem):
    """u = x y + z^2."""

    domain = Box(x=(0, 1), y=(0, 2), z=(0, 1))

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda u: u.laplacian() - 2.0)
        yield Dirichlet(self.exact)

    def exact(self, x: Tensor, y: Tensor, z: Tensor) -> Tensor:
        return x * y + z**2


class Turning(rbfnet.Problem):
    """The velocity (-y, x) of a rigid rotation."""

    domain = Rectangle(x=(-1, 1), y=(-1, 1))
    outputs = ("u", "v")

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda f: (f["u"].laplacian(), f["v"].laplacian()), name="flow")
        yield Dirichlet(lambda x, y: -y, output="u")
        yield Dirichlet(lambda x, y: x, output="v")

    def exact(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        return -y, x


class Layers(rbfnet.Problem):
    """a(x) = e^x from measured values of u = x, with (a u')' = a'."""

    domain = Interval(x=(0, 1))

    def __init__(self) -> None:
        super().__init__()
        self.a = UnknownField(self.domain, 1.0, positive=True, exact=exp, num_centers=12)

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda u: self.a(u).value - exp(u.x))
        yield Data(torch.linspace(0, 1, 9)[:, None], torch.linspace(0, 1, 9))


@cache
def solved(problem: type[rbfnet.Problem], centers: int, solver: str = "auto") -> Solution:
    return rbfnet.solve(problem, num_centers=centers, solver=solver, dtype=torch.float64, allow_unsolved=True)


def flat(ax: plt.Axes) -> np.ndarray:  # type: ignore[name-defined]
    return np.asarray(ax.collections[0].get_array())


def test_slices_have_one_scale_and_one_colour_bar() -> None:
    solution = solved(Cube, 120)
    row = slices(solution, along="z", values=[0.0, 0.5, 1.0], show="reference")
    x, y = np.meshgrid(np.linspace(0, 1, 121), np.linspace(0, 2, 121))
    for ax, z in zip(row, (0.0, 0.5, 1.0), strict=True):
        assert np.allclose(flat(ax), x * y + z**2, atol=1e-12)
        assert ax.get_title() == f"z = {z:.3g}" and ax.collections[0].get_clim() == pytest.approx((0.0, 3.0))
    assert [len(ax.child_axes) for ax in row] == [0, 0, 1]
    fits = slices(solution, along="z", values=[0.5])
    assert np.abs(flat(fits[0]) - (x * y + 0.25)).max() < 1e-2
    wrong = slices(solution, along="z", values=[0.5], show="error")[0].collections[0]
    assert isinstance(wrong.norm, Normalize) and np.abs(flat(fits[0]) - (x * y + 0.25)).max() > 0


def test_slices_of_two_coordinates_are_lines() -> None:
    (ax,) = slices(solved(Turning, 60), "v", along="y", values=[0.0, 1.0])
    for line in ax.lines:
        x, v = np.asarray(line.get_xydata()).T
        assert np.abs(v - x).max() < 1e-3
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["y = 0", "y = 1"]


def test_slices_lie_in_time_where_there_is_one() -> None:
    solution = rbfnet.solve(rbfnet.problems.Heat(), num_centers=60, allow_unsolved=True)
    (ax,) = slices(solution)
    assert [line.get_label() for line in ax.lines] == ["t = 0", "t = 0.5", "t = 1"] and ax.get_xlabel() == "x"


def test_slices_lie_at_the_end_of_a_time_that_float32_rounds_up() -> None:
    class Short(rbfnet.problems.Heat):
        domain = SpaceTime(Interval(x=(0, 1)), t=(0, 0.1))

    (ax,) = slices(rbfnet.solve(Short(), num_centers=60, allow_unsolved=True))
    assert np.asarray(ax.lines[-1].get_ydata()).max() == pytest.approx(np.exp(-(np.pi**2) / 40), abs=1e-5)


def test_a_surface_has_the_heights_of_the_solution() -> None:
    ax: Any = surface(solved(Turning, 60), "v")
    x, y, z = ax.get_xlim(), ax.get_ylim(), ax.get_zlim()
    assert max(np.abs([*x, *y, *z])) < 1.2 and ax.get_zlabel() == "v"
    # Colours are the mean heights of the faces, which here are their x.
    heights = np.asarray(ax.collections[0].get_array())
    assert (heights.min(), heights.max()) == pytest.approx((-1.0, 1.0), abs=0.05)
    with pytest.raises(rbfnet.InputError, match="third dimension"):
        surface(solved(Turning, 60), ax=plt.subplots()[1])


def test_the_residual_is_that_of_the_equation() -> None:
    solution = solved(Turning, 60)
    ax = residual(solution, "flow", equation=1)
    x, y = np.meshgrid(np.linspace(-1, 1, 121), np.linspace(-1, 1, 121))
    expected = solution.predict(np.stack([x.ravel(), y.ravel()], 1), "laplacian(v)").reshape(x.shape)
    shown = flat(ax)
    size = np.abs(expected).max()
    same = np.abs(shown) if shown.min() >= 0 else shown
    assert np.abs(same - (np.abs(expected) if shown.min() >= 0 else expected)).max() < 0.05 * size
    assert residual(solution).get_title().startswith("turning: residual of flow, equation 0")


def test_convergence_draws_each_loss_over_the_epochs() -> None:
    solution = solved(Layers, 20, "gauss_newton")
    assert len(solution.history) > 1
    drawn = {line.get_label(): np.asarray(line.get_xydata()) for line in convergence(solution).lines}
    for name in ("interior", "data"):
        losses = [row[f"loss/{name}"] for row in solution.history if row[f"loss/{name}"] > 0]
        assert np.allclose(drawn[name][:, 1], losses)
    assert convergence(solution).get_yscale() == "log"


def test_losses_that_are_rounding_do_not_stretch_the_axis() -> None:
    history = [{"loss": 10.0**-n, "loss/interior": 10.0**-n, "loss/initial": 1e-54} for n in range(4)]
    ax = convergence(SimpleNamespace(history=history, summary={"residuals": []}))
    assert [line.get_label() for line in ax.lines] == ["loss", "interior", "initial (below 1e-20)"]
    assert ax.get_ylim()[0] == pytest.approx(1e-4)


def test_a_run_of_one_epoch_has_bars() -> None:
    solution = solved(Turning, 60)
    ax = convergence(solution)
    bars = sorted(patch.get_width() for patch in ax.patches)  # type: ignore[attr-defined]
    assert np.allclose(bars, sorted(max(row["rms"], 1e-17) for row in solution.residuals))
    assert {label.get_text() for label in ax.get_yticklabels()} == {"flow 0", "flow 1", "dirichlet_u", "dirichlet_v"}


def test_without_losses_or_residuals_there_is_no_convergence() -> None:
    with pytest.raises(rbfnet.InputError, match="Neither losses"):
        convergence(SimpleNamespace(history=[{"loss": 1.0}], summary={"residuals": []}))


def test_streamlines_follow_the_flow_over_its_speed() -> None:
    ax = stream(solved(Turning, 60))
    x, y = np.meshgrid(np.linspace(-1, 1, 121), np.linspace(-1, 1, 121))
    assert np.abs(flat(ax) - np.hypot(x, y)).max() < 1e-3
    (lines,) = [one for one in ax.collections if hasattr(one, "get_segments")]
    paths = [np.asarray(path) for path in lines.get_segments()]
    middle = np.concatenate([(path[1:] + path[:-1]) / 2 for path in paths])
    along = np.concatenate([np.diff(path, axis=0) for path in paths])
    moving = (np.linalg.norm(along, axis=1) > 1e-9) & (np.linalg.norm(middle, axis=1) > 0.1)
    middle, along = middle[moving], along[moving]
    # They turn about the origin: a step is at right angles to the radius.
    radial = np.abs((middle * along).sum(axis=1)) / np.linalg.norm(middle, axis=1) / np.linalg.norm(along, axis=1)
    assert len(along) > 100 and np.median(radial) < 0.02


def test_an_unknown_function_has_its_truth_and_band() -> None:
    solution = solved(Layers, 20, "gauss_newton")
    part: Any = solution.problem.unknowns()["a"]
    ax = unknown(solution)
    found, exact = (np.asarray(line.get_xydata()) for line in ax.lines)
    assert np.allclose(exact[:, 1], np.exp(exact[:, 0]))
    x = torch.from_numpy(found[:, :1].copy())
    assert np.allclose(found[:, 1], part.at(x)[:, 0].detach())
    if bool(part.covariance.isfinite().all()):
        top = np.asarray(ax.collections[0].get_paths()[0].vertices)[:, 1].max()
        assert top == pytest.approx(float((part.at(x) + 1.96 * part.deviation(x)).max().detach()), rel=1e-6)


def test_an_unknown_number_has_its_error_bar() -> None:
    solution = rbfnet.solve(rbfnet.problems.InverseDiffusivity(noise=0.01), num_centers=60, allow_unsolved=True)
    report = solution.summary["unknowns"]["k"]
    ax = unknown(solution, "k")
    (bars,) = ax.containers
    assert np.asarray(bars[0].get_ydata()) == pytest.approx([report["value"]])
    low, high = bars[2][0].get_segments()[0][:, 1]
    assert (high - low) / 2 == pytest.approx(1.96 * report["standard_error"])
    assert "exact 0.1" in ax.get_title() and ax.get_ylabel() == "k"


@pytest.mark.parametrize(("exact", "start", "words"), [(0.1, 0.1, "k - 0.1"), (None, 0.100000012, "k - 0.100000012")])
def test_a_short_error_bar_is_drawn_as_a_difference(exact: float | None, start: float, words: str) -> None:
    class Short(Unknown):
        def report(self, domain: Any) -> dict[str, float]:
            return {"value": 0.1000000123, "standard_error": 1e-9} | ({} if exact is None else {"exact": exact})

    problem: Any = SimpleNamespace(unknowns=lambda: {"k": Short(1.0)}, domain=None, measured_in={})
    drawn: Any = SimpleNamespace(problem=problem, summary={"problem": "short"})
    ax = unknown(drawn)
    assert ax.get_ylabel() == words
    assert np.asarray(ax.containers[0][0].get_ydata()) == pytest.approx([0.1000000123 - start], abs=1e-15)


@pytest.mark.parametrize(
    ("draw", "sentence"),
    [
        (lambda: slices(solved(Layers, 20, "gauss_newton")), "x is the only coordinate"),
        (lambda: slices(solved(Turning, 60), along="t"), "There is no coordinate 't'"),
        (lambda: slices(solved(Turning, 60), values=["a"]), "values must be numbers"),  # type: ignore[list-item]
        (lambda: slices(solved(Turning, 60), show="all"), "There is no picture to show called 'all'"),
        (lambda: slices(solved(Cube, 120), ax=[plt.subplots()[1]]), "slices needs 3 axes here, but got 1"),
        (lambda: stream(solved(Turning, 60), "u"), "two outputs"),
        (lambda: stream(solved(Turning, 60), at={"x": 0.0}), "two coordinates of space"),
        (lambda: surface(solved(Turning, 60), at={"x": 0.0}), "A surface needs two coordinates"),
        (lambda: residual(solved(Turning, 60), "flux"), "There is no condition 'flux'"),
        (lambda: residual(solved(Turning, 60), "flow", equation=2), "There is no equation of condition 'flow' '2'"),
        (lambda: unknown(solved(Turning, 60)), "There is no unknown coefficient"),
        (lambda: unknown(solved(Layers, 20, "gauss_newton"), "b"), "There is no unknown coefficient 'b'"),
    ],
)
def test_wrong_input_is_refused(draw: Any, sentence: str) -> None:
    with pytest.raises(rbfnet.InputError, match=sentence):
        draw()
