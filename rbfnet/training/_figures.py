"""The figures of a run: fit, reference, error, centres."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rbfnet import plots
from rbfnet.plots import style
from rbfnet.problems import DataProblem
from rbfnet.training.storage import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from rbfnet.training._solution import Solution

PANELS = ("fit", "reference", "error", "centers")


def draw(panel: str, solution: Solution, output: int, ax: Axes) -> bool:
    """Draw one panel for one output on ``ax``; returns False if the panel needs a reference and there is none.

    Of data in three coordinates or more, the reference is drawn as predicted over true values.
    """
    problem = solution.problem
    if panel in ("reference", "error"):
        known = problem.exact is not None or isinstance(problem, DataProblem) or problem.test_set() is not None
        if not known:
            return False
        if panel == "reference" and problem.exact is None and len(problem.domain.coords) > 2:
            plots.parity(solution, output, ax=ax)
            return True
    drawing: Any = getattr(plots, panel)
    drawing(solution, output, ax=ax)
    return True


def write_figures(solution: Solution, directory: Path) -> list[Path]:
    """Write every panel as a PNG file, with one file per output."""
    # Not a pyplot figure: pyplot's state belongs to the user and to one thread.
    from matplotlib.figure import Figure

    written = []
    with style():
        for output, name in enumerate(solution.problem.outputs):
            for panel in PANELS:
                several = len(solution.problem.outputs) > 1
                figure = Figure()
                if not draw(panel, solution, output, figure.subplots()):
                    continue
                suffix = "_" + re.sub(r"[^\w.-]", "_", name) if several else ""
                written.append(directory / f"{panel}{suffix}.png")
                file = io.BytesIO()
                figure.savefig(file, format="png")
                write_whole(written[-1], file.getbuffer())
    return written


def overview(solution: Solution) -> Figure:
    """All panels in one figure, one row per output."""
    import matplotlib.pyplot as plt

    outputs = solution.problem.outputs
    with style():
        rows: Any
        figure, rows = plt.subplots(len(outputs), len(PANELS), figsize=(4 * len(PANELS), 3.4 * len(outputs)), squeeze=False)
        for output, row in enumerate(rows):
            for panel, ax in zip(PANELS, row, strict=True):
                if not draw(panel, solution, output, ax):
                    ax.set_axis_off()
    return figure
