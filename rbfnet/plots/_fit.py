from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from rbfnet.errors import InputError
from rbfnet.plots._drawable import Drawable, View, known_values, label, output_name, title
from rbfnet.plots._maps import as_array, dot_size, values
from rbfnet.plots._style import axes_or_new
from rbfnet.problems import Data, DataProblem, Problem, Reference

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def fit(
    solution: Drawable, output: int | str = 0, *, at: Mapping[str, float] | None = None, ax: Axes | None = None, **artist: Any
) -> Axes:
    """The solution over its domain: a line over the data and the reference in one coordinate, a colour map in two.

    Around a fit to data on a line, a band of two standard deviations is shown if the solution knows its error bars.

    Colours span the range of the reference, where there is one, so that both can be compared. Time is horizontal. Of three
    coordinates and more, two are drawn, the others being held at the middle of the domain or at ``at``.

    Args:
        solution: a :class:`rbfnet.training.Solution`.
        output: an output by number or name, or any quantity that ``predict`` knows: ``"u_x"``, ``"sqrt(u^2 + v^2)"``.
        at: values to hold coordinates at: ``{"t": 0.5}``.
        ax: where to draw; a new figure if None.
        artist: passed to the matplotlib artist (``cmap``, ``vmin``, ...).

    Returns:
        The axes.

    Raises:
        InputError: an unknown output or coordinate, or a quantity that cannot be parsed.

    Example:
        >>> import rbfnet
        >>> solution = rbfnet.solve(rbfnet.problems.Poisson(), num_centers=100)
        >>> rbfnet.plots.fit(solution).get_ylabel()
        'y'
        >>> ax = rbfnet.plots.fit(solution, "u_x", at={"y": 0.5})  # a line
    """
    problem, name = solution.problem, output_name(solution.problem, output)
    view = View.of(problem, at)
    x = view.grid()
    found = solution.predict(x, name, progress=False)
    known = known_values(problem, view) if name in problem.outputs else None
    ax = axes_or_new(ax)
    if len(view.axes) == 2:
        artist = span(found if known is None else known.y[:, problem.outputs.index(name)]) | artist
        values(view.seen(x), found, view.labels, label(problem, name), ax=ax, equal=view.share_a_unit, **artist)
        view.outlined(ax)
    else:
        if name in problem.outputs and len(problem.domain.coords) == 1:
            _beneath(ax, problem, problem.outputs.index(name), known)
        elif known is not None and problem.exact is not None:
            _line(ax, view, known, problem.outputs.index(name))
        if isinstance(problem, DataProblem) and len(problem.domain.coords) == 1:
            _band(ax, solution, x, found, name)
        line: dict[str, Any] = {"label": "fit", "zorder": 3} | artist
        values(view.seen(x), found, view.labels, label(problem, name), ax=ax, **line)
        if len(ax.get_legend_handles_labels()[1]) > 1:
            ax.legend()
    ax.set_title(title(solution, name, view))
    return ax


def span(found: Tensor | np.ndarray) -> dict[str, float]:
    """The range of the finite values as arguments of an artist; nothing if there are none."""
    known = as_array(found)
    known = known[np.isfinite(known)]
    return {"vmin": float(known.min()), "vmax": float(known.max())} if len(known) else {}


def measured(problem: Problem, output: int) -> list[tuple[str, Tensor, Tensor, float | None]]:
    """The data of one output: what they are called, points, values, and the standard deviation of their errors if known."""
    if isinstance(problem, DataProblem):
        test = problem.test_set()
        rows = [("data", problem.train_set)] + ([("held-out rows", test)] if test is not None else [])
        values = next(iter(problem.named_conditions().values()))
        noise = values.deviation(output) if isinstance(values, Data) else None
        return [(name, part.x, part.y[:, output], noise) for name, part in rows]
    found = []
    for name, condition in problem.named_conditions().items():
        if isinstance(condition, Data) and condition.of is None:
            sample, outputs = condition.sample(problem), condition.outputs or problem.outputs
            if (one := problem.outputs[output]) in outputs:
                column = list(outputs).index(one)
                found.append((name, sample.sites[0], sample.data[0][:, column], condition.deviation(column)))
    return found


def _beneath(ax: Axes, problem: Problem, output: int, known: Reference | None) -> None:
    """The data as dots, with error bars where their errors are known; the reference as a line, or as dots if it is sparse."""
    for (name, x, y, deviation), marker in zip(measured(problem, output), "osDv^", strict=False):
        ax.errorbar(
            as_array(x)[:, 0], as_array(y), yerr=deviation, fmt=marker, color="0.45", markersize=dot_size(len(x)) ** 0.5,
            markerfacecolor="none", elinewidth=0.8, label=name, zorder=1,
        )  # fmt: skip
    if known is not None and not isinstance(problem, DataProblem):
        _line(ax, View.of(problem), known, output)


def _band(ax: Axes, solution: Drawable, x: Tensor, found: Tensor, name: str) -> None:
    """Two standard deviations about the fit, if they are known: a loaded fit or a rough kernel has none."""
    try:
        std = as_array(solution.std(x, name))
    except InputError:
        return
    points, middle = as_array(x)[:, 0], as_array(found)
    ax.fill_between(points, middle - 2 * std, middle + 2 * std, color="0.85", linewidth=0, label="two std", zorder=0)


def _line(ax: Axes, view: View, known: Reference, output: int) -> None:
    x, y = as_array(view.seen(known.x))[:, 0], as_array(known.y[:, output])
    order = x.argsort()
    drawn = "-" if view.problem.exact is not None else "."
    ax.plot(x[order], y[order], drawn, color="0.6", linewidth=3.5, markersize=4, label="reference", zorder=2)
