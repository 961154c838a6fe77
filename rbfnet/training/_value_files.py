"""Write values of a solution to files for other programs."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from rbfnet.domains import read_mesh
from rbfnet.errors import InputError, unknown
from rbfnet.extras import require
from rbfnet.training._points import as_given

if TYPE_CHECKING:
    from rbfnet.training._asked import What
    from rbfnet.training._solution import Solution

GRID, STEPS = 10_000, 50
"""Default number of points of a grid, and of steps along each axis of a dataset."""

CELLS = {2: "triangle", 3: "tetra"}
VTK = (".vtu", ".vtk")
Cells = list[tuple[str, np.ndarray]]


def fresh(path: str | Path, *endings: str) -> Path:
    """The path of a new file.

    Raises:
        InputError: an unsupported extension, a file that already exists, or a missing directory.
    """
    file = Path(path)
    if file.suffix.lower() not in endings:
        raise InputError(f"The file name must end in {' or '.join(endings)}, but got {str(path)!r}.")
    if file.exists():
        raise InputError(f"The file {str(path)!r} already exists; choose another name, or remove it.")
    if not file.parent.is_dir():
        raise InputError(f"There is no directory {str(file.parent)!r} to write {file.name!r} to.")
    return file


def columns(solution: Solution, points: Any, what: What | None) -> dict[str, np.ndarray]:
    """Coordinates and values by name, (N,) each; complex values as two columns."""
    given = solution.problem.domain.grid(GRID) if points is None else points
    return columns_at(solution, as_given(given, solution.names.coords, solution.model.weight).x.cpu().numpy(), what)


def columns_at(solution: Solution, points: np.ndarray, what: What | None, *, progress: bool = True) -> dict[str, np.ndarray]:
    """As :func:`columns`, for an array of points (N, D), whose coordinates are kept as given."""
    coords = dict(zip(solution.names.coords, points.T, strict=True))
    found: dict[str, np.ndarray] = solution.predict(coords, what, progress=progress)
    values: dict[str, np.ndarray] = {}
    for name, column in found.items():
        parts = {f"{name}_real": column.real, f"{name}_imag": column.imag} if np.iscomplexobj(column) else {name: column}
        values |= parts
    return coords | {name: column for name, column in values.items() if name not in coords}


def write_csv(solution: Solution, path: str | Path, points: Any, what: What | None) -> Path:
    file = fresh(path, ".csv")
    table = columns(solution, points, what)
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(table)
        # repr is the shortest text that is read back as the same number.
        writer.writerows(zip(*(map(repr, column.tolist()) for column in table.values()), strict=True))
    return file


def write_npz(solution: Solution, path: str | Path, points: Any, what: What | None) -> Path:
    file = fresh(path, ".npz")
    table = columns(solution, points, what)
    np.savez(file, **table)  # type: ignore[arg-type]
    return file


def write_vtk(solution: Solution, path: str | Path, points: Any, what: What | None) -> Path:
    file, cells = fresh(path, *VTK), None
    if isinstance(points, (str, Path)):
        points, cells = vertices_and_cells(points, solution.names.coords)
    require_space(solution.names.coords)
    write_mesh(file, solution.names.coords, columns(solution, points, what), cells)
    return file


def require_space(coords: Sequence[str]) -> None:
    """Raise InputError for more coordinates than a VTK file has."""
    if len(coords) > 3:
        raise InputError(f"A VTK file has at most three coordinates, but the solution has {', '.join(coords)}.")


def vertices_and_cells(path: str | Path, coords: Sequence[str]) -> tuple[np.ndarray, Cells]:
    """The vertices of a mesh file, (N, D), and its cells.

    Raises:
        InputError: another number of coordinates.
    """
    vertices, corners, _ = read_mesh(path)
    if vertices.shape[1] != len(coords):
        raise InputError(f"The mesh {str(path)!r} has {vertices.shape[1]} coordinates, but the solution has {', '.join(coords)}.")
    return vertices, [(CELLS[corners.shape[1] - 1], corners)]


def write_mesh(file: Path, coords: Sequence[str], table: dict[str, np.ndarray], cells: Cells | None) -> None:
    """Write columns at points, which stand for themselves where there are no cells."""
    import meshio

    places = np.stack([table[name] for name in coords], axis=1)
    cells = cells or [("vertex", np.arange(len(places))[:, None])]
    places = np.pad(places, ((0, 0), (0, 3 - len(coords))))
    meshio.Mesh(places, cells, point_data={name: v for name, v in table.items() if name not in coords}).write(file)


def xarray_of(solution: Solution, axes: Mapping[str, Any] | None, what: What | None) -> Any:
    require("xarray", "xarray", "to_xarray")
    import xarray

    names = solution.names
    given = dict(axes or {})
    for name in given:
        if name not in names.coords:
            raise unknown("coordinate", name, names.coords)
    if len(given) < len(names.coords):
        low, high = solution.problem.domain.box
        for i, name in enumerate(names.coords):
            steps = torch.linspace(float(low[i]), float(high[i]), STEPS, dtype=torch.float64)
            given.setdefault(name, steps.numpy())
    ticks = {name: np.atleast_1d(np.asarray(given[name], dtype=np.float64)) for name in names.coords}
    grid = np.meshgrid(*ticks.values(), indexing="ij")
    found = solution.predict(dict(zip(names.coords, grid, strict=True)), what)
    return xarray.Dataset({name: (names.coords, values) for name, values in found.items() if name not in ticks}, coords=ticks)
