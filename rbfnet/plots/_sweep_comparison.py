"""The runs of a sweep, compared."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rbfnet.errors import InputError, number, unknown
from rbfnet.plots._style import axes_or_new
from rbfnet.run_table import run_table, text_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Table = Mapping[str, Sequence[Any]]

OUTCOMES = ("run", "error", "verdict", "seconds")
"""Columns that are no settings."""

LABELS = {"error": "relative L2 error", "seconds": "time [s]"}

SPAN = 3.0
"""Positive numbers are on a logarithmic axis where they differ by more than this."""

FEW = 8
"""So many values of a setting are written at the axis."""

APART = 0.08
"""Distance between the points of several lines at one name."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def sweep(
    runs: str | Path | Table, x: str, y: str = "error", *, series: Sequence[str] | None = None, ax: Axes | None = None
) -> Axes:
    """An outcome of the runs of a sweep over one setting, a line for each combination of the others. Returns the axes.

    Points are medians over runs that differ in the seed alone; the bars extend from the least to the largest. Runs without a
    value are left out. Axes are logarithmic where positive numbers differ by more than a factor of three. Settings that are
    names are side by side.

    Args:
        runs: a directory of runs (:func:`rbfnet.run_table.run_table`), or a table: a dict of columns, or a data frame.
        x: the column of the setting; the end of its name suffices, as ``"num_centers"`` does for ``"network.num_centers"``.
        y: the column of the outcome: ``"error"``, ``"seconds"``, or another with numbers.
        series: the columns that tell lines apart; by default all settings that differ, except x and the seed.
        ax: where to draw; a new figure if None.

    Raises:
        InputError: no runs, an unknown column, columns of different length, or an outcome without numbers.

    Example:
        >>> import rbfnet
        >>> table = {"centers": [50, 100] * 2, "kernel": ["gaussian"] * 2 + ["matern"] * 2, "error": [1e-3, 1e-5, 1e-2, 1e-3]}
        >>> ax = rbfnet.plots.sweep(table, x="centers")
        >>> [text.get_text() for text in ax.get_legend().get_texts()]
        ['gaussian', 'matern']
    """
    table = _columns(runs)
    x, y = _column(table, x), _column(table, y)
    along = _differing(table, x, y) if series is None else [_column(table, name) for name in series]
    outcome = [_finite(value) for value in table[y]]
    kept = [row for row, value in enumerate(outcome) if value is not None and table[x][row] is not None]
    if not kept:
        raise InputError(f"No run has a number in the column {y!r}, so there is nothing to draw; choose another y.")
    names = None if all(number(table[x][row]) is not None for row in kept) else sorted({text_of(table[x][row]) for row in kept})
    lines: dict[tuple[Any, ...], dict[float, list[float]]] = {}
    for row in kept:
        place = float(table[x][row]) if names is None else float(names.index(text_of(table[x][row])))
        line = lines.setdefault(tuple(table[name][row] for name in along), {})
        line.setdefault(place, []).append(outcome[row])  # type: ignore[arg-type]
    ax = axes_or_new(ax)
    ordered = sorted(lines.items(), key=lambda line: [_rank(value) for value in line[0]])
    for k, (values, line) in enumerate(ordered):
        places = np.array(sorted(line))
        middle, low, high = (np.array([measure(line[place]) for place in places]) for measure in (np.median, np.min, np.max))
        # Between names there is nothing, so no line joins them.
        apart = 0.0 if names is None else APART * (k - (len(lines) - 1) / 2)
        joined: dict[str, Any] = {} if names is None else {"linestyle": "none"}
        ax.errorbar(
            places + apart, middle, yerr=[middle - low, high - middle], marker=MARKERS[k % len(MARKERS)], markersize=5, capsize=3,
            label=", ".join(text_of(value) or "-" for value in values), **joined,
        )  # fmt: skip
    _scale(ax, [place for line in lines.values() for place in line], names, [outcome[row] for row in kept])  # type: ignore[misc]
    ax.set_xlabel(x.removesuffix("._target_"))
    ax.set_ylabel(LABELS.get(y, y))
    if len(lines) > 1:
        ax.legend(title=", ".join(name.removesuffix("._target_") for name in along))
    return ax


def _columns(runs: str | Path | Table | Any) -> dict[str, list[Any]]:
    if isinstance(runs, (str, Path)):
        return run_table(runs)
    try:
        table = {str(name): list(runs[name]) for name in runs}
    except (TypeError, KeyError, IndexError):
        raise InputError(
            f"The runs must be a directory or a table, as in {{'centers': [50, 100], 'error': [1e-2, 1e-4]}}, "
            f"but got {runs!r:.60}."
        ) from None
    if len({len(column) for column in table.values()}) != 1:
        lengths = ", ".join(f"{name} {len(column)}" for name, column in table.items())
        raise InputError(f"The columns of the table must have one length, but got {lengths or 'none'}.")
    return table


def _column(table: Table, name: str) -> str:
    """The column of that name, or the only one that ends so."""
    if name in table:
        return name
    ending = [key for key in table if f".{key.removesuffix('._target_')}".endswith(f".{name}")]
    if len(ending) != 1:
        raise unknown("column", name, ending or table)
    return ending[0]


def _differing(table: Table, x: str, y: str) -> list[str]:
    skipped = {x, y, *OUTCOMES}
    settings = [name for name in table if name not in skipped and name.rpartition(".")[2] != "seed"]
    return [name for name in settings if len({text_of(value) for value in table[name]}) > 1]


def _rank(value: Any) -> tuple[float, str]:
    """Numbers before names."""
    found = _finite(value)
    return (math.inf, text_of(value)) if found is None else (found, "")


def _finite(value: Any) -> float | None:
    found = number(value)
    return float(found) if found is not None and math.isfinite(found) else None


def _scale(ax: Axes, places: Sequence[float], names: Sequence[str] | None, outcome: Sequence[float]) -> None:
    if names is not None:
        ax.set_xticks(range(len(names)), names)
        ax.set_xlim(-0.5, len(names) - 0.5)
    elif 0 < SPAN * min(places) < max(places):
        ax.set_xscale("log")
        if len(ticks := sorted(set(places))) <= FEW:
            ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
            ax.set_xticks([], minor=True)
    if 0 < SPAN * min(outcome) < max(outcome):
        ax.set_yscale("log")
