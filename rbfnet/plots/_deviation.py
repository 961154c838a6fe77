from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from rbfnet.plots._drawable import Drawable, View, label, output_name
from rbfnet.plots._maps import as_array, dot_size, values
from rbfnet.plots._style import axes_or_new, text
from rbfnet.problems import DataProblem

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STEPS = 50
"""Along each axis of a map, fewer than for values: an error bar costs as much as all centres squared."""


def deviation(
    solution: Drawable, output: int | str = 0, *, at: Mapping[str, float] | None = None, ax: Axes | None = None, **artist: Any
) -> Axes:
    """The standard deviation of a fit to data: a line in one coordinate, in two a colour map over which the data lie as dots.

    Args:
        solution: a :class:`rbfnet.training.Solution` of data.
        output: an output by number or name, or any quantity that ``std`` knows: ``"u_x"``.
        at, ax: as in :func:`fit`.
        artist: passed to the matplotlib artist (``cmap``, ``vmax``, ...).

    Returns:
        The axes.

    Raises:
        InputError: whatever ``std`` refuses; an unknown output or coordinate.

    Example:
        >>> import numpy as np, rbfnet
        >>> x = np.random.default_rng(0).random((40, 2))
        >>> solution = rbfnet.fit(x, np.sin(3 * x[:, 0]) * x[:, 1], coords=["x", "y"], kernel="matern")
        >>> rbfnet.plots.deviation(solution, "u_x").get_xlabel()
        'x'
    """
    problem, name = solution.problem, output_name(solution.problem, output)
    view = View.of(problem, at)
    x = view.grid(STEPS if len(view.axes) == 2 else None)
    # The corners of a map may be outside of the data, as its colours show.
    with nullcontext() if solution.posterior is None else solution.posterior.anywhere():
        found = solution.std(x, name)
    ax = axes_or_new(ax)
    values(view.seen(x), found, view.labels, f"std of {label(problem, name)}", ax=ax, equal=view.share_a_unit, **artist)
    if isinstance(problem, DataProblem) and len(view.axes) == len(problem.domain.coords):
        points = as_array(view.seen(problem.train_set.x))
        size = dot_size(len(points))
        if len(view.axes) == 2:
            ax.scatter(points[:, 0], points[:, 1], s=0.4 * size, color="white", edgecolors="0.2", linewidths=0.5)
        else:
            ax.plot(points[:, 0], 0 * points[:, 0], "|", color="0.4")
    ax.set_title(f"{text(str(solution.summary['problem']))}: standard deviation of {text(name)}")
    return ax
