"""The figures of a run: fit, reference, error, centres."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from rbfnet.nn import CoordinateMap, Coordinates, Wrapper
from rbfnet.plots import plot_centers, plot_error, plot_parity, plot_values, style
from rbfnet.problems import Problem, Reference
from rbfnet.training._model import Network
from rbfnet.training.storage import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS = ("fit", "reference", "error", "centers")


def draw(panel: str, model: Network, problem: Problem, output: int, ax: Axes) -> bool:
    """Draw one panel for one output on ``ax``; returns False if the panel needs a reference and there is none.

    With three or more coordinates the fit is drawn on a plane through the middle of the domain, and reference and error
    against the true values.
    """
    coords, name = tuple(map(_as_it_is, problem.domain.coords)), _as_it_is(problem.outputs[output])
    if panel == "centers":
        part, axes = _with_centers(model, coords)
        plot_centers(part, axes, output, ax)
        ax.set_title(f"{model.num_centers} centres{'' if part is model else ', in the coordinates of the map'}")
        return True
    if panel == "fit":
        x = _plane(problem).to(model.weight)
        plot_values(x[:, :2], _predict(model, x)[:, output], coords, name, ax)
        held = ", ".join(f"{c} = {v:.3g}" for c, v in zip(coords[2:], x[0, 2:].tolist(), strict=True))
        ax.set_title(f"fit{', at ' + held if held else ''}")
        return True
    test = problem.figure_set() if len(coords) <= 2 else problem.test_set()
    if test is None:
        return False
    x, true = test.x.to(model.weight), test.y.to(model.weight)[:, output]
    _draw_against_reference(panel, model, Reference(x, true[:, None]), output, coords, name, ax)
    return True


def _draw_against_reference(
    panel: str, model: Network, test: Reference, output: int, coords: tuple[str, ...], name: str, ax: Axes
) -> None:
    true = test.y[:, 0]
    predicted = _predict(model, test.x)[:, output]
    if test.x.shape[1] > 2:
        if panel == "reference":
            plot_parity(true, predicted, name, ax)
        else:
            order = true.argsort()
            plot_error(true[order, None], (predicted - true)[order], (f"{name}, reference",), "fit - reference", ax)
    elif panel == "reference":
        plot_values(test.x, true, coords, name, ax)
    else:
        plot_error(test.x, predicted - true, coords, "fit - reference", ax)
    ax.set_title(panel)


def write_figures(model: Network, problem: Problem, directory: Path) -> list[Path]:
    """Write every panel as a PNG file, with one file per output."""
    # Not a pyplot figure: pyplot's state belongs to the user and to one thread.
    from matplotlib.figure import Figure

    written = []
    with style():
        for output, name in enumerate(problem.outputs):
            for panel in PANELS:
                figure = Figure()
                ax = figure.subplots()
                if draw(panel, model, problem, output, ax):
                    suffix = "_" + re.sub(r"[^\w.-]", "_", name) if len(problem.outputs) > 1 else ""
                    written.append(directory / f"{panel}{suffix}.png")
                    file = io.BytesIO()
                    figure.savefig(file, format="png")
                    write_whole(written[-1], file.getbuffer())
    return written


def overview(model: Network, problem: Problem) -> Figure:
    """All panels in one figure, one row per output."""
    import matplotlib.pyplot as plt

    with style():
        rows: Any
        figure, rows = plt.subplots(
            len(problem.outputs), len(PANELS), figsize=(4 * len(PANELS), 3.4 * len(problem.outputs)), squeeze=False
        )
        for output, row in enumerate(rows):
            for panel, ax in zip(PANELS, row, strict=True):
                if not draw(panel, model, problem, output, ax):
                    ax.set_axis_off()
    return figure


def _as_it_is(name: str) -> str:
    """Escape dollar signs, which Matplotlib would read as mathematics."""
    return name.replace("$", r"\$")


def _plane(problem: Problem) -> Tensor:
    """A grid over the first two coordinates, with the others at the middle of the domain."""
    if len(problem.domain.coords) <= 2:
        return problem.domain.grid(10_000)
    low, high = problem.domain.box
    axes = [torch.linspace(float(low[i]), float(high[i]), 100, dtype=low.dtype) for i in (0, 1)]
    plane = torch.cartesian_prod(*axes)
    return torch.cat([plane, ((low + high) / 2)[2:].expand(len(plane), -1)], dim=1)


def _with_centers(model: Network, coords: Sequence[str]) -> tuple[Network, Sequence[str]]:
    """The part of the model that has centres, with coordinate names; z1, z2, ... inside a map without an inverse."""
    part: Network = model
    while isinstance(part, Wrapper):
        if isinstance(part, CoordinateMap) and not isinstance(part.map, Coordinates):
            return _with_centers(part.network, [f"z{i + 1}" for i in range(part.network.in_features)])
        part = part.network
    return model, coords


def _predict(model: Network, x: Tensor) -> Tensor:
    with torch.no_grad():
        return model(x)
