"""The boundary of a domain in the plane."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from rbfnet.domains import Domain, Piece, PointCloud

if TYPE_CHECKING:
    from matplotlib.axes import Axes

POINTS, MOST_POINTS = 720, 2**16
"""Of each part of the boundary; more where it is of many edges that do not follow each other."""

APART = 8.0
"""Points farther apart than so many steps do not follow each other."""


def outline(ax: Axes, domain: Domain, columns: tuple[int, int] = (0, 1)) -> None:
    """Draw the boundary of a domain in two coordinates as grey lines; data have none."""
    if isinstance(domain, PointCloud) or len(domain.coords) != 2:
        return
    for line in boundary_lines(domain).values():
        ax.plot(line[:, columns[0]], line[:, columns[1]], color="0.3", linewidth=1.0, linestyle="-")


def boundary_lines(domain: Domain) -> dict[str, np.ndarray]:
    """The boundary of a domain in two coordinates, (N, 2) for each part by its name; NaN where a line is interrupted."""
    if domain.space_coords != domain.coords:
        # In space and time, the boundary in space and both ends of time: a rectangle.
        (left, right), (bottom, top) = domain.box.T.tolist()
        corners = [(left, bottom), (right, bottom), (right, top), (left, top), (left, bottom)]
        return {"boundary": np.array(corners)}
    return {piece.name: _line(piece) for piece in domain.pieces}


def _line(piece: Piece) -> np.ndarray:
    count = POINTS
    while True:
        points, normals = piece.at(torch.linspace(0.0, 1.0, count, dtype=torch.float64)[:, None])
        line = points.numpy().copy()
        if piece.keep is not None:
            line[~piece.keep(points, normals).numpy()] = np.nan
        # Edges of meshes and holes need not follow each other: no line crosses the gaps between them.
        gap = np.linalg.norm(np.diff(line, axis=0), axis=1) > APART * piece.measure / count / max(piece.share, 1e-9)
        if gap.mean() < 1 / APART or count >= MOST_POINTS:
            return np.insert(line, np.nonzero(gap)[0] + 1, np.nan, axis=0)
        count *= 4
