"""Points that keep their distance, chosen in a given order."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def thinned(x: Array, radius: Array, rank: Array) -> Array:
    """Which points (N,) stay if they come in the order of ``rank``, each unless one within its reach has stayed before.

    A point is within reach of another if it is nearer than the smaller of their two radii. All points that come first among
    their neighbours stay at once, and their neighbours go, until none is undecided.

    Args:
        x: (N, D).
        radius: (N,).
        rank: (N,), distinct numbers.
    """
    from scipy.spatial import cKDTree

    stay = np.zeros(len(x), dtype=bool)
    a, b = _close(cKDTree, x, radius)
    undecided = np.ones(len(x), dtype=bool)
    while True:
        first = np.full(len(x), np.inf)
        np.minimum.at(first, a, rank[b])
        np.minimum.at(first, b, rank[a])
        new = undecided & (rank < first)
        stay |= new
        undecided &= ~new
        undecided[a[new[b]]] = False
        undecided[b[new[a]]] = False
        left = undecided[a] & undecided[b]
        a, b = a[left], b[left]
        if not undecided.any():
            return stay


def _close(tree_of: Any, x: Array, radius: Array) -> tuple[Array, Array]:
    """Pairs of points within reach of each other; by octaves of the radius, so that large ones are few."""
    found = []
    octave = np.floor(np.log2(radius))
    for size in np.unique(octave):
        # A pair is found in the octave of its smaller radius.
        own, others = np.flatnonzero(octave == size), np.flatnonzero(octave >= size)
        reach = float(radius[own].max())
        near = tree_of(x[own]).sparse_distance_matrix(tree_of(x[others]), reach, output_type="ndarray")
        i, j = own[near["i"]], others[near["j"]]
        kept = ((octave[j] > size) | (i < j)) & (near["v"] < np.minimum(radius[i], radius[j]))
        found.append(np.column_stack([i[kept], j[kept]]))
    pairs = np.concatenate(found) if found else np.zeros((0, 2), dtype=np.int64)
    return pairs[:, 0], pairs[:, 1]
