from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from rbfnet.errors import InputError
from rbfnet.plots._drawable import Drawable, View, label, output_name, title
from rbfnet.plots._maps import as_array
from rbfnet.plots._style import VALUES, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def surface(
    solution: Drawable, output: int | str = 0, *, at: Mapping[str, float] | None = None, ax: Axes | None = None, **artist: Any
) -> Axes:
    """The solution as a surface over two coordinates.

    Args:
        solution: a :class:`rbfnet.training.Solution`.
        output: an output by number or name, or any quantity that ``predict`` knows.
        at: values to hold coordinates at, as in :func:`fit`.
        ax: where to draw, with ``projection="3d"``; a new figure if None.
        artist: passed to ``plot_surface``.

    Returns:
        The axes.

    Raises:
        InputError: axes without a third dimension, or a picture that is not over two coordinates.

    Example:
        >>> import rbfnet
        >>> solution = rbfnet.solve(rbfnet.problems.Poisson(), num_centers=100)
        >>> rbfnet.plots.surface(solution).get_zlabel()
        'u'
    """
    problem, name = solution.problem, output_name(solution.problem, output)
    view = View.of(problem, at)
    if len(view.axes) < 2:
        raise InputError(f"A surface needs two coordinates, but the picture is over {view.axes[0]}; use fit.")
    if ax is not None and not hasattr(ax, "plot_surface"):
        raise InputError('A surface needs axes with a third dimension: plt.subplots(subplot_kw={"projection": "3d"}).')
    x = view.grid()
    heights = as_array(solution.predict(x, name, progress=False))
    if ax is None:
        import matplotlib.pyplot as plt

        with style():
            ax = plt.subplots(subplot_kw={"projection": "3d"})[1]
    points = as_array(view.seen(x))
    columns, rows = (np.unique(points[:, i]) for i in (0, 1))
    grid = np.full((len(rows), len(columns)), np.nan)
    grid[np.searchsorted(rows, points[:, 1]), np.searchsorted(columns, points[:, 0])] = heights
    solid: Any = ax
    solid.plot_surface(*np.meshgrid(columns, rows), grid, **{"cmap": VALUES, "rcount": 60, "ccount": 60} | artist)
    ax.set_xlabel(view.labels[0])
    ax.set_ylabel(view.labels[1])
    solid.set_zlabel(label(problem, name))
    ax.set_title(title(solution, name, view))
    return ax
