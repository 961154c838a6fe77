from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rbfnet.errors import InputError
from rbfnet.plots._drawable import Drawable, View, is_time, output_number, unit_of
from rbfnet.plots._maps import as_array, values
from rbfnet.plots._style import axes_or_new, text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

VELOCITY = ("u", "v")
"""The usual names of a velocity in the plane."""


def stream(
    solution: Drawable, outputs: Sequence[int | str] = VELOCITY, *, at: Mapping[str, float] | None = None, ax: Axes | None = None
) -> Axes:
    """Streamlines of a vector field over its speed.

    Args:
        solution: a :class:`rbfnet.training.Solution`.
        outputs: the components along the horizontal and the vertical axis, by number or name.
        at: values to hold coordinates at, as in :func:`fit`.
        ax: where to draw; a new figure if None.

    Returns:
        The axes.

    Raises:
        InputError: not two outputs of the problem, or a picture that is not in two coordinates of space.

    Example:
        >>> import rbfnet
        >>> solution = rbfnet.solve(rbfnet.problems.Kovasznay(), num_centers=100, allow_unsolved=True)
        >>> ax = rbfnet.plots.stream(solution)
    """
    problem = solution.problem
    if isinstance(outputs, str) or len(outputs) != 2:
        raise InputError(f"A vector field in the plane has two outputs, as in outputs=('u', 'v'), but got {outputs!r}.")
    first, second = (problem.outputs[output_number(problem, output)] for output in outputs)
    view = View.of(problem, at)
    if len(view.axes) < 2 or any(is_time(problem, name) for name in view.axes):
        raise InputError(f"Streamlines need two coordinates of space, but the picture is over {', '.join(view.axes)}.")
    x = view.grid()
    across, up = (as_array(solution.predict(x, name, progress=False)) for name in (first, second))
    speed = np.hypot(across, up)
    ax = axes_or_new(ax)
    unit = unit_of(problem, first)
    points = as_array(view.seen(x))
    values(points, speed, view.labels, f"speed{f' [{unit}]' if unit else ''}", ax=ax, equal=view.share_a_unit)
    columns, rows, (east, north) = _on_grid(points, across, up)
    ax.streamplot(columns, rows, east, north, color="white", linewidth=0.7, arrowsize=0.7, density=1.1)
    ax.set_xlim(columns[0], columns[-1])
    ax.set_ylim(rows[0], rows[-1])
    ax.set_title(f"{text(str(solution.summary['problem']))}: ({text(first)}, {text(second)}), streamlines over speed")
    return ax


def _on_grid(points: np.ndarray, *components: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[Any]]:
    """Steps along both axes and the components on the grid; masked where it has no points."""
    columns, rows = (np.unique(points[:, i]) for i in (0, 1))
    grids = []
    for component in components:
        grid = np.full((len(rows), len(columns)), np.nan)
        grid[np.searchsorted(rows, points[:, 1]), np.searchsorted(columns, points[:, 0])] = component
        grids.append(np.ma.masked_invalid(grid))
    # Streamlines need equal steps to the last digit.
    even = [np.linspace(line[0], line[-1], len(line)) for line in (columns, rows)]
    return even[0], even[1], grids
