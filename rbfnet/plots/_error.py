from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from rbfnet.plots._drawable import Drawable, compared, is_sparse, label, output_name, title
from rbfnet.plots._maps import as_array, values
from rbfnet.plots._style import SIGNED, VALUES, axes_or_new, text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = 0.99
"""Colours end at this quantile of the absolute error: one bad point does not bleach the rest."""

DECADES = 100.0
"""Where that quantile exceeds the median by more, the absolute error is drawn on a logarithmic scale."""

DEEPEST = 1e-4
"""The lowest colour of a logarithmic scale, relative to the highest."""


def error(solution: Drawable, output: int | str = 0, *, at: Mapping[str, float] | None = None, ax: Axes | None = None) -> Axes:
    """The fit minus the reference: a line, or colours that are symmetric about zero and end at the 99 % quantile.

    An error that spans decades (the 99 % quantile is more than a hundred times the median) is drawn as its absolute value on a
    logarithmic scale. At scattered points in three coordinates and more it is drawn over the reference, as dots.

    Args:
        solution: a :class:`rbfnet.training.Solution`.
        output: an output by number or name.
        at, ax: as in :func:`fit`.

    Returns:
        The axes.

    Raises:
        InputError: there is no reference, or no such output or coordinate.

    Example:
        >>> import rbfnet
        >>> solution = rbfnet.solve(rbfnet.problems.Poisson(), num_centers=100)
        >>> ax = rbfnet.plots.error(solution)
    """
    view, known, called = compared(solution, output, at)
    problem, name = solution.problem, output_name(solution.problem, output)
    found = solution.predict(known.x, name, progress=False)
    true = as_array(known.y[:, 0])
    wrong = as_array(found) - true
    ax = axes_or_new(ax)
    unit = label(problem, name).removeprefix(text(name))
    if is_sparse(problem, view):
        ax.plot(true, wrong, ".", markersize=3, alpha=0.6, rasterized=True)
        ax.axhline(0.0, color="0.4", linewidth=1)
        ax.set_xlabel(f"{label(problem, name)}, {called}")
        ax.set_ylabel(f"fit - {called}{unit}")
    else:
        draw_signed(ax, view.seen(known.x), wrong, view.labels, f"fit - {called}{unit}", problem.exact is None, view.share_a_unit)
    ax.set_title(title(solution, name, None if is_sparse(problem, view) else view))
    return ax


def scale_of(wrong: np.ndarray) -> tuple[float, bool]:
    """Where the colours of an error end, and whether they are logarithmic."""
    size = np.abs(wrong[np.isfinite(wrong)])
    if not len(size):
        return 1.0, False
    most, median = np.quantile(size, MOST), np.median(size)
    most = float(most or size.max() or 1.0)
    return most, bool(most > DECADES * median > 0)


def colours_of(wrong: np.ndarray) -> dict[str, Any]:
    """The colour map and scale of an error: arguments of an artist."""
    from matplotlib.colors import LogNorm

    most, logarithmic = scale_of(wrong)
    if logarithmic:
        return {"cmap": VALUES, "norm": LogNorm(DEEPEST * most, most)}
    return {"cmap": SIGNED, "vmin": -most, "vmax": most}


def draw_signed(ax: Axes, x: Any, wrong: np.ndarray, coords: tuple[str, ...], name: str, dots: bool, equal: bool) -> None:
    """Draw an error or a residual over one coordinate or two."""
    most, logarithmic = scale_of(wrong)
    shown, name = (np.abs(wrong), f"|{name}|") if logarithmic else (wrong, name)
    if len(coords) == 1:
        drawn: dict[str, Any] = {"linestyle": "none", "marker": "."} if dots else {}
        values(x, shown, coords, name, ax=ax, **drawn)
        if logarithmic:
            ax.set_yscale("log")
            ax.set_ylim(bottom=DEEPEST * most)
        else:
            ax.axhline(0.0, color="0.4", linewidth=0.8, linestyle="-", zorder=0)
    else:
        shown = np.maximum(shown, DEEPEST * most) if logarithmic else shown
        values(x, shown, coords, name, ax=ax, equal=equal, **colours_of(wrong))
