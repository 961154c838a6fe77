from __future__ import annotations

from typing import TYPE_CHECKING

from rbfnet.plots._drawable import Drawable, compared, label, output_name, title
from rbfnet.plots._maps import as_array
from rbfnet.plots._style import axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def parity(solution: Drawable, output: int | str = 0, *, ax: Axes | None = None) -> Axes:
    """Predicted against true values, for any number of coordinates: a perfect fit lies on the diagonal.

    Args:
        solution: a :class:`rbfnet.training.Solution`.
        output: an output by number or name.
        ax: where to draw; a new figure if None.

    Returns:
        The axes.

    Raises:
        InputError: there is no reference, or no such output.

    Example:
        >>> import numpy as np, rbfnet
        >>> x = np.random.default_rng(0).random((60, 3))
        >>> solution = rbfnet.fit(x, x.sum(axis=1), test=20)
        >>> ax = rbfnet.plots.parity(solution)
    """
    _, known, called = compared(solution, output, None)
    problem, name = solution.problem, output_name(solution.problem, output)
    true, predicted = as_array(known.y[:, 0]), as_array(solution.predict(known.x, name, progress=False))
    ax = axes_or_new(ax)
    ax.plot(true, predicted, ".", markersize=3, alpha=0.6, rasterized=True)
    ends = [min(true.min(), predicted.min()), max(true.max(), predicted.max())]
    ax.plot(ends, ends, color="0.4", linewidth=1, linestyle="-")
    ax.set_xlabel(f"{label(problem, name)}, {called}")
    ax.set_ylabel(f"{label(problem, name)}, fit")
    ax.set_title(title(solution, name))
    return ax
