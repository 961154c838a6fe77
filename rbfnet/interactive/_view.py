"""``view``: solutions in two and three dimensions with PyVista."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from rbfnet.annotations import held
from rbfnet.errors import InputError, one_of, positive
from rbfnet.extras import require
from rbfnet.interactive._section import Section
from rbfnet.problems import Problem
from rbfnet.training import Solution

KINDS = ("slices", "isosurfaces", "volume")
"""What can be shown of three coordinates."""

STEPS = {2: 101, 3: 41}
"""Grid points along each axis, by the number of axes."""

LEVELS = 7
"""Number of isosurfaces, evenly between the smallest and the largest value."""

HEIGHT = 0.5
"""Height of a surface relative to the larger side of its base."""


@held
def view(
    solution: Solution,
    what: str | None = None,
    *,
    kind: str = "slices",
    coords: Sequence[str] | None = None,
    at: Mapping[str, float] | None = None,
    steps: int | None = None,
) -> Any:
    """A solution in three dimensions with PyVista: slices, isosurfaces or a volume; of two coordinates, a surface.

    The grid is cut where the domain ends. Coordinates that share no unit, such as time, are drawn in a cube. Its ``show``
    shows the scene, which can be turned with the mouse, and ``screenshot("u.png")`` writes it to a file. With the environment
    variable ``PYVISTA_OFF_SCREEN=true`` no screen is needed.

    Args:
        solution: of two coordinates or more.
        what: what is shown: an output or an expression, as in :meth:`rbfnet.Solution.predict`; None is the first output.
        kind: of three coordinates: ``"slices"`` (through the middle, one across each coordinate), ``"isosurfaces"`` or
            ``"volume"`` (a transparent cloud, over the bounding box).
        coords: the two or three coordinates to show; None is the first three.
        at: the values of the others; by default in the middle of the domain.
        steps: grid points along each coordinate; None is 41 for three coordinates and 101 for two.

    Returns:
        A ``pyvista.Plotter``; call its ``show`` or ``screenshot``.

    Raises:
        InputError: one coordinate alone, an unknown coordinate, kind or expression; PyVista is not installed.

    Example:
        >>> import rbfnet
        >>> solution = rbfnet.solve(rbfnet.problems.Poisson(), num_centers=100)
        >>> plotter = rbfnet.interactive.view(solution, steps=21)
        >>> plotter.mesh.n_points
        441
    """
    require("pyvista", "interactive", "view")
    names = solution.names
    one_of("kind", kind, KINDS)
    axes = list(names.coords[:3] if coords is None else coords)
    if len(set(axes)) != len(axes) or not 2 <= len(axes) <= 3:
        raise InputError(f"view shows two or three coordinates, but got {', '.join(axes) or 'none'}; use solution.plot().")
    count = STEPS[len(axes)] if steps is None else int(positive("steps", steps, whole=True, most=1000))
    if count < 2:
        raise InputError("steps must be at least 2, but got 1.")
    section, asked = Section.of(solution, axes, count, at), names.outputs[0] if what is None else what
    import pyvista

    plotter = pyvista.Plotter()
    scale = _scale(section)
    if len(axes) == 2:
        _surface(plotter, section, asked, scale)
    else:
        _solid(plotter, section, asked, scale, kind)
    if title := section.title():
        plotter.add_text(title, font_size=9)
    return plotter


def _scale(section: Section) -> list[float]:
    """A factor for each coordinate: 1 for lengths; a cube if there is another coordinate than lengths of similar extent."""
    extents = [float(np.ptp(places)) for places in section.axes.values()]
    alike = set(section.axes) <= set(section.solution.names.space) and max(extents) < 10 * min(extents)
    return [1.0] * len(extents) if alike else [1.0 / extent for extent in extents]


def _surface(plotter: Any, section: Section, what: str, scale: list[float]) -> None:
    """The values as heights and colours."""
    import pyvista

    values = section.values(what, inside=False)
    places = np.meshgrid(*(factor * axis for factor, axis in zip(scale, section.axes.values(), strict=True)), indexing="ij")
    grid = pyvista.StructuredGrid(places[0][..., None], places[1][..., None], np.zeros_like(values)[..., None])
    mesh = _cut(_filled(grid, section, what, values))
    heights = np.asarray(mesh[what])
    side, low, high = max(float(np.ptp(column)) for column in places), float(heights.min()), float(heights.max())
    rise = HEIGHT * side / (high - low) if high > low else 1.0
    mesh.points = np.column_stack([mesh.points[:, :2], rise * heights])
    plotter.add_mesh(mesh, scalars=what, scalar_bar_args=_bar(what))
    _bounds(plotter, section, (what, low, high))


def _solid(plotter: Any, section: Section, what: str, scale: list[float], kind: str) -> None:
    """Slices, isosurfaces or a volume."""
    import pyvista

    values = section.values(what, inside=False)
    spacing = [factor * float(axis[1] - axis[0]) for factor, axis in zip(scale, section.axes.values(), strict=True)]
    origin = [factor * float(axis[0]) for factor, axis in zip(scale, section.axes.values(), strict=True)]
    grid = _filled(pyvista.ImageData(dimensions=values.shape, spacing=spacing, origin=origin), section, what, values)
    mesh = _cut(grid)
    ends = (float(np.min(mesh[what])), float(np.max(mesh[what])))
    look: dict[str, Any] = {"scalars": what, "clim": ends, "scalar_bar_args": _bar(what)}
    if kind == "slices":
        # Shading would change the colours.
        plotter.add_mesh(mesh.slice_orthogonal(), lighting=False, **look)
    elif kind == "isosurfaces":
        levels = np.linspace(*ends, LEVELS + 2)[1:-1]
        plotter.add_mesh(mesh.contour(levels, scalars=what), opacity=0.6, **look)
    else:
        # What is lowest is transparent, and so is what lies outside.
        grid[what] = np.where(np.asarray(grid["inside"]) < 0, ends[0], np.asarray(grid[what]))
        plotter.add_volume(grid, opacity="linear", **look)
    _bounds(plotter, section, None)


def _filled(grid: Any, section: Section, what: str, values: np.ndarray) -> Any:
    """The grid with its values, and with ``inside``, which is positive in the domain and zero on its boundary."""
    grid[what] = values.ravel(order="F")
    x = torch.from_numpy(section.points())
    problem: Problem = section.solution.problem
    try:
        inside = problem.domain.implicit(x).numpy()
    except InputError:
        # Data have no boundary.
        inside = np.ones(len(x))
    grid["inside"] = inside.reshape(values.shape).ravel(order="F")
    return grid


def _cut(grid: Any) -> Any:
    """What lies in the domain; everything if the section does not meet it."""
    inside = np.asarray(grid["inside"])
    rounding = 64 * np.finfo(float).eps * float(np.abs(inside).max())
    if (inside >= -rounding).all() or not (inside > 0).any():
        return grid
    return grid.clip_scalar(scalars="inside", invert=False, value=0.0)


def _bar(what: str) -> dict[str, Any]:
    return {"title": what, "vertical": True, "n_labels": 5, "fmt": "%.2g", "position_x": 0.85}


def _bounds(plotter: Any, section: Section, height: tuple[str, float, float] | None) -> None:
    """Axes that show the values of the coordinates, whatever the scale."""
    names = [*section.axes] + ([height[0]] if height else [])
    ends = [float(end) for axis in section.axes.values() for end in (axis[0], axis[-1])]
    ends += list(height[1:]) if height else []
    titles = dict(zip(("xtitle", "ytitle", "ztitle"), names, strict=True))
    plotter.show_bounds(axes_ranges=ends, location="outer", fmt="%.2g", n_zlabels=3 if height else 5, **titles)
