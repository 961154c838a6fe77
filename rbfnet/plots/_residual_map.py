from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch

from rbfnet.errors import InputError, unknown
from rbfnet.plots._drawable import Drawable, View
from rbfnet.plots._error import draw_signed
from rbfnet.plots._maps import as_array
from rbfnet.plots._style import axes_or_new, text

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def residual(
    solution: Drawable,
    condition: str | None = None,
    *,
    equation: int = 0,
    at: Mapping[str, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """The residual of a condition over the domain, in its own units: where it does not hold. Colours are as in :func:`error`.

    Args:
        solution: a :class:`rbfnet.training.Solution`.
        condition: its name; None for the first that holds inside the domain.
        equation: which equation of the condition, from 0.
        at: values to hold coordinates at, as in :func:`fit`.
        ax: where to draw; a new figure if None.

    Returns:
        The axes.

    Raises:
        InputError: there is no such condition or equation, or none that holds at points of the picture.

    Example:
        >>> import rbfnet
        >>> solution = rbfnet.solve(rbfnet.problems.Poisson(), num_centers=100)
        >>> rbfnet.plots.residual(solution).get_title().splitlines()[0]
        'poisson: residual of interior'
    """
    problem = solution.problem
    view = View.of(problem, at)
    x = view.grid()
    found = solution.residual(x)
    inside = {name: part.reshape(len(x), -1) for name, part in found.items() if torch.isfinite(part).any()}
    if condition is not None and condition not in found:
        raise unknown("condition", condition, found)
    if not inside or condition not in {None, *inside}:
        which = "No condition holds" if condition is None else f"Condition {condition!r} does not hold"
        raise InputError(f"{which} at points of this picture; its points lie elsewhere.")
    # Conditions on the boundary apply at few points of the grid.
    name = condition or max(inside, key=lambda one: int(torch.isfinite(inside[one]).sum()))
    rows = inside[name]
    if equation not in range(rows.shape[1]):
        raise unknown(f"equation of condition {name!r}", equation, range(rows.shape[1]))
    ax = axes_or_new(ax)
    known = torch.isfinite(rows[:, equation])
    draw_signed(
        ax, view.seen(x[known]), as_array(rows[known, equation]), view.labels, "residual", dots=False, equal=view.share_a_unit
    )
    which = f", equation {equation}" if rows.shape[1] > 1 else ""
    rms = [row["rms"] for row in solution.summary["residuals"] if (row["condition"], row["equation"]) == (name, equation)]
    size = f"\nrelative residual {rms[0]:.1e}" if rms else ""
    place = f" at {view.place}" if view.held else ""
    ax.set_title(f"{text(str(solution.summary['problem']))}: residual of {text(name)}{which}{place}{size}")
    return ax
