from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rbfnet.errors import InputError
from rbfnet.plots._drawable import Drawable
from rbfnet.plots._style import axes_or_new, text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TERMS = "loss/"
"""The prefix of the losses of single conditions in a history."""

NAMES = {"loss": "loss", "val/rel_l2": "relative L2 error (validation)"}
"""What else is drawn of a history."""

LEAST = 1e-20
"""Of losses relative to the largest one: what holds up to rounding, or exactly, is below the axis."""

MOST = 12
"""Of the bars; more cannot be read."""


def convergence(solution: Drawable, *, ax: Axes | None = None) -> Axes:
    """The loss of each condition over the epochs; for a run of one epoch, the relative residual of each equation as a bar.

    Losses below 1e-20 times the largest one are rounding and off the axis; the legend says which are throughout.
    Bars end at the root mean square at held-out points, dots stand at the largest residual there.

    Args:
        solution: a :class:`rbfnet.training.Solution`.
        ax: where to draw; a new figure if None.

    Returns:
        The axes.

    Raises:
        InputError: neither losses nor residuals are known, as after a run that was stopped at once.

    Example:
        >>> import rbfnet
        >>> solution = rbfnet.solve(rbfnet.problems.Poisson(), num_centers=100)
        >>> [label.get_text() for label in rbfnet.plots.convergence(solution).get_yticklabels()]
        ['dirichlet', 'interior']
    """
    from matplotlib.ticker import MaxNLocator

    curves = curves_of(solution)
    rows = solution.summary["residuals"]
    if not curves and not rows:
        raise InputError("Neither losses of several epochs nor residuals of this solution are known, so nothing can be drawn.")
    ax = axes_or_new(ax)
    if not curves:
        return _bars(ax, solution)
    floor = LEAST * max(losses.max() for _, losses in curves.values())
    for name, (epochs, losses) in curves.items():
        label = text(name) if losses.max() > floor else f"{text(name)} (below {floor:.0e})"
        ax.plot(epochs, losses, label=label, color="black" if name == "loss" else None, zorder=1 if name == "loss" else 2)
    ax.set_yscale("log")
    if min(losses.min() for _, losses in curves.values()) < floor:
        ax.set_ylim(bottom=min(losses[losses > floor].min(initial=np.inf) for _, losses in curves.values()) / 10)
    ax.set_xlabel("epoch")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_title("loss over epochs")
    if len(curves) == 1:
        ax.set_ylabel(next(iter(curves)))
    else:
        ax.legend()
    return ax


def curves_of(solution: Drawable) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Epochs and positive values of each curve with at least two of them."""
    history = solution.history
    keys = dict.fromkeys(key for row in history for key in row)
    named = {key: NAMES.get(key) or key.removeprefix(TERMS) for key in keys if key in NAMES or key.startswith(TERMS)}
    curves = {}
    for key, name in named.items():
        found = [(row.get("epoch", n), row[key]) for n, row in enumerate(history) if 0 < row.get(key, 0.0) < np.inf]
        if len(found) > 1:
            epochs, losses = np.array(found, dtype=float).T
            curves[name] = epochs, losses
    return curves


def _bars(ax: Axes, solution: Drawable) -> Axes:
    rows = sorted(solution.summary["residuals"], key=lambda row: -row["rms"])[:MOST][::-1]
    several = {row["condition"] for row in rows if row["equation"] > 0}
    outputs = solution.problem.outputs if solution.summary["residuals"][0]["order"] == 0 else ()
    names = []
    for row in rows:
        number, condition = row["equation"], text(row["condition"])
        of_data = row["condition"] == "data" and len(outputs) > number
        names.append(f"{condition}: {text(outputs[number])}" if of_data else condition)
        if row["condition"] in several and not of_data:
            names[-1] += f" {number}"
    floor = 1e-17
    places = np.arange(len(rows))
    ax.barh(places, [max(row["rms"], floor) for row in rows], color="0.65", height=0.6)
    ax.plot([max(row["largest"], floor) for row in rows], places, "o", markersize=4)
    ax.set_xscale("log")
    ax.set_xlim(left=min(max(row["rms"], floor) for row in rows) / 30)
    ax.set_ylim(-1, len(rows))
    ax.set_yticks(places, names)
    ax.set_xlabel("relative residual: rms (bar), largest (dot)")
    ax.set_title("at held-out points")
    return ax
