"""Nodes that repel each other, for even distances."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from rbfnet.domains.node_sets._curve_nodes import Spacing

Array = np.ndarray[Any, Any]

NEIGHBORS = {1: 3, 2: 8, 3: 14}
"""Neighbours that repel a node, by the dimension of what they lie on."""

STEP = 0.12
"""The first step, relative to the spacing; steps shrink to a third."""

POWER = 3.0
"""The repulsion decreases with this power of the distance."""


def repelled(
    x: Array,
    fixed: Array,
    spacing: Spacing,
    moved: Callable[[Array, Array], Array],
    steps: int,
    dims: int,
) -> Array:
    """``x`` after some steps away from the nearest neighbours, by the power of the distance over the spacing.

    Args:
        x: (N, D). fixed: (B, D), which repel too.
        spacing: the distance between neighbours.
        moved: from nodes and their displacements to new nodes, (N, D): it keeps them in the domain.
        steps: how many.
        dims: the dimension of what the nodes lie on.
    """
    from scipy.spatial import cKDTree

    x = x.copy()
    neighbors, h = np.zeros((len(x), 0), dtype=np.int64), spacing(x)
    for step in range(steps):
        everything = np.concatenate([x, fixed])
        if step % 2 == 0:
            # Neighbours hardly change between two steps.
            count = min(NEIGHBORS[dims] + 1, len(everything))
            # One at a time, as the only neighbour of a lone node is none.
            neighbors = cKDTree(everything).query(x, [*range(2, count + 1)])[1] if count > 1 else neighbors
            h = spacing(x)
        push = np.zeros_like(x)
        for k in range(neighbors.shape[1]):
            away = x - everything[neighbors[:, k]]
            distance = np.sqrt(np.einsum("nd,nd->n", away, away))
            ratio = np.maximum(distance / h, 0.3)
            push += away / (h * ratio ** (POWER + 1))[:, None]
        size = np.sqrt(np.einsum("nd,nd->n", push, push))
        most = STEP * (1 - 2 * step / (3 * steps))
        x = moved(x, push * (most * h / np.maximum(size, 1.0))[:, None])
    return x
