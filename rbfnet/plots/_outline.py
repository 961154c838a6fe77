"""The boundary of a domain in the plane."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from rbfnet.domains import Domain, PointCloud

if TYPE_CHECKING:
    from matplotlib.axes import Axes

POINTS = 720
"""Of each part of the boundary."""


def outline(ax: Axes, domain: Domain, columns: tuple[int, int] = (0, 1)) -> None:
    """Draw the boundary of a domain in two coordinates as grey lines; data have none."""
    if isinstance(domain, PointCloud) or len(domain.coords) != 2:
        return
    if domain.space_coords != domain.coords:
        # In space and time, the boundary in space and both ends of time: a rectangle.
        (left, right), (bottom, top) = domain.box[:, list(columns)].T.tolist()
        ax.plot([left, right, right, left, left], [bottom, bottom, top, top, bottom], color="0.3", linewidth=1.0, linestyle="-")
        return
    along = torch.linspace(0.0, 1.0, POINTS, dtype=torch.float64)[:, None]
    for piece in domain.pieces:
        points, normals = piece.at(along)
        line = points.numpy().copy()
        if piece.keep is not None:
            line[~piece.keep(points, normals).numpy()] = np.nan
        # Edges of meshes and holes need not follow each other: no line crosses the gaps between them.
        gap = np.linalg.norm(np.diff(line, axis=0), axis=1) > 8 * piece.measure / POINTS / max(piece.share, 1e-9)
        line = np.insert(line, np.nonzero(gap)[0] + 1, np.nan, axis=0)
        ax.plot(line[:, columns[0]], line[:, columns[1]], color="0.3", linewidth=1.0, linestyle="-")
