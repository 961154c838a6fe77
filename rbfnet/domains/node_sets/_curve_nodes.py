"""Nodes along curves: equally spaced in arc length over spacing, with every corner and end kept."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

Spacing = Callable[[Array], Array]
"""From points (N, D) to the distance between neighbouring nodes there, (N,)."""

FEWEST, MOST, PER_NODE = 2**11, 2**21, 16
"""Numbers of samples of a curve, and of samples between two nodes."""

TURN = math.cos(math.radians(15.0))
"""A curve has a corner where its normal turns by more than this angle at once."""

HALVINGS = 52
"""Halvings of the parameter down to rounding."""


@dataclass(frozen=True)
class Curve:
    """A curve with a constant speed: parameter 0 to 1, at a distance of ``length`` times the change of the parameter.

    Attributes:
        length: of the whole image; jumps between its pieces do not count.
        at: from parameters (n,) to points (n, D), normals (n, D), and whether they belong to the curve (n,).
        pieces: how many straight pieces it consists of, if many.
        oriented: whether the normals are those of a surface; if not, they mean nothing.
        halvings: of the parameter between two samples, to find ends and corners.
    """

    length: float
    at: Callable[[Array], tuple[Array, Array, Array]]
    pieces: int = 1
    oriented: bool = True
    halvings: int = HALVINGS


@dataclass(frozen=True)
class CurveNodes:
    """Nodes on curves: points (n, D), normals (n, D), and which of them are ends or corners (n,)."""

    x: Array
    normals: Array
    corner: Array


def curve_nodes(curve: Curve, spacing: Spacing) -> CurveNodes:
    """Nodes on a curve. Runs between corners that go on smoothly, in whatever order, are divided as one.

    Args:
        curve: the curve.
        spacing: the distance between neighbours.
    """
    coarse, _, _ = curve.at(np.linspace(0.0, 1.0, FEWEST + 1))
    steps = max(FEWEST, PER_NODE * curve.length * float(np.mean(1 / spacing(coarse))), 4 * curve.pieces)
    u = np.linspace(0.0, 1.0, int(min(steps, MOST)) + 1)
    runs = _runs(curve, u)
    parts = [_divided(curve, chain, spacing, len(u)) for chain in _chains(curve, runs)]
    if not parts:
        empty = coarse[:0]
        return CurveNodes(empty, empty, np.zeros(0, dtype=bool))
    x, normals, corner = (np.concatenate(part) for part in zip(*parts, strict=True))
    return CurveNodes(x, normals, corner)


def _runs(curve: Curve, u: Array) -> Array:
    """The smooth runs of a curve as intervals (R, 2) of its parameter."""
    x, normals, kept = curve.at(u)
    step = curve.length * (u[1] - u[0])
    apart = np.linalg.norm(np.diff(x, axis=0), axis=1) > 1.01 * step
    turned = np.sum(normals[1:] * normals[:-1], axis=1) < TURN
    cut = (kept[1:] != kept[:-1]) | ((apart | turned) & kept[1:] & kept[:-1])
    low, high = _bisected(curve, u[:-1][cut], u[1:][cut])
    starts, ends = np.concatenate([u[:1], high]), np.concatenate([low, u[-1:]])
    # Of the intervals between cuts every one is kept or left out as a whole.
    inside = curve.at((starts + ends) / 2)[2] & (ends > starts)
    return np.column_stack([starts, ends])[inside]


def _bisected(curve: Curve, low: Array, high: Array) -> tuple[Array, Array]:
    """Parameters on both sides of each jump, corner or end, next to each other."""
    if not len(low):
        return low, high
    speed = curve.length
    below, above = curve.at(low), curve.at(high)
    for _ in range(curve.halvings):
        width = (high - low) / 2
        between = curve.at(low + width)
        left = _change(below, between, speed * width) > _change(between, above, speed * width)
        left = np.where(below[2] != above[2], below[2] != between[2], left)
        low, high = np.where(left, low, low + width), np.where(left, low + width, high)
        below, above = _where(left, below, between), _where(left, between, above)
    return low, high


Samples = tuple[Array, Array, Array]
"""Points, normals, and whether they belong to the curve."""


def _change(a: Samples, b: Samples, length: Array) -> Array:
    """How far two points are apart beyond the length of curve between them, relative to it, and how far the normal turns."""
    jump = np.maximum(np.linalg.norm(a[0] - b[0], axis=1) - length, 0.0)
    return np.asarray(jump / (length + 1e-300) + np.linalg.norm(a[1] - b[1], axis=1))


def _where(which: Array, a: Samples, b: Samples) -> Samples:
    return np.where(which[:, None], a[0], b[0]), np.where(which[:, None], a[1], b[1]), np.where(which, a[2], b[2])


def _chains(curve: Curve, runs: Array) -> list[list[tuple[float, float]]]:
    """Runs that go on smoothly into each other, in their order and direction: each from parameter to parameter."""
    if not len(runs):
        return []
    ends, normals, _ = curve.at(runs.ravel())
    before = (runs + np.diff(runs, axis=1) * [1e-3, -1e-3]).ravel()
    tangents = ends - curve.at(before)[0]
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True) + 1e-300
    partner = _partners(ends, normals, tangents)
    chains, seen = [], np.zeros(len(runs), dtype=bool)
    # First those that begin at an end of their own, then closed ones.
    for first in [*np.flatnonzero(partner < 0), *range(0, len(ends), 2)]:
        chain, end = [], int(first)
        while end >= 0 and not seen[end // 2]:
            seen[end // 2] = True
            run = runs[end // 2]
            chain.append((float(run[end % 2]), float(run[1 - end % 2])))
            end = int(partner[end ^ 1])
        if chain:
            chains.append(chain)
    return chains


def _partners(ends: Array, normals: Array, tangents: Array) -> Array:
    """For each end of a run the one at the same place that goes on in the same direction; -1 for none."""
    from scipy.spatial import cKDTree

    partner = np.full(len(ends), -1)
    near = 1e-9 * max(float(np.ptp(ends, axis=0).max()), float(np.abs(ends).max()), 1e-300)
    pairs = cKDTree(ends).query_pairs(near, output_type="ndarray")
    # Tangents point out of their runs.
    a, b = pairs.T
    smooth = (np.sum(tangents[a] * tangents[b], axis=1) < -TURN) & (np.sum(normals[a] * normals[b], axis=1) >= TURN)
    for i, j in pairs[smooth]:
        if partner[i] < 0 and partner[j] < 0:
            partner[i], partner[j] = j, i
    return partner


def _divided(curve: Curve, chain: list[tuple[float, float]], spacing: Spacing, samples: int) -> tuple[Array, Array, Array]:
    """Nodes of a chain: points, normals, and which are its ends."""
    u = [np.linspace(a, b, max(4, math.ceil(abs(b - a) * samples)) + 1) for a, b in chain]
    until, starts = [], [0.0]
    for part in u:
        rate = curve.length / spacing(curve.at(part)[0])
        until.append(np.concatenate([[0.0], np.cumsum(np.abs(np.diff(part)) * (rate[1:] + rate[:-1]) / 2)]))
        starts.append(starts[-1] + until[-1][-1])
    (x0, x1), (n0, n1), _ = curve.at(np.array([chain[0][0], chain[-1][1]]))
    closed = bool(np.linalg.norm(x1 - x0) <= 1e-9 * curve.length and n0 @ n1 >= TURN)
    count = max(3 if closed else 1, round(starts[-1]))
    if closed:
        targets, corner = (np.arange(count) + 0.5) / count * starts[-1], np.zeros(count, dtype=bool)
    else:
        targets = np.linspace(0.0, starts[-1], count + 1)
        corner = np.isin(np.arange(count + 1), [0, count])
    which = np.clip(np.searchsorted(starts, targets, side="right") - 1, 0, len(u) - 1)
    found = np.empty(len(targets))
    for part in np.unique(which):
        mine = which == part
        found[mine] = np.interp(targets[mine] - starts[part], until[part], u[part])
    x, normals, _ = curve.at(found)
    return x, normals, corner
