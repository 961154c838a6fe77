from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from rbfnet.errors import InputError, one_of
from rbfnet.errors import unknown as no_such
from rbfnet.plots._drawable import Drawable, View, label
from rbfnet.plots._error import draw_signed
from rbfnet.plots._fit import span
from rbfnet.plots._maps import as_array, values
from rbfnet.plots._style import axes_or_new, text
from rbfnet.problems import Unknown, UnknownField

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHOWN = ("value", "exact", "error", "deviation")

SURE = 1.96
"""Standard errors on both sides of 95 % of a normal distribution."""

SHORT = 1e-3
"""A bar that is shorter relative to the value: ticks would differ in the fourth digit only."""


def unknown(solution: Drawable, name: str | None = None, *, show: str = "value", ax: Axes | None = None) -> Axes:
    """An unknown coefficient of an inverse problem, with its 95 % band and the truth where these are known.

    A number is a dot with an error bar; if the bar is very short, the axis shows the difference from the true value, or from a
    round number. A function of one coordinate is a line with a band. A function of two is a colour map, of which ``show``
    chooses one; value and truth have one scale.

    Args:
        solution: a :class:`rbfnet.training.Solution`.
        name: of the unknown; None for the first.
        show: for a function of two coordinates, ``"value"``, ``"exact"``, ``"error"`` (value minus truth) or ``"deviation"``,
            the half width of the band: 1.96 standard errors.
        ax: where to draw; a new figure if None.

    Returns:
        The axes.

    Raises:
        InputError: there is no such unknown, or what is to be shown of it is not known.

    Example:
        >>> import rbfnet
        >>> solution = rbfnet.solve(rbfnet.problems.InverseDiffusivity(), num_centers=60)
        >>> rbfnet.plots.unknown(solution).get_ylabel()  # its error bar is far shorter than k
        'k - 0.1'
    """
    found = solution.problem.unknowns()
    name = next(iter(found), "") if name is None else name
    if name not in found:
        raise no_such("unknown coefficient", name, found)
    one_of("picture to show called", show, SHOWN)
    part = found[name]
    report = part.report(solution.problem.domain)
    if isinstance(part, Unknown):
        ax = _number(axes_or_new(ax), label(solution.problem, name), report)
    else:
        ax = _field(ax, solution, name, part, show)
    ax.set_title(f"{text(str(solution.summary['problem']))}: {_words(name, report, show)}")
    return ax


def _number(ax: Axes, name: str, report: dict[str, float]) -> Axes:
    bar = SURE * report["standard_error"] if "standard_error" in report else None
    start = _start(report, bar)
    ax.errorbar([0.0], [report["value"] - start], yerr=bar, fmt="o", capsize=4, label="found" if bar is None else "found, 95 %")
    if "exact" in report:
        ax.axhline(report["exact"] - start, color="0.4", linestyle="--", linewidth=1, label="exact")
    ax.set_xticks([])
    ax.set_xlim(-1, 1)
    ax.set_ylabel(f"{name} - {start:.15g}" if start else name)
    ax.legend()
    return ax


def _start(report: dict[str, float], bar: float | None) -> float:
    """What is subtracted so that ticks need few digits: the exact value, or the value rounded to the size of its bar."""
    value = report["value"]
    shown = max(bar or 0.0, abs(value - report.get("exact", value)))
    if not 0 < shown < SHORT * abs(value):
        return 0.0
    return report["exact"] if "exact" in report else round(value, -math.floor(math.log10(shown)))


def _field(ax: Axes | None, solution: Drawable, name: str, part: UnknownField, show: str) -> Axes:
    problem = solution.problem
    low, high = problem.domain.box
    middle = dict(zip(problem.domain.coords, ((low + high) / 2).tolist(), strict=True))
    view = View.of(problem, {coord: value for coord, value in middle.items() if coord not in part.coords})
    x = view.grid()
    columns = x[:, [problem.domain.coords.index(coord) for coord in part.coords]].to(part.network.centers)
    with torch.no_grad():
        value = as_array(part.at(columns)[:, 0])
    deviation = SURE * as_array(part.deviation(columns)[:, 0])
    exact = None if part.exact is None else as_array(part.exact(*columns.unbind(dim=1)))
    if len(view.axes) == 1:
        along, names = as_array(view.seen(x))[:, 0], (view.labels[0], label(problem, name))
        return _band(axes_or_new(ax), along, value, deviation, exact, names)
    pictures: dict[str, Any] = {"value": value, "exact": exact, "deviation": deviation if np.isfinite(deviation).all() else None}
    pictures["error"] = None if exact is None else value - exact
    if pictures[show] is None:
        raise InputError(f"The {show} of the unknown {name!r} is not known.")
    ax = axes_or_new(ax)
    seen, words = view.seen(x), label(problem, name)
    if show == "error":
        draw_signed(ax, seen, pictures[show], view.labels, f"{words} - exact", dots=False, equal=view.share_a_unit)
    else:
        colours = {} if show == "deviation" else span(value if exact is None else exact)
        words = f"1.96 standard errors of {words}" if show == "deviation" else words
        values(seen, pictures[show], view.labels, words, ax=ax, equal=view.share_a_unit, **colours)
    return ax


def _band(ax: Axes, x: np.ndarray, value: np.ndarray, deviation: np.ndarray, exact: Any, names: tuple[str, str]) -> Axes:
    order = np.argsort(x)
    if np.isfinite(deviation).all():
        ax.fill_between(
            x[order], (value - deviation)[order], (value + deviation)[order], color="0.8", linewidth=0, label="95 %", zorder=0
        )
    ax.plot(x[order], value[order], label="found")
    if exact is not None:
        ax.plot(x[order], np.broadcast_to(exact, x.shape)[order], label="exact")
    ax.set_xlabel(names[0])
    ax.set_ylabel(names[1])
    ax.legend()
    return ax


def _words(name: str, report: dict[str, float], show: str) -> str:
    """The name of an unknown and how well it was found."""
    if "value" in report:
        bar = f" ± {SURE * report['standard_error']:.1g}" if "standard_error" in report else ""
        exact = f"\nexact {report['exact']:.6g}" if "exact" in report else ""
        return f"{text(name)} = {report['value']:.6g}{bar}{exact}"
    error = f"\nrelative L2 error {report['rel_error']:.1e}" if "rel_error" in report else ""
    return f"{text(name)}{'' if show == 'value' else f', {show}'}{error if show == 'value' else ''}"
