"""Nodes that fill a domain from its boundary inwards."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from rbfnet.domains.node_sets._curve_nodes import Spacing
from rbfnet.domains.node_sets._thinning import thinned

Array = np.ndarray[Any, Any]

DIRECTIONS = {2: 12, 3: 30}
"""Candidates around a node, by dimension."""

CLOSEST = 0.86
"""The distance between nodes of the front, relative to the spacing: with the repulsion that follows, spacings are near 1."""

PERIOD = 16
"""After so many generations the tree of all nodes is built anew; in between, those since then have one of their own."""


def advancing_front(seeds: Array, spacing: Spacing, inside: Callable[[Array], Array], rng: np.random.Generator) -> Array:
    """Nodes (N, D) inside, D = 2 or 3, that fill the domain from ``seeds`` on, at the given spacing.

    Every node of a generation proposes candidates around itself. Those inside that keep their distance from all nodes, and
    from each other, are the next generation.

    Source: Slak and Kosec, On generation of node distributions for meshless PDE discretizations, SIAM J. Sci. Comput. 41 (2019).

    Args:
        seeds: (B, D), the nodes on the boundary.
        spacing: the distance between neighbours.
        inside: which points (N, D) may be nodes.
        rng: the directions of candidates.
    """
    from scipy.spatial import cKDTree

    found, newest = [seeds], seeds
    old, since = cKDTree(seeds), len(found)
    while len(newest):
        x, reach = _around(newest, spacing, rng)
        for tree in (*([cKDTree(np.concatenate(found[since:]))] if len(found) > since else []), old):
            distance, _ = tree.query(x, distance_upper_bound=float(reach.max(initial=1e-300)))
            free = distance >= reach * (1 - 1e-9)
            x, reach = x[free], reach[free]
        kept = inside(x)
        x, reach = x[kept], reach[kept]
        newest = x[thinned(x, reach, rng.permutation(len(x)))]
        found.append(newest)
        if len(found) - since >= PERIOD:
            old, since = cKDTree(np.concatenate(found)), len(found)
    return np.concatenate(found[1:])


def _around(x: Array, spacing: Spacing, rng: np.random.Generator) -> tuple[Array, Array]:
    """Candidates around each node, and their distance from it: the mean of the spacings of both."""
    dims = x.shape[1]
    directions = _directions(len(x), dims, rng)
    own = spacing(x)[:, None, None]
    rough = (x[:, None] + CLOSEST * own * directions).reshape(-1, dims)
    reach = CLOSEST * (own + spacing(rough).reshape(len(x), -1, 1)) / 2
    return (x[:, None] + reach * directions).reshape(-1, dims), np.broadcast_to(reach, (*directions.shape[:2], 1)).ravel()


def _directions(n: int, dims: int, rng: np.random.Generator) -> Array:
    """Evenly spread directions (n, k, D), turned at random."""
    count = DIRECTIONS[dims]
    if dims == 2:
        angle = 2 * math.pi * (np.arange(count) / count + rng.random((n, 1)))
        return np.stack([np.cos(angle), np.sin(angle)], axis=2)
    # Points of a spiral on the sphere (Fibonacci), turned by random rotations.
    height = 1 - (2 * np.arange(count) + 1) / count
    around, flat = math.pi * (3 - math.sqrt(5)) * np.arange(count), np.sqrt(1 - height**2)
    fixed = np.stack([flat * np.cos(around), flat * np.sin(around), height], axis=1)
    turns = np.linalg.qr(rng.standard_normal((n, 3, 3)))[0]
    return np.einsum("nij,kj->nki", turns, fixed)
