"""Nodes on the boundary of a domain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from rbfnet.domains._domain import Domain
from rbfnet.domains._piece import Piece
from rbfnet.domains.node_sets._corners import sharpened
from rbfnet.domains.node_sets._curve_nodes import TURN, Curve, Spacing, curve_nodes
from rbfnet.domains.node_sets._sharp_edges import sharp_edges
from rbfnet.domains.node_sets._surface_nodes import Candidates, candidates, surface_nodes
from rbfnet.domains.node_sets._thinning import thinned

Array = np.ndarray[Any, Any]

CLOSEST = 0.65
"""Nodes on the boundary that are closer than this, relative to the spacing, are thinned: in acute corners and narrow gaps."""

LOOKED_AT = 32
"""Points of the surface around an edge among which its face is found."""


@dataclass(frozen=True)
class BoundaryNodes:
    """Nodes on the boundary: x (B, D), outward unit normals (B, D), and the number of the piece that each lies on (B,)."""

    x: Array
    normals: Array
    part: Array

    def rows(self, chosen: Array) -> BoundaryNodes:
        """Some of them, in the order given."""
        return BoundaryNodes(self.x[chosen], self.normals[chosen], self.part[chosen])


def boundary_nodes(domain: Domain, spacing: Spacing, rng: np.random.Generator) -> BoundaryNodes:
    """Nodes on the boundary at the given spacing; all corners, and nodes along the edges of surfaces.

    A node where several parts meet belongs to the first of them, and has its normal.
    """
    pieces = domain.pieces
    dims = len(domain.coords)
    if dims == 3:
        found, corner = _on_surfaces(domain, pieces, spacing, rng)
    else:
        found, corner = _on_curves(pieces, spacing) if dims == 2 else _at_ends(pieces)
    if dims > 1:
        found.x[corner] = sharpened(domain, found.x[corner])
    found = found.rows(np.argsort(~corner, kind="stable"))
    radius = np.maximum(CLOSEST * spacing(found.x), 1e-9 * float((domain.box[1] - domain.box[0]).max()))
    return found.rows(np.flatnonzero(thinned(found.x, radius, np.arange(len(found.x)))))


def _at_ends(pieces: tuple[Piece, ...]) -> tuple[BoundaryNodes, Array]:
    drawn = [piece.at(torch.empty(1, 0, dtype=torch.float64)) for piece in pieces]
    x, normals = (torch.cat(part).numpy() for part in zip(*drawn, strict=True))
    return BoundaryNodes(x, normals, np.arange(len(x))), np.ones(len(x), dtype=bool)


def _on_curves(pieces: tuple[Piece, ...], spacing: Spacing) -> tuple[BoundaryNodes, Array]:
    found = [curve_nodes(_curve(piece), spacing) for piece in pieces]
    part = np.concatenate([np.full(len(nodes.x), number) for number, nodes in enumerate(found)])
    x, normals = np.concatenate([nodes.x for nodes in found]), np.concatenate([nodes.normals for nodes in found])
    return BoundaryNodes(x, normals, part), np.concatenate([nodes.corner for nodes in found])


def _curve(piece: Piece) -> Curve:
    def at(u: Array) -> tuple[Array, Array, Array]:
        x, normals = piece.at(torch.from_numpy(np.ascontiguousarray(u))[:, None])
        kept = np.ones(len(u), dtype=bool) if piece.keep is None else piece.keep(x, normals).numpy()
        return x.numpy(), normals.numpy(), kept

    return Curve(piece.measure / piece.share, at)


def _on_surfaces(
    domain: Domain, pieces: tuple[Piece, ...], spacing: Spacing, rng: np.random.Generator
) -> tuple[BoundaryNodes, Array]:
    from scipy.spatial import cKDTree

    of = candidates(pieces, spacing, rng)
    tree = cKDTree(of.x)
    edges = [_on_edges(curve, of, tree, spacing) for curve in sharp_edges(domain)]
    nodes = [nodes for nodes, _ in edges]
    on_edges = np.concatenate([of.x[:0], *[each.x for each in nodes]])
    chosen = surface_nodes(of, on_edges, spacing, rng)
    nodes.append(BoundaryNodes(of.x[chosen], of.normals[chosen], of.part[chosen]))
    x, normals, part = (np.concatenate([getattr(each, name) for each in nodes]) for name in ("x", "normals", "part"))
    corner = np.concatenate([*[corner for _, corner in edges], np.zeros(len(chosen), dtype=bool)])
    # Other nodes on edges come before those on faces in the order already.
    return BoundaryNodes(x, normals, part), corner


def _on_edges(curve: Curve, of: Candidates, tree: Any, spacing: Spacing) -> tuple[BoundaryNodes, Array]:
    """Nodes on an edge; the nearest points of the surface say which of its faces they belong to."""
    nodes = curve_nodes(curve, spacing)
    if not len(nodes.x):
        return BoundaryNodes(nodes.x, nodes.normals, np.zeros(0, dtype=np.int64)), nodes.corner
    near = tree.query(nodes.x, min(LOOKED_AT, len(of.x)))[1]
    if curve.oriented:
        along = np.einsum("nkd,nd->nk", of.normals[near], nodes.normals) >= TURN
        face = near[np.arange(len(near)), along.argmax(axis=1)]
        return BoundaryNodes(nodes.x, nodes.normals, of.part[face]), nodes.corner
    return BoundaryNodes(nodes.x, of.normals[near[:, 0]], of.part[near[:, 0]]), nodes.corner
