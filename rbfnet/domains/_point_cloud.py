"""Domains given by a set of points."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from rbfnet.domains._domain import Domain
from rbfnet.domains._piece import Piece
from rbfnet.domains._rejection import require_sampler, thin
from rbfnet.errors import MOST_POINTS, InputError, positive


class PointCloud(Domain):
    """Given points: where data lie. There is no boundary to draw from, and no volume.

    Args:
        points: (N, D).
        coords: the name of each column.
        space: those of them that are of space; None is all.

    Raises:
        InputError: no points, non-finite values, or names that do not fit.

    Example:
        >>> import torch
        >>> from rbfnet.domains import PointCloud
        >>> PointCloud(torch.tensor([[0.0, 1.0], [2.0, 3.0]]), ("x", "y")).box.tolist()
        [[0.0, 1.0], [2.0, 3.0]]
    """

    def __init__(self, points: Float[Tensor, "N D"], coords: Sequence[str], space: Sequence[str] | None = None) -> None:
        if points.ndim != 2 or not len(points) or points.shape[1] != len(coords):
            raise InputError(
                f"A point cloud must be (N, {len(coords)}) for the coordinates {tuple(coords)}, but got {tuple(points.shape)}."
            )
        if not torch.isfinite(points).all():
            raise InputError("The points of a point cloud must be finite, but some are NaN or infinite.")
        self.points = points
        self.coords = tuple(coords)
        self._space = self.coords if space is None else tuple(space)

    @property
    def space_coords(self) -> tuple[str, ...]:
        return self._space

    @property
    def box(self) -> Float[Tensor, "2 D"]:
        return torch.stack([self.points.amin(dim=0), self.points.amax(dim=0)])

    def within(self, x: Float[Tensor, "N D"], slack: float) -> Bool[Tensor, " N"]:
        """Which points lie in the bounding box."""
        low, high = self.box.to(x)
        return ((x >= low - slack) & (x <= high + slack)).all(dim=1)

    def interior(self, n: int, sampler: str = "halton") -> Float[Tensor, "n D"]:
        """n of the points, drawn without repetition, whatever the sampler."""
        positive("The number of points", n, whole=True, most=MOST_POINTS)
        require_sampler(sampler)
        if n > len(self.points):
            raise InputError(f"{n} points cannot be drawn from the {len(self.points)} of a point cloud.")
        return self.points[torch.randperm(len(self.points))[:n]]

    def scattered(self, n: int) -> Float[Tensor, "N D"]:
        """n of the points, or all of them, the same each time."""
        return thin(self.points, min(n, len(self.points)))

    def quadrature(self, n: int) -> tuple[Float[Tensor, "N D"], Float[Tensor, " N"]]:
        raise InputError("A point cloud has no volume, so there is no integral over it.")

    @property
    def pieces(self) -> tuple[Piece, ...]:
        raise InputError("A point cloud has no boundary, so a boundary condition cannot be put on it.")

    @property
    def volume(self) -> float:
        raise InputError("A point cloud has no volume, so there is no integral over it.")

    def implicit(self, x: Float[Tensor, "N D"]) -> Float[Tensor, " N"]:
        raise InputError("A point cloud has no boundary, so it has no distance function.")

    def __repr__(self) -> str:
        return f"PointCloud({len(self.points)} points in {', '.join(self.coords)})"
