"""Widgets are driven as a notebook does it, by setting values, and what they show is compared with what a user would call."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.interpolate import RBFInterpolator
from scipy.spatial.distance import cdist

import rbfnet
from rbfnet.interactive import explore
from rbfnet.problems import Dirichlet, Interior, Poisson

pytest.importorskip("ipywidgets")

RANDOM = np.random.default_rng(0)
X = np.sort(RANDOM.random(40))
Y = np.sin(9 * X) + 0.05 * RANDOM.standard_normal(40)
POINTS = RANDOM.random((60, 2))
VALUES = np.sin(5 * POINTS[:, 0]) * POINTS[:, 1]


def shown(widget: Any, panel: int, label: str) -> np.ndarray:
    """What the line of that label in a panel shows."""
    (line,) = [line for line in widget.panels.figure.axes[panel].lines if line.get_label() == label]
    return np.asarray(line.get_xydata())


def test_it_begins_with_what_fit_chooses() -> None:
    widget = explore(X, Y)
    expected = rbfnet.fit(X, Y, kernel="gaussian")
    at = np.linspace(0, 1, 30)
    assert np.array_equal(widget.solution.predict(at), expected.predict(at))
    assert widget.code == "rbfnet.fit(x, y, kernel='gaussian')"
    # In the words of the run, which names the shape parameter it chose.
    assert f"epsilon = {widget.epsilon.value:.3g} " in " ".join(expected.summary["words"])


@pytest.mark.parametrize(
    ("moves", "code"),
    [
        ({"epsilon": 2.0}, "rbfnet.fit(x, y, kernel='gaussian', epsilon=2.0)"),
        ({"epsilon": 10**0.53}, "rbfnet.fit(x, y, kernel='gaussian', epsilon=3.39)"),
        ({"num_centers": 12}, "rbfnet.fit(x, y, kernel='gaussian', num_centers=12)"),
        ({"smoothing": 0.01}, "rbfnet.fit(x, y, kernel='gaussian', smoothing=0.01)"),
        ({"smoothing_by": "none", "kernel": "matern"}, "rbfnet.fit(x, y, kernel='matern', smoothing=0.0)"),
        ({"kernel": "thin_plate_spline", "epsilon": 2.0}, "rbfnet.fit(x, y, kernel='thin_plate_spline')"),
    ],
)
def test_the_line_of_code_gives_the_fit_that_is_shown(moves: dict[str, Any], code: str) -> None:
    widget = explore(X, Y)
    before = widget.image.value
    for name, value in moves.items():
        getattr(widget, name).value = value
    assert widget.code == code
    again = eval(code, {"rbfnet": rbfnet, "x": X, "y": Y})
    line = shown(widget, 0, "fit")
    assert np.array_equal(line[:, 1], again.predict(line[:, 0]))
    assert bytes(widget.image.value) != bytes(before) and bytes(widget.image.value).startswith(b"\x89PNG")


def test_a_slider_that_is_moved_is_what_is_meant_and_auto_moves_it_back() -> None:
    widget = explore(X, Y)
    chosen = widget.epsilon.value
    widget.epsilon.value = 5.0
    assert widget.epsilon_by.value == "fixed" and widget.choice.epsilon == 5.0
    widget.epsilon_by.value = "auto"
    assert widget.epsilon.value == pytest.approx(chosen) and widget.code == "rbfnet.fit(x, y, kernel='gaussian')"


def test_data_and_left_out_errors_are_drawn() -> None:
    """Against leaving rows out one by one, with SciPy in the same coordinates."""
    widget = explore(X, Y)
    widget.smoothing_by.value, widget.epsilon.value = "none", 8.0
    assert np.array_equal(shown(widget, 0, "data"), np.stack([X, Y], axis=1))
    z = (X - X.mean())[:, None] / X.std()
    expected = []
    for row in range(len(X)):
        rest = np.arange(len(X)) != row
        without = RBFInterpolator(z[rest], Y[rest] - Y.mean(), kernel="gaussian", epsilon=8.0, degree=-1)
        expected.append(without(z[row : row + 1])[0] + Y.mean() - Y[row])
    dots = np.asarray(widget.panels.figure.axes[1].lines[0].get_xydata())
    assert np.allclose(dots[:, 0], X)
    assert np.allclose(dots[:, 1], expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("epsilon", [3.0, 12.0])
def test_the_condition_number_is_that_of_the_kernel_matrix(epsilon: float) -> None:
    widget = explore(POINTS, VALUES)
    widget.epsilon.value = epsilon
    z = (POINTS - POINTS.mean(axis=0)) / POINTS.std(axis=0)
    expected = np.linalg.cond(np.exp(-((epsilon * cdist(z, z)) ** 2)))
    assert f"{expected:.1e}" in widget.facts.value


def test_that_of_a_spline_has_its_polynomials() -> None:
    widget = explore(POINTS, VALUES, kernel="thin_plate_spline")
    z = (POINTS - POINTS.mean(axis=0)) / POINTS.std(axis=0)
    r = cdist(z, z)
    # The shape parameter of the network scales r, and so the matrix.
    network: Any = widget.solution.model.network
    scaled = r * float(network.epsilon.detach())
    kernel = np.where(r > 0, scaled**2 * np.log(np.where(r > 0, scaled, 1.0)), 0.0)
    tail = network.features(torch.from_numpy(z), rbfnet.Operator.identity())[:, 60:].detach().numpy()
    assert np.linalg.matrix_rank(np.hstack([tail, z, np.ones((60, 1))])) == 3
    whole = np.block([[kernel, tail], [tail.T, np.zeros((3, 3))]])
    assert f"{np.linalg.cond(whole):.1e}" in widget.facts.value


def test_two_coordinates_are_maps() -> None:
    widget = explore(POINTS, VALUES)
    widget.epsilon.value = 1.5
    fit, error = widget.panels.figure.axes[:2]
    image = np.asarray(fit.collections[0].get_array())
    expected = rbfnet.fit(POINTS, VALUES, kernel="gaussian", epsilon=1.5)
    low, high = POINTS.min(axis=0), POINTS.max(axis=0)
    corners = [[low[0], low[1]], [high[0], low[1]], [low[0], high[1]], [high[0], high[1]]]
    assert np.allclose(image[[0, 0, -1, -1], [0, -1, 0, -1]], expected.predict(corners), rtol=1e-12)
    assert np.allclose(error.collections[0].get_offsets(), POINTS)
    assert expected.errors is not None
    left_out = np.asarray(error.collections[0].get_array())
    assert np.sqrt(np.mean(left_out**2)) == pytest.approx(expected.errors["rmse"])


def test_the_error_against_exact_values() -> None:
    widget = explore(X, Y, exact=lambda x: np.sin(9 * x))
    (line,) = [line for line in widget.panels.figure.axes[1].lines if len(np.asarray(line.get_xdata())) > 2]
    x, error = np.asarray(line.get_xydata()).T
    assert np.allclose(error, widget.solution.predict(x) - np.sin(9 * x), rtol=0, atol=1e-14)
    largest = np.abs(error).max()
    assert f"{largest:.2e} at most" in widget.facts.value


def test_a_problem_is_solved_again() -> None:
    widget = explore(Poisson)
    assert len(widget.box.children[0].children[0].children) == 3  # No smoothing.
    widget.num_centers.value, widget.epsilon.value = 60, 2.0
    assert widget.code == "rbfnet.solve(problem, kernel='gaussian', epsilon=2.0, num_centers=60)"
    again = eval(widget.code, {"rbfnet": rbfnet, "problem": Poisson()})
    assert np.array_equal(again.predict([[0.3, 0.6]]), widget.solution.predict([[0.3, 0.6]]))
    assert "condition number" in widget.facts.value
    error = np.asarray(widget.panels.figure.axes[1].collections[0].get_array())
    places = np.linspace(0, 1, 81)
    x = np.stack(np.meshgrid(places, places), axis=-1)
    exact = np.sin(np.pi * x[..., 0]) * np.sin(np.pi * x[..., 1])
    fit = again.predict(x.reshape(-1, 2)).reshape(81, 81)
    assert np.allclose(error, fit - exact, rtol=0, atol=1e-13)


class Flow(rbfnet.Problem):
    """Two outputs, without a solution that is known."""

    domain = rbfnet.domains.Interval(x=(0, 2))
    outputs = ("u", "v")

    def conditions(self) -> Any:
        yield Interior(lambda f: (f["u"].d("xx") - 2, f["v"].d("xx") + 2))
        yield Dirichlet(0.0, output="u")
        yield Dirichlet(0.0, name="of v", output="v")


def test_another_output_and_no_error_where_none_is_known() -> None:
    widget = explore(Flow(), output="v")
    (ax,) = widget.panels.figure.axes
    line = shown(widget, 0, "fit")
    assert np.allclose(line[:, 1], line[:, 0] * (2 - line[:, 0]), atol=1e-6)
    assert ax.get_ylabel() == "v" and "<b>unknown</b>" in widget.facts.value


def test_a_choice_that_does_not_work_is_told_and_the_next_one_is_shown() -> None:
    widget = explore(Poisson())
    before = widget.image.value
    widget.kernel.value = "thin_plate_spline"
    assert "continuous derivatives" in widget.facts.value and widget.image.value == before
    widget.kernel.value = "multiquadric"
    assert "<table>" in widget.facts.value and widget.image.value != before


@pytest.mark.parametrize(
    ("arguments", "options", "sentence"),
    [
        ((X,), {}, "explore takes points x and values y, or a Problem, but got x alone"),
        ((X, np.stack([Y, Y], 1)), {}, "explore shows one output, but y has 2 columns"),
        ((RANDOM.random((9, 3)), Y[:9]), {}, "explore shows one or two coordinates, but got 3"),
        ((X, Y), {"kernel": "gausian"}, "There is no kernel 'gausian'; did you mean 'gaussian'"),
        ((X, Y), {"output": "u"}, "output is for a Problem"),
        ((X, Y), {"exact": lambda x: x[:2]}, r"`exact` must return one value for each point, \(401,\), but gave"),
        ((X, Y[:-1]), {}, "x and y must have one row per point"),
        ((Poisson(), Y), {}, "explore takes a Problem without y"),
        ((Poisson(),), {"output": "p"}, "There is no output 'p'"),
    ],
)
def test_wrong_input_is_one_sentence(arguments: Any, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(rbfnet.InputError, match=sentence):
        explore(*arguments, **options)


def test_many_points_begin_with_as_many_centres_as_can_be_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rbfnet.interactive._explore.MOST_CENTERS", 20)
    widget = explore(X, Y)
    assert widget.num_centers.max == 20 and widget.code == "rbfnet.fit(x, y, kernel='gaussian', num_centers=20)"
