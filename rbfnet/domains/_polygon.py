"""Polygons, optionally with holes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from rbfnet.domains._domain import Domain
from rbfnet.domains._edges import Edges
from rbfnet.domains._gauss import on_simplices
from rbfnet.domains._numbers import finite, names
from rbfnet.domains._piece import Piece
from rbfnet.errors import MOST_POINTS, InputError, positive
from rbfnet.extras import require


class Polygon(Domain):
    """A polygon, with holes if there are any: ``Polygon([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)])``. By shapely.

    The parts of its boundary are ``"outer"``, ``"hole 1"``, ``"hole 2"``, ...; a single edge is a part given as a function:
    ``part=lambda x: x[:, 0] == 2``.

    Args:
        vertices: (V, 2), in either sense; the last is joined to the first.
        holes: the vertices of each hole.
        coords: names.

    Raises:
        InputError: fewer than three vertices, numbers that are not finite, edges that cross, or a hole that is not inside;
            or shapely is not installed.

    Example:
        >>> from rbfnet.domains import Polygon
        >>> Polygon([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)]).volume
        3.0
    """

    def __init__(
        self,
        vertices: Sequence[Sequence[float]],
        holes: Sequence[Sequence[Sequence[float]]] = (),
        coords: Sequence[str] = ("x", "y"),
    ) -> None:
        require("shapely", "geometry", "Polygon")
        import shapely
        from shapely.geometry.polygon import orient

        rings = [_ring("The vertices of a polygon", vertices)]
        rings += [_ring(f"The vertices of hole {k} of a polygon", hole) for k, hole in enumerate(holes, start=1)]
        shape = shapely.Polygon(rings[0], rings[1:])
        if not shapely.is_valid(shape) or shape.area == 0:
            reason = "No area" if shapely.is_valid(shape) else shapely.is_valid_reason(shape)
            raise InputError(
                f"A polygon needs edges that meet only at its vertices, and holes inside it, but this one has: {reason}; "
                "give the vertices in order along the boundary."
            )
        self.coords = names(coords, 2)
        # Outer ring counter-clockwise, holes clockwise: the inside is at the left of every edge.
        self._shape = orient(shape, 1.0)
        shapely.prepare(self._shape)
        chains = [np.asarray(ring.coords) for ring in (self._shape.exterior, *self._shape.interiors)]
        # Vertices given twice in a row make edges of no length.
        chains = [chain[np.r_[True, np.any(np.diff(chain, axis=0) != 0, axis=1)]] for chain in chains]
        self._edges = Edges(
            torch.from_numpy(np.concatenate([chain[:-1] for chain in chains])),
            torch.from_numpy(np.concatenate([chain[1:] for chain in chains])),
        )
        self._ends = np.cumsum([0, *(len(chain) - 1 for chain in chains)]).tolist()

    @property
    def box(self) -> Float[Tensor, "2 2"]:
        return torch.tensor(self._shape.bounds, dtype=torch.float64).reshape(2, 2)

    @property
    def volume(self) -> float:
        return float(self._shape.area)

    @property
    def pieces(self) -> tuple[Piece, ...]:
        rings = zip(self._ends[:-1], self._ends[1:], strict=True)
        return tuple(
            self._edges.piece("outer" if k == 0 else f"hole {k}", torch.arange(start, end))
            for k, (start, end) in enumerate(rings)
        )

    def within(self, x: Float[Tensor, "N 2"], slack: float) -> Bool[Tensor, " N"]:
        import shapely

        points = shapely.points(x.detach().cpu().double().numpy())
        if slack >= 0:
            found = shapely.dwithin(self._shape, points, slack)
        else:
            found = shapely.contains_properly(self._shape, points)
            found[found] = shapely.distance(self._shape.boundary, points[found]) >= -slack
        return torch.from_numpy(found).to(x.device)

    def quadrature(self, n: int) -> tuple[Float[Tensor, "N 2"], Float[Tensor, " N"]]:
        """Gauss rules on the triangles of a constrained Delaunay triangulation.

        N is more than n where the triangles are many.
        """
        import shapely

        positive("The number of points", n, whole=True, most=MOST_POINTS)
        triangles = shapely.constrained_delaunay_triangles(self._shape).geoms
        corners = np.stack([np.asarray(triangle.exterior.coords)[:3] for triangle in triangles if triangle.area > 0])
        return on_simplices(corners, (self.box[1] - self.box[0]).numpy(), n)

    def ends(self, x: Float[Tensor, "P k"]) -> Float[Tensor, "P E"]:
        """The vertices along the first coordinate, and where a line meets each edge."""
        return self._edges.ends(x)

    def implicit(self, x: Float[Tensor, "N 2"]) -> Float[Tensor, " N"]:
        """2 / integral of 1 / rho over all directions, rho being the distance to the boundary: see Belyaev, Fayolle and Pasko,
        Signed Lp-distance fields, Comput. Aided Des. 45 (2013).
        """
        return self._edges.distance(x)

    def __repr__(self) -> str:
        holes = len(self._shape.interiors)
        return f"Polygon({self._ends[1]} vertices{f' and {holes} holes' if holes > 1 else ' and a hole' if holes else ''})"


def _ring(what: str, vertices: Sequence[Sequence[float]]) -> np.ndarray:
    ring = finite(what, vertices, (None, 2))
    if len(ring) < 3:
        raise InputError(f"{what} must be at least three, but got {len(ring)}.")
    return ring.numpy()
