"""Patches: balls that cover the nodes, the nodes of each one's interpolant, and which points are in which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

COVER = 0.65
"""A patch answers for the nodes within about this share of its radius; others lie between these."""

EDGE = 1.0 - 1e-4
"""Points nearer to the edge of a patch than this share of its radius are not in it: the weight would underflow."""

GRADE = 1.5
"""Patches whose radii differ by less than this factor are searched together."""

SLICES = 128
"""The nodes are visited in so many parts: the neighbours of those that no patch answers for yet are looked up together."""

CANDIDATES = 8
"""Among so many nearest patches that of a point outside of all is chosen."""


@dataclass
class Pairing:
    """Which points are in which patches: pair q is point ``points[q]`` in patch ``patches[q]``, sorted by patch.

    Attributes:
        alone: (Q,), whether the patch stands for the point by itself, with weight 1.
    """

    points: Any
    patches: Any
    alone: Any


class Patches:
    """Balls about some of the nodes such that each node is well inside of one of them.

    The nodes are visited in a random order; one that no patch answers for yet becomes a centre, and answers for its nearest
    nodes, COVER^D of those of its stencil. The ball reaches to the last node of the stencil, so all nodes inside of it are nodes
    of its interpolant, and the blend of the interpolants has the values given.

    Args:
        nodes: (N, D), distinct, as a float64 array.
        size: n, the number of nodes of a stencil, at most N.

    Attributes:
        centers: (P,), the node at the centre of each patch. stencils: (P, n), nearest nodes first.
        radius: (P,).
    """

    def __init__(self, nodes: Any, size: int) -> None:
        from scipy.spatial import cKDTree

        tree = cKDTree(nodes)
        self.nodes, self._tree = nodes, tree
        count, dims = nodes.shape
        own = size if size == count else max(1, round(size * COVER**dims))
        self.centers, distances, stencils = _cover(tree, nodes, own, size)
        self.stencils = stencils.astype(np.int32 if count < 2**31 else np.int64)
        last = distances[:, -1]
        self.radius = np.where(last > 0.0, last, 1.0)
        self.at = nodes[self.centers]
        self._all = cKDTree(self.at)
        self._groups = [(members, cKDTree(self.at[members])) for members in self._graded()]

    def __len__(self) -> int:
        return len(self.centers)

    def pairs(self, x: Any, blend: bool = True) -> Pairing:
        """The patches of each point: all that it is in, or the nearest relative to its radius if none or not ``blend``."""
        from scipy.spatial import cKDTree

        # Where a point is NaN or infinite, its results are NaN, wherever it is looked for.
        x = np.where(np.isfinite(x), x, 0.0)
        if not len(x):
            empty = np.zeros(0, dtype=np.int64)
            return Pairing(empty, empty, empty.astype(bool))
        points, patches = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
        if blend:
            of_points = cKDTree(x, balanced_tree=False)
            for members, tree in self._groups:
                most = float(self.radius[members].max())
                # An array lists pairs at distance zero too; a sparse matrix would take them for absent.
                found: Any = of_points.sparse_distance_matrix(tree, most, output_type="ndarray")
                inside = found["v"] < EDGE * self.radius[members[found["j"]]]
                points.append(found["i"][inside])
                patches.append(members[found["j"][inside]])
        point, patch = np.concatenate(points), np.concatenate(patches)
        missed = np.ones(len(x), dtype=bool)
        missed[point] = False
        outside = np.flatnonzero(missed)
        alone = np.concatenate([np.zeros(len(point), dtype=bool), np.ones(len(outside), dtype=bool)])
        point, patch = np.concatenate([point, outside]), np.concatenate([patch, self._nearest(x[outside])])
        order = np.lexsort((point, patch))
        return Pairing(point[order], patch[order], alone[order])

    def spacing(self) -> Any:
        """(P,), the median distance of the nodes of each stencil to their nearest neighbours."""
        if len(self.nodes) == 1:
            return np.ones(1)
        nearest = self._tree.query(self.nodes, k=[2])[0][:, 0]
        return np.median(nearest[self.stencils], axis=1)

    def outside(self, x: Any) -> int:
        """The number of points that are in no patch."""
        return int(self.pairs(x).alone.sum())

    def _nearest(self, x: Any) -> Any:
        """The patch of least distance over radius among the nearest ones."""
        if not len(x):
            return np.zeros(0, dtype=np.int64)
        distances, found = self._all.query(x, k=[*range(1, min(CANDIDATES, len(self)) + 1)])
        best = np.argmin(distances / self.radius[found], axis=1)
        return found[np.arange(len(x)), best].astype(np.int64)

    def _graded(self) -> list[Any]:
        """The patches by size."""
        grade = np.floor(np.log(self.radius / self.radius.min()) / np.log(GRADE)).astype(np.int64)
        return [np.flatnonzero(grade == g) for g in np.unique(grade)]


def _cover(tree: Any, nodes: Any, own: int, size: int) -> tuple[Any, Any, Any]:
    """Nodes such that each node is among the ``own`` nearest of one of them; distances and numbers of their nearest (P, n).

    They are in the order of the tree, so that patches with near numbers are near.
    """
    covered = np.zeros(len(nodes), dtype=bool)
    order = np.random.default_rng(0).permutation(len(nodes))
    chosen, distances, stencils = [], [], []
    for part in np.array_split(order, min(SLICES, len(order))):
        left = part[~covered[part]]
        if not len(left):
            continue
        far, near = tree.query(nodes[left], k=[*range(1, size + 1)])
        kept = []
        for at, (node, covers) in enumerate(zip(left.tolist(), near[:, :own], strict=True)):
            if not covered[node]:
                covered[covers] = True
                kept.append(at)
        chosen.append(left[kept])
        distances.append(far[kept])
        stencils.append(near[kept])
    centers = np.concatenate(chosen)
    rank = np.empty(len(nodes), dtype=np.int64)
    rank[tree.indices] = np.arange(len(nodes))
    sorting = np.argsort(rank[centers])
    return centers[sorting], np.concatenate(distances)[sorting], np.concatenate(stencils)[sorting]
