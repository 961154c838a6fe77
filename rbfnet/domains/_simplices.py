"""Sets of simplices: triangles and tetrahedra."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

LOOKED_AT = 20_000
"""Above this number of cells, only some are checked for overlaps."""


class Simplices:
    """Triangles or tetrahedra: which of them a point lies in, and points spread over them by volume.

    Args:
        corners: (C, D + 1, D), of positive volume.

    Attributes:
        corners: as given. volumes: (C,).
    """

    def __init__(self, corners: Array) -> None:
        self.corners = corners
        sides = corners[:, 1:] - corners[:, :1]
        self.volumes = np.abs(np.linalg.det(sides)) / math.factorial(corners.shape[2])
        inverse = np.linalg.inv(sides)
        # Rows are the gradients of the barycentric coordinates; scaled to unit length they measure distances to the facets.
        gradients = np.concatenate([-inverse.sum(axis=2)[:, None], np.swapaxes(inverse, 1, 2)], axis=1)
        self._normals = gradients / np.linalg.norm(gradients, axis=2, keepdims=True)
        self._trees = self._by_size()

    def _by_size(self) -> list[tuple[Any, Array, float]]:
        """A kd-tree of centroids for each octave of size: a point's cell is one whose sphere it lies in, so none is missed."""
        from scipy.spatial import cKDTree

        centroids = self.corners.mean(axis=1)
        reach = np.linalg.norm(self.corners - centroids[:, None], axis=2).max(axis=1)
        octave = np.floor(np.log2(reach))
        trees = []
        for size in np.unique(octave):
            which = np.flatnonzero(octave == size)
            trees.append((cKDTree(centroids[which]), which, float(reach[which].max())))
        return trees

    def hold(self, x: Array, slack: float, walls: Array) -> Array:
        """Which points (N, D) lie in a cell; ``slack`` is the distance that counts as inside.

        If it is negative, points that are nearer than that to one of the ``walls`` (C, D + 1) do not count: the facets, by the
        corner they are opposite to, that bound the whole.
        """
        found, near = np.zeros(len(x), dtype=bool), np.zeros(len(x), dtype=bool)
        reach = max(abs(slack), 1e-12 * np.abs(self.corners).max())
        for points, cells in self._near(x, reach):
            heights = self._heights(x[points], cells)
            held = (heights >= -reach).all(axis=1)
            found[points[held]] = True
            # A wall may be near though it is one of a neighbour of the cell that the point lies in.
            near[points[held & (walls[cells] & (heights <= reach)).any(axis=1)]] = True
        return found & ~near if slack < 0 else found

    def overlapping(self) -> tuple[int, int] | None:
        """Two cells that cover the same place, as far as points near the corners of cells and in their middles tell."""
        count, corners = self.corners.shape[:2]
        own = np.arange(0, count, math.ceil(count / LOOKED_AT))
        inside = 1e-9 * np.abs(self.corners - self.corners[:1, :1]).max()
        for weights in [np.full(corners, 1 / corners), *(0.97 * np.eye(corners) + 0.03 / corners)]:
            x = np.einsum("k,ckd->cd", weights, self.corners[own])
            for points, cells in self._near(x, 0.0):
                twice = (cells != own[points]) & (self._heights(x[points], cells) > inside).all(axis=1)
                if twice.any():
                    pair = int(own[points[twice][0]]), int(cells[twice][0])
                    return min(pair), max(pair)
        return None

    def _near(self, x: Array, reach: float) -> Iterator[tuple[Array, Array]]:
        """Points and cells, by number, that are near enough to each other to be looked at."""
        for tree, which, radius in self._trees:
            balls = tree.query_ball_point(x, radius + reach)
            counts = np.fromiter((len(ball) for ball in balls), dtype=np.int64, count=len(x))
            cells = which[np.fromiter(itertools.chain.from_iterable(balls), dtype=np.int64, count=counts.sum())]
            yield np.repeat(np.arange(len(x)), counts), cells

    def _heights(self, x: Array, cells: Array) -> Array:
        """The distance to each facet of a cell, positive inside."""
        dims = x.shape[1]
        # The facet opposite to corner 0 holds corner 1; all others hold corner 0.
        first, others = self.corners[cells, 1], self.corners[cells, 0]
        normals = self._normals[cells]
        opposite = sum(normals[:, 0, j] * (x[:, j] - first[:, j]) for j in range(dims))
        rest = sum(normals[:, 1:, j] * (x[:, None, j] - others[:, None, j]) for j in range(dims))
        return np.concatenate([np.asarray(opposite)[:, None], np.asarray(rest)], axis=1)

    def spread(self, u: Array) -> Array:
        """From points of the unit cube (n, D) to points (n, D) in the cells, equal volumes to equal volumes."""
        return spread(u, self.corners, self.volumes)[0]


def spread(u: Array, corners: Array, volumes: Array) -> tuple[Array, Array]:
    """From points of the unit cube (n, k) to points in simplices (S, k + 1, D), by volume; and in which of them.

    The first coordinate chooses the simplex, and what is left of it is used again. The gaps between sorted coordinates are
    uniform barycentric ones (Devroye, Non-Uniform Random Variate Generation, 1986, section V.2).
    """
    until = np.cumsum(volumes)
    target = u[:, 0] * until[-1]
    chosen = np.minimum(np.searchsorted(until, target, side="right"), len(until) - 1)
    rest = np.clip(1 - (until[chosen] - target) / volumes[chosen], 0, 1)
    ordered = np.sort(np.column_stack([np.zeros(len(u)), rest, u[:, 1:], np.ones(len(u))]), axis=1)
    weights = np.diff(ordered, axis=1)
    points = sum(weights[:, i, None] * corners[chosen, i] for i in range(weights.shape[1]))
    return np.asarray(points), chosen
