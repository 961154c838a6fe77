from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rbfnet.errors import InputError, number, one_of
from rbfnet.plots._drawable import Drawable, View, is_time, label, output_name, reference_in, title
from rbfnet.plots._error import DEEPEST, colours_of, scale_of
from rbfnet.plots._fit import span
from rbfnet.plots._maps import as_array, left_out, line, mapped
from rbfnet.plots._style import colorbar, style, text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHOWN = ("fit", "reference", "error")

INSIDE, OVER = (0.25, 0.5, 0.75), (0.0, 0.5, 1.0)
"""Where slices lie by default along a coordinate of space, and in time: fractions of its extent."""

WIDTH, HEIGHT = 3.4, 3.4
"""Of one slice, in inches."""


def slices(
    solution: Drawable,
    output: int | str = 0,
    *,
    along: str | None = None,
    values: Sequence[float] | None = None,
    show: str = "fit",
    ax: Sequence[Axes] | None = None,
) -> np.ndarray:
    """The solution at fixed values of one coordinate: maps in a row with one colour bar, or lines in one panel.

    Args:
        solution: a :class:`rbfnet.training.Solution` in two coordinates (lines) or more (maps).
        output: an output by number or name, or for the fit any quantity that ``predict`` knows.
        along: the coordinate that is held; None for the time, or else the last one.
        values: where it is held; None for three places. Any further coordinates are at the middle of the domain.
        show: ``"fit"``, ``"reference"`` (the exact solution) or ``"error"``, their difference.
        ax: where to draw, one for each value, or one for lines; a new figure if None.

    Returns:
        An array of the axes.

    Raises:
        InputError: one coordinate only, an unknown coordinate, a number of axes that does not fit, or no exact solution to show.

    Example:
        >>> import rbfnet
        >>> solution = rbfnet.solve(rbfnet.problems.Heat(), num_centers=60)
        >>> (ax,) = rbfnet.plots.slices(solution, values=[0, 0.1, 0.2])  # over x, at three times
        >>> len(ax.lines)
        3
    """
    problem, name = solution.problem, output_name(solution.problem, output)
    along, values = _cuts(solution, along, values)
    one_of("picture to show called", show, SHOWN)
    views = [View.of(problem, {along: value}) for value in values]
    rows = [_values(solution, name, view, show) for view in views]
    lines = len(views[0].axes) == 1
    panels = _panels(ax, 1 if lines else len(values))
    if lines:
        _lines(panels[0], views, rows, along, _words(problem, name, show))
        panels[0].set_title(title(solution, name))
    else:
        _maps(panels, views, rows, _words(problem, name, show), _colours(solution, name, views, rows, show))
        for panel, view in zip(panels, views, strict=True):
            panel.set_title(view.place)
    return panels


def _cuts(solution: Drawable, along: str | None, values: Sequence[float] | None) -> tuple[str, list[float]]:
    """The coordinate that is held, and where."""
    problem = solution.problem
    coords = problem.domain.coords
    if len(coords) < 2:
        raise InputError(f"{coords[0]} is the only coordinate, so there is nothing to draw at a fixed value.")
    along = along or next((name for name in coords if is_time(problem, name)), coords[-1])
    one_of("coordinate", along, coords)
    low, high = problem.domain.box[:, coords.index(along)].tolist()
    if values is None:
        return along, [low + part * (high - low) for part in (OVER if is_time(problem, along) else INSIDE)]
    given = [number(value) for value in np.asarray(values, dtype=object).ravel()]
    known = [float(value) for value in given if value is not None]
    if not known or len(known) < len(given):
        raise InputError(f"values must be numbers, as in values=[0, 0.5, 1], but got {values!r}.")
    return along, known


def _values(solution: Drawable, name: str, view: View, show: str) -> tuple[np.ndarray, np.ndarray]:
    """Points along the axes, and what is shown there."""
    x = view.grid()
    found = as_array(solution.predict(x, name, progress=False)) if show != "reference" else np.zeros(len(x))
    if show != "fit":
        true = as_array(reference_in(solution.problem, name, x))
        found = found - true if show == "error" else true
    return as_array(view.seen(x)), found


def _panels(ax: Sequence[Axes] | None, count: int) -> np.ndarray:
    if ax is None:
        import matplotlib.pyplot as plt

        with style():
            return np.atleast_1d(plt.subplots(1, count, figsize=(WIDTH * count + 1, HEIGHT))[1])
    given = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
    if len(given) != count:
        raise InputError(f"slices needs {count} axes here, but got {len(given)}.")
    return given


def _colours(solution: Drawable, name: str, views: list[View], rows: list[tuple[Any, Any]], show: str) -> dict[str, Any]:
    """One scale for all: that of the exact solution, where there is one."""
    problem = solution.problem
    every = np.concatenate([found for _, found in rows])
    if show == "error":
        return colours_of(every)
    if problem.exact is not None and name in problem.outputs:
        every = np.concatenate([as_array(reference_in(problem, name, view.grid())) for view in views])
    return span(every)


def _maps(panels: np.ndarray, views: list[View], rows: list[tuple[Any, Any]], words: str, colours: dict[str, Any]) -> None:
    every = np.concatenate([found for _, found in rows])
    most, logarithmic = scale_of(every) if "norm" in colours else (0.0, False)
    for ax, view, (points, found) in zip(panels, views, rows, strict=True):
        shown = np.maximum(np.abs(found), DEEPEST * most) if logarithmic else found
        drawn = mapped(ax, points, shown, view.labels, view.share_a_unit, **colours)
        if ax is not panels[0]:
            ax.set_ylabel("")
    extend = "neither" if logarithmic else left_out(every, drawn)
    colorbar(drawn, panels[-1], f"|{words}|" if logarithmic else words, extend=extend)


def _lines(ax: Axes, views: list[View], rows: list[tuple[Any, Any]], along: str, words: str) -> None:
    for view, (points, found) in zip(views, rows, strict=True):
        line(ax, points, found, view.labels, words, label=f"{text(along)} = {view.held[along]:.3g}")
    ax.legend()


def _words(problem: Any, name: str, show: str) -> str:
    unit = label(problem, name).removeprefix(text(name))
    return f"fit - reference{unit}" if show == "error" else label(problem, name)
