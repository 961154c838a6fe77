"""Vertices, cells and named groups of facets from a mesh file."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import numpy as np

from rbfnet.errors import InputError
from rbfnet.errors import path as named
from rbfnet.extras import require

Array = np.ndarray[Any, Any]

_KINDS = (("tetra", "triangle"), ("triangle", "line"))
"""Cells, and what bounds them."""


def read_mesh(path: str | Path) -> tuple[Array, Array, dict[str, Array]]:
    """The vertices (V, D), the cells (C, D + 1) and each named group of facets (F, D); cells and facets are indices of vertices.

    Triangles are read if there are no tetrahedra; they must lie in a plane z = constant. Groups are physical groups of Gmsh, or
    sets of cells in other formats.

    Raises:
        InputError: no such file, one that meshio cannot read, or one without triangles or tetrahedra;
            or meshio is not installed.

    Example:
        >>> import meshio
        >>> from rbfnet.domains import read_mesh
        >>> corners = [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
        >>> meshio.write_points_cells("triangle.vtu", corners, [("triangle", [[0, 1, 2]])])
        >>> vertices, cells, groups = read_mesh("triangle.vtu")
        >>> vertices.shape, cells.shape, groups
        ((3, 2), (1, 3), {})
    """
    if not isinstance(path, (str, Path)):
        raise InputError(f"A mesh needs the path of a file, but got {path!r}.")
    if not named("The path of a mesh", path).is_file():
        raise InputError(f"There is no mesh file {str(path)!r}.")
    require("meshio", "geometry", "Mesh")
    import meshio

    # meshio prints what went wrong, and ends the process where no reader succeeds.
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            mesh = meshio.read(path)
    except (Exception, SystemExit) as error:
        reason = " ".join(said.getvalue().split()) if isinstance(error, SystemExit) else f"{type(error).__name__}: {error}"
        raise InputError(
            f"{str(path)!r} cannot be read as a mesh ({reason.rstrip('.')}); use a format such as .msh, .vtk or .vtu."
        ) from None
    cells, bounds = next(((mesh.get_cells_type(kind), below) for kind, below in _KINDS if kind in mesh.cells_dict), (None, ""))
    if cells is None or not len(cells):
        found = ", ".join(sorted(mesh.cells_dict)) or "none"
        raise InputError(f"{str(path)!r} holds neither triangles nor tetrahedra; it holds: {found}.")
    vertices = np.asarray(mesh.points, dtype=np.float64)
    if not np.isfinite(vertices).all():
        raise InputError(f"{str(path)!r} has non-finite vertices.")
    if bounds == "line" and vertices.shape[1] == 3:
        if np.ptp(vertices[cells, 2]) > 1e-12 * np.ptp(vertices[cells], axis=(0, 1)).max():
            raise InputError(f"{str(path)!r} is a curved surface in space; triangles must lie in a plane z = constant.")
        vertices = vertices[:, :2]
    return vertices, np.asarray(cells, dtype=np.int64), _groups(mesh, bounds)


def _groups(mesh: Any, kind: str) -> dict[str, Array]:
    groups: dict[str, Array] = {}
    if "gmsh:physical" in mesh.cell_data and kind in mesh.cells_dict:
        tags = mesh.get_cell_data("gmsh:physical", kind)
        dims = {"line": 1, "triangle": 2}[kind]
        names = {int(tag): name for name, (tag, of) in mesh.field_data.items() if of == dims}
        for tag in np.unique(tags):
            groups[names.get(int(tag), f"group {tag}")] = mesh.get_cells_type(kind)[tags == tag]
    for name, sets in mesh.cell_sets_dict.items():
        if kind in sets and name not in groups and not name.startswith("gmsh:"):
            groups[name] = mesh.get_cells_type(kind)[sets[kind]]
    return {name: np.asarray(facets, dtype=np.int64) for name, facets in groups.items()}
