"""Neighbour lists: for a compactly supported kernel only pairs that are close enough are evaluated."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from rbfnet.nn.blocks._functorch import as_array
from rbfnet.nn.blocks._pairs import ListedPairs

SLACK = 1e-5
"""Relative safety margin on the support radius, because distances are subject to rounding."""

PROBES = 256
"""From so many points, or up to twice as many, it is estimated how many centres are within reach."""


class Neighbours:
    """The centres within reach of a point, by a kd-tree (``scipy.spatial.cKDTree``).

    Distances are measured after scaling each input by ``reach``, which makes the reach 1 and is never less than the metric's.

    Args:
        centers: (M, D).
        reach: (D,), per input the largest distance from a centre at which its kernel is not zero.
    """

    def __init__(self, centers: Tensor, reach: Tensor) -> None:
        self.reach = as_array(reach) * (1.0 + SLACK)
        self.tree = self._tree(centers)

    def counts(self, x: Tensor) -> Any:
        """How many centres are within reach of each of some of the points."""
        return self.tree.query_ball_point(self._scaled(x[:: max(1, len(x) // PROBES)]), 1.0, return_length=True)

    def order(self, x: Tensor) -> Tensor:
        """The points by where they are: those that are close together are searched in half the time."""
        return torch.from_numpy(self._tree(x).indices.astype(np.int64)).to(x.device)

    def pairs(self, x: Tensor) -> ListedPairs:
        """The pairs of a block of points, in the order in which two trees meet, so that sums repeat bit for bit."""
        # An array lists pairs at distance zero too; a sparse matrix would take them for absent.
        found: Any = self._tree(x).sparse_distance_matrix(self.tree, 1.0, output_type="ndarray")
        rows, columns = (torch.from_numpy(found[name].astype(np.int64)).to(x.device) for name in ("i", "j"))
        return ListedPairs(rows, columns, len(x))

    def _tree(self, x: Tensor) -> Any:
        from scipy.spatial import cKDTree

        # A balanced tree takes twice the time to build, and is searched no faster.
        return cKDTree(self._scaled(x), balanced_tree=False)

    def _scaled(self, x: Tensor) -> Any:
        return as_array(x) / self.reach
