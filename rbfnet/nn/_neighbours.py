"""Neighbour lists: for a compactly supported kernel only pairs that are close enough are evaluated."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from rbfnet.nn._pairs import ListedPairs

FILL = 0.03
"""Below this share of pairs within reach, lists beat all pairs (``scripts/bench_scale.py`` measures both)."""

PROBES = 256
"""From so many points the share is estimated."""


class Neighbours:
    """The centres within reach of a point, by a kd-tree (``scipy.spatial.cKDTree``).

    Distances are measured after scaling each input by ``reach``, which makes the reach 1 and is never less than the metric's.

    Args:
        centers: (M, D).
        reach: (D,), per input the largest distance from a centre at which its kernel is not zero.
    """

    def __init__(self, centers: Tensor, reach: Tensor) -> None:
        from scipy.spatial import cKDTree

        self._tree_of = cKDTree
        self.reach = reach.detach().cpu().double().numpy()
        self.num_centers = len(centers)
        self.tree = cKDTree(self._scaled(centers))

    def fill(self, x: Tensor) -> float:
        """The share of pairs within reach, estimated from some of the points."""
        some = self._scaled(x[:: max(1, len(x) // PROBES)])
        if not len(some):
            return 0.0
        return float(self.tree.query_ball_point(some, 1.0, return_length=True).mean()) / self.num_centers

    def pairs(self, x: Tensor) -> ListedPairs:
        """The pairs of a block of points."""
        found: Any = self._tree_of(self._scaled(x)).sparse_distance_matrix(self.tree, 1.0, output_type="ndarray")
        # In one order, so that sums repeat bit for bit.
        order = np.lexsort((found["j"], found["i"]))
        rows, columns = (torch.from_numpy(found[name][order].astype(np.int64)).to(x.device) for name in ("i", "j"))
        return ListedPairs(rows, columns, len(x))

    def _scaled(self, x: Tensor) -> Any:
        return x.detach().cpu().double().numpy() / self.reach
