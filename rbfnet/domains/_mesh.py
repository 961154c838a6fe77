"""Domains given by a mesh of triangles or tetrahedra."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from rbfnet.domains._domain import Domain
from rbfnet.domains._edges import Edges
from rbfnet.domains._gauss import MOST, on_simplices
from rbfnet.domains._mesh_file import read_mesh
from rbfnet.domains._numbers import names
from rbfnet.domains._piece import Piece, unit_cube
from rbfnet.domains._rejection import require_sampler
from rbfnet.domains._simplices import Simplices, spread
from rbfnet.errors import MOST_POINTS, InputError, positive

Array = np.ndarray[Any, Any]

FEW = 9
"""Nodes that a cell has, at least, if it has a rule of its own."""


class Mesh(Domain):
    """What the triangles or tetrahedra of a file cover (.msh, .vtk, .vtu, .xdmf, ...: whatever meshio reads).

    The boundary is made of the facets that belong to one cell only. Its parts have the names of the physical groups (or sets of
    cells) that the file has for them; facets in no group are ``"boundary"``. Straight-sided cells only.

    Args:
        path: the file.
        coords: names; by default x and y, or x, y and z.

    Raises:
        InputError: a file that is not there, cannot be read, or holds no triangles or tetrahedra; cells without volume, or
            that overlap; or meshio is not installed.

    Example:
        >>> import meshio
        >>> from rbfnet.domains import Mesh
        >>> corners = [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]
        >>> meshio.write_points_cells("square.vtk", corners, [("triangle", [[0, 1, 2], [0, 2, 3]])])
        >>> mesh = Mesh("square.vtk")
        >>> mesh.volume, mesh.parts
        (1.0, ('boundary',))
    """

    def __init__(self, path: str | Path, coords: Sequence[str] | None = None) -> None:
        vertices, cells, groups = read_mesh(path)
        self._path, dims = str(path), vertices.shape[1]
        self.coords = names(coords, dims)
        corners = vertices[cells]
        extent = np.ptp(corners, axis=(0, 1)).max()
        flat = np.abs(np.linalg.det(corners[:, 1:] - corners[:, :1])) <= 1e-14 * extent**dims
        if flat.any():
            raise InputError(
                f"Cell {int(np.flatnonzero(flat)[0])} of {str(path)!r} has no volume; repair the mesh or remove the cell."
            )
        self._cells = Simplices(corners)
        if (pair := self._cells.overlapping()) is not None:
            raise InputError(f"Cells {pair[0]} and {pair[1]} of {str(path)!r} overlap; repair the mesh or remove one of them.")
        facets, self._walls = _boundary(cells)
        opposite = vertices[cells[self._walls]]
        self._box = torch.from_numpy(np.stack([corners.min(axis=(0, 1)), corners.max(axis=(0, 1))]))
        self._facets, self._normals = _outward(vertices, facets, opposite)
        self._edges = _edges(self._facets, self._normals) if dims == 2 else None
        self._groups = _by_group(facets, groups)

    @property
    def box(self) -> Float[Tensor, "2 D"]:
        return self._box

    @property
    def volume(self) -> float:
        return float(self._cells.volumes.sum())

    @property
    def pieces(self) -> tuple[Piece, ...]:
        return tuple(self._piece(name, which) for name, which in self._groups.items())

    def within(self, x: Float[Tensor, "N D"], slack: float) -> Bool[Tensor, " N"]:
        return torch.from_numpy(self._cells.hold(x.detach().cpu().double().numpy(), slack, self._walls)).to(x.device)

    def interior(self, n: int, sampler: str = "halton") -> Float[Tensor, "n D"]:
        """n points, spread over the cells by their volume; by rejection from the box for grid, poisson_disc, boundary_refined."""
        positive("The number of points", n, whole=True, most=MOST_POINTS)
        require_sampler(sampler)
        if sampler in ("grid", "poisson_disc", "boundary_refined"):
            return super().interior(n, sampler)
        return torch.from_numpy(self._cells.spread(unit_cube(n, len(self.coords), sampler).numpy()))

    def quadrature(self, n: int) -> tuple[Float[Tensor, "N D"], Float[Tensor, " N"]]:
        """Gauss rules on its cells.

        N is more than n where cells are many, up to ten times. Many triangles are taken as the shape that they make up; more
        than ten times as many tetrahedra as nodes give ten times as many points of equal weight.
        """
        positive("The number of points", n, whole=True, most=MOST_POINTS)
        if self.sliced and FEW * len(self._cells.volumes) > n:
            return super().quadrature(n)
        if len(self._cells.volumes) > MOST * n:
            return self.evenly(MOST * n)
        return on_simplices(self._cells.corners, (self.box[1] - self.box[0]).numpy(), n)

    @property
    def sliced(self) -> bool:
        return self._edges is not None

    def ends(self, x: Float[Tensor, "P k"]) -> Float[Tensor, "P E"]:
        """The corners of the boundary along the first coordinate, and where a line meets each of its edges."""
        return super().ends(x) if self._edges is None else self._edges.ends(x)

    def implicit(self, x: Float[Tensor, "N D"]) -> Float[Tensor, " N"]:
        """That of the polygon of the boundary's edges; see :class:`Polygon`.

        Raises:
            InputError: a mesh of tetrahedra, for which there is none.
        """
        if self._edges is None:
            raise InputError(
                f"{self!r} consists of tetrahedra, for which there is no smooth distance; impose its boundary values by a "
                "condition on points of boundary_with_normals."
            )
        return self._edges.distance(x)

    def creases(self, least: float) -> Array:
        """The edges (E, 2, 3) between facets whose normals have a scalar product below ``least``; none in two dimensions."""
        if self._edges is not None:
            return np.zeros((0, 2, 3))
        vertices, corner = np.unique(self._facets.reshape(-1, 3), axis=0, return_inverse=True)
        edges = np.sort(corner.reshape(-1, 3)[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
        order = np.lexsort(edges.T)
        # Both facets of an edge are next to each other then.
        same = np.flatnonzero((edges[order[1:]] == edges[order[:-1]]).all(axis=1))
        a, b = order[same], order[same + 1]
        sharp = np.sum(self._normals[a // 3] * self._normals[b // 3], axis=1) < least
        return np.asarray(vertices[edges[a[sharp]]])

    def _piece(self, name: str, which: Array) -> Piece:
        if self._edges is not None:
            return self._edges.piece(name, torch.from_numpy(which))
        facets, normals = self._facets[which], torch.from_numpy(self._normals[which])
        areas = np.linalg.norm(np.cross(facets[:, 1] - facets[:, 0], facets[:, 2] - facets[:, 0]), axis=1) / 2

        def at(u: Tensor) -> tuple[Tensor, Tensor]:
            points, chosen = spread(u.numpy(), facets, areas)
            return torch.from_numpy(points), normals[torch.from_numpy(chosen)]

        return Piece(name, float(areas.sum()), 2, at)

    def __repr__(self) -> str:
        return f"Mesh({self._path!r}, {len(self._cells.volumes)} cells)"


def _boundary(cells: Array) -> tuple[Array, Array]:
    """Facets (F, D) of one cell only, and where they are: (C, D + 1), by the corner opposite; in the order of that mask."""
    corners = cells.shape[1]
    facets = np.stack([np.delete(cells, i, axis=1) for i in range(corners)], axis=1)
    flat = np.sort(facets.reshape(-1, corners - 1), axis=1)
    _, inverse, count = np.unique(flat, axis=0, return_inverse=True, return_counts=True)
    walls = (count[inverse.ravel()] == 1).reshape(cells.shape)
    return facets[walls], walls


def _outward(vertices: Array, facets: Array, opposite: Array) -> tuple[Array, Array]:
    """The facets' corners (F, D, D) and outward unit normals (F, D)."""
    corners = vertices[facets]
    along = corners[:, 1:] - corners[:, :1]
    if vertices.shape[1] == 2:
        normals = np.column_stack([along[:, 0, 1], -along[:, 0, 0]])
    else:
        normals = np.cross(along[:, 0], along[:, 1])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    inward = np.sum(normals * (opposite - corners[:, 0]), axis=1) > 0
    normals[inward] *= -1
    return corners, normals


def _edges(facets: Array, normals: Array) -> Edges:
    """The edges with the inside at their left."""
    along = facets[:, 1] - facets[:, 0]
    left = along[:, 1] * normals[:, 0] - along[:, 0] * normals[:, 1] > 0
    starts = np.where(left[:, None], facets[:, 0], facets[:, 1])
    ends = np.where(left[:, None], facets[:, 1], facets[:, 0])
    return Edges(torch.from_numpy(starts), torch.from_numpy(ends))


def _by_group(facets: Array, groups: dict[str, Array]) -> dict[str, Array]:
    """For each name the rows of the facets that have it; those inside of the mesh are no part of its boundary."""
    row = {tuple(facet): number for number, facet in enumerate(np.sort(facets, axis=1).tolist())}
    left = set(row.values())
    found: dict[str, Array] = {}
    for name, members in groups.items():
        rows = sorted({row[key] for key in map(tuple, np.sort(members, axis=1).tolist()) if key in row} & left)
        if rows:
            found[name] = np.array(rows)
            left -= set(rows)
    if left:
        found["boundary"] = np.array(sorted(left))
    return found
