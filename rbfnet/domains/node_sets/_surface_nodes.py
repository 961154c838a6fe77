"""Nodes on surfaces, chosen from many points on them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from rbfnet.domains._piece import Piece
from rbfnet.domains.node_sets._curve_nodes import Spacing
from rbfnet.domains.node_sets._repulsion import repelled
from rbfnet.domains.node_sets._thinning import thinned

Array = np.ndarray[Any, Any]

PER_NODE, MOST = 60, 2**22
"""Candidates for each node, and how many there may be."""

CLOSEST = 0.8
"""The distance that nodes keep before they repel each other, relative to the spacing."""

STEPS = 10
"""Steps of repulsion."""

AT_ONCE = 4
"""As many candidates are drawn at once as there are free places, times this."""


@dataclass(frozen=True)
class Candidates:
    """Points of surfaces: x (M, 3), outward normals (M, 3), and the number of the part that each belongs to (M,)."""

    x: Array
    normals: Array
    part: Array


def candidates(pieces: tuple[Piece, ...], spacing: Spacing, rng: np.random.Generator) -> Candidates:
    """Points on parts of the boundary, about sixty for each node that is to be there."""
    found = [_of_piece(piece, spacing, rng) for piece in pieces]
    parts = [np.full(len(x), number) for number, (x, _) in enumerate(found)]
    return Candidates(np.concatenate([x for x, _ in found]), np.concatenate([n for _, n in found]), np.concatenate(parts))


def _of_piece(piece: Piece, spacing: Spacing, rng: np.random.Generator) -> tuple[Array, Array]:
    from scipy.stats import qmc  # takes a while to import, and few need it

    cube = qmc.Halton(piece.dims, rng=rng)

    def draw(count: int) -> tuple[Array, Array]:
        x, normals = piece.at(torch.from_numpy(cube.random(count)))
        kept = slice(None) if piece.keep is None else piece.keep(x, normals)
        return x[kept].numpy(), normals[kept].numpy()

    x, normals = draw(2**12)
    h = spacing(x)
    whole = piece.measure / piece.share
    # Uniform points, of which one stays with a probability of (min h / h)^2.
    count = min(MOST, math.ceil(PER_NODE * whole / float(h.min()) ** 2))
    x, normals = draw(max(count, 2**8))
    h = spacing(x)
    kept = rng.random(len(x)) < (h.min() / h) ** 2
    return x[kept], normals[kept]


def surface_nodes(of: Candidates, edges: Array, spacing: Spacing, rng: np.random.Generator) -> Array:
    """The rows of ``of`` that are nodes: at the given spacing from each other and from the nodes on ``edges`` (E, 3).

    A maximal set of points that keep their distance, found by drawing; then they repel each other within the surface.
    """
    from scipy.spatial import cKDTree

    h = CLOSEST * spacing(of.x)
    free = np.arange(len(of.x))
    if len(edges):
        free = free[cKDTree(edges).query(of.x)[0] >= h]
    chosen = free[:0]
    places = max(8, len(of.x) // PER_NODE)
    while len(free):
        drawn = rng.choice(free, min(len(free), AT_ONCE * places), replace=False)
        new = drawn[thinned(of.x[drawn], h[drawn], rng.permutation(len(drawn)))]
        chosen = np.concatenate([chosen, new])
        free = free[cKDTree(of.x[new]).query(of.x[free], distance_upper_bound=float(h.max()))[0] >= h[free]]
    tree = cKDTree(of.x)
    rows = chosen

    def moved(x: Array, push: Array) -> Array:
        nonlocal rows
        normals = of.normals[rows]
        rows = tree.query(x + push - np.sum(push * normals, axis=1, keepdims=True) * normals)[1]
        return of.x[rows]

    if len(chosen) + len(edges) > 1:
        repelled(of.x[chosen], edges, spacing, moved, STEPS, 2)
    # Two that meet in a point are one.
    return np.unique(rows)
