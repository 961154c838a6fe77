"""Slices of a solution at fixed values of a coordinate, and animations along a coordinate."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from rbfnet.errors import InputError, unknown
from rbfnet.plots import animate, style
from rbfnet.plots import values as draw_values
from rbfnet.training._figures import overview
from rbfnet.training._solution import Solution

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STEPS = {1: 401, 2: 121}
"""Grid points along each axis, by the number of axes."""


def draw_overview(solution: Solution, path: str | Path) -> tuple[float, float]:
    """Draw fit, reference, error and centres of each output in one figure; returns the range of the values.

    Example: ``draw_overview(rbfnet.solve(Poisson(), num_centers=50), "overview.png")``
    """
    figure = overview(solution)
    _saved(figure, Path(path))
    values = solution.predict(solution.problem.domain.grid(2_000), progress=False)
    return float(np.nanmin(values.real)), float(np.nanmax(values.real))


def draw_slices(
    solution: Solution, path: str | Path, name: str, values: Sequence[float], what: str | None = None
) -> tuple[float, float]:
    """Draw the solution at fixed values of the coordinate ``name``: lines in one panel, or maps side by side on one scale.

    With more than three coordinates the remaining ones are at the middle of the domain.

    Example: ``draw_slices(rbfnet.solve(Poisson(), num_centers=50), "slices.png", "y", [0.25, 0.5])``
    """
    from matplotlib.figure import Figure

    section = _Section.of(solution, name)
    heights = [section.values(value, what) for value in values]
    low, high = _range(heights)
    with style():
        if len(section.axes) == 1:
            figure = Figure(layout="constrained")
            ax = figure.subplots()
            for value, height in zip(values, heights, strict=True):
                draw_values(section.grid, height, section.axes, what or solution.names.outputs[0], ax=ax)
                ax.lines[-1].set_label(_at(name, value))
            ax.legend()
        else:
            columns = min(3, len(values))
            lines = -(-len(values) // columns)
            figure = Figure(figsize=(4.2 * columns, 3.4 * lines), layout="constrained")
            axes: Any = figure.subplots(lines, columns, squeeze=False)
            for ax in axes.flat[len(values) :]:
                ax.set_axis_off()
            for ax, value, height in zip(axes.flat, values, heights, strict=False):
                _map(section, height, what or solution.names.outputs[0], ax, low, high)
                ax.set_title(_at(name, value))
        _saved(figure, Path(path))
    return low, high


def draw_film(
    solution: Solution, path: str | Path, name: str, frames: int = 40, what: str | None = None, *, progress: bool = True
) -> tuple[float, float]:
    """Draw a film along the coordinate ``name`` (:func:`rbfnet.plots.animate`); returns the range of the values.

    Example: ``draw_film(rbfnet.solve(Poisson(), num_centers=50), "film.gif", "y", frames=2)``
    """
    film: Any = animate(solution, path, name, output=what or 0, frames=frames, progress=progress)
    shown = np.concatenate([frame.values for frame in film.new_frame_seq()])
    return float(np.nanmin(shown)), float(np.nanmax(shown))


@dataclass(frozen=True)
class _Section:
    """A grid over the first two remaining coordinates when one is fixed, with the others at the middle of the domain."""

    solution: Solution
    name: str
    axes: tuple[str, ...]
    grid: Tensor
    held: dict[str, float]
    ends: tuple[float, float]

    @classmethod
    def of(cls, solution: Solution, name: str) -> _Section:
        names = solution.names
        if name not in names.coords:
            raise unknown("coordinate", name, names.coords)
        if len(names.coords) == 1:
            raise InputError(f"{name} is the only coordinate, so there is nothing to draw at a fixed value.")
        low, high = (end.tolist() for end in solution.problem.domain.box)
        box = dict(zip(names.coords, zip(low, high, strict=True), strict=True))
        rest = tuple(coord for coord in names.coords if coord != name)
        axes = rest[:2]
        lines = [torch.linspace(*box[axis], STEPS[len(axes)], dtype=torch.float64) for axis in axes]
        grid = torch.cartesian_prod(*lines).reshape(-1, len(axes))
        held = {coord: sum(box[coord]) / 2 for coord in rest[2:]}
        return cls(solution, name, axes, grid, held, box[name])

    def values(self, value: float, what: str | None) -> Tensor:
        """The values on the grid; NaN outside the domain."""
        given = {axis: column.numpy() for axis, column in zip(self.axes, self.grid.T, strict=True)}
        points = given | {self.name: value} | self.held
        asked = what or self.solution.names.outputs[0]
        found = torch.as_tensor(np.asarray(self.solution.predict(points, asked, progress=False)))
        domain = self.solution.problem.domain
        x = torch.stack([torch.as_tensor(points[name]).expand(len(self.grid)) for name in domain.coords], dim=1)
        inside = domain.contains(x.to(torch.float64))
        return torch.where(inside, found.double(), torch.nan) if inside.any() else found.double()


def _map(section: _Section, height: Tensor, label: str, ax: Axes, low: float, high: float) -> None:
    draw_values(section.grid, height, section.axes, label, ax=ax, vmin=low, vmax=high)


def _range(heights: Sequence[Tensor]) -> tuple[float, float]:
    every = torch.stack(list(heights))
    known = every[~torch.isnan(every)]
    return float(known.min()), float(known.max())


def _at(name: str, value: float) -> str:
    return f"{name} = {value:.4g}".replace("$", r"\$")


def _saved(figure: Figure, path: Path) -> None:
    """Save the figure; the file appears once it is complete."""
    part = path.with_name(f".part{path.suffix}")
    try:
        figure.savefig(part)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
