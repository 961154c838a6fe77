"""Curves in three dimensions along which two smooth surfaces of a boundary meet."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import torch

from rbfnet.domains._domain import Domain
from rbfnet.domains._mesh import Mesh
from rbfnet.domains.node_sets._curve_nodes import TURN, Curve

Array = np.ndarray[Any, Any]

ASIDE = 1e-6
"""How far beside an edge the domain is looked at, relative to its size."""

SIDES = ((-1, -1), (-1, 1), (1, -1), (1, 1))
"""The four sides of two surfaces that meet."""

HALVINGS = 24
"""Ends of these curves are found to the size of these steps, and then sharpened."""


def sharp_edges(domain: Domain) -> list[Curve]:
    """The edges of a domain in three dimensions, as curves.

    They are found for boxes, balls and their combinations, and for meshes. On other domains, and where a mesh meets another
    member of a combination, none are found.
    """
    found = [curve for leaf in domain.leaves if isinstance(leaf, Mesh) for curve in _of_mesh(leaf, domain)]
    box = domain.box.numpy()
    origin, size = torch.from_numpy(box.mean(axis=0)), float(np.ptp(box, axis=0).max())
    rows = [surfaces.numpy() for leaf in domain.leaves if (surfaces := leaf.surfaces(origin)) is not None]
    for a, b in itertools.combinations(np.concatenate(rows) if rows else [], 2):
        line = _meeting(a, b, box - origin.numpy())
        if line is not None:
            found.append(_between(domain, origin.numpy(), line, a, b, size))
    return found


def _meeting(a: Array, b: Array, box: Array) -> tuple[float, Any] | None:
    """The line or circle where two planes or spheres a |z|^2 + b . z = c meet: its length, and z from the parameter."""
    if a[0] < b[0]:
        a, b = b, a
    if a[0] and b[0]:
        b = b - a
    size, normal = float(np.ptp(box, axis=0).max()), b[1:-1]
    length = float(np.linalg.norm(normal))
    if length <= 1e-12 * size:
        return None
    normal, height = normal / length, float(b[-1]) / length
    if not a[0]:
        other = float(np.linalg.norm(a[1:-1]))
        return _line(normal, a[1:-1] / other, (height, float(a[-1]) / other), box)
    center = -a[1:-1] / 2
    foot = center + (height - normal @ center) * normal
    square = float(a[-1] + center @ center - (foot - center) @ (foot - center))
    if square <= 1e-12 * size**2:
        return None
    radius = math.sqrt(square)
    first, second = _across(normal)

    def circle(u: Array) -> Array:
        angle = 2 * math.pi * u[:, None]
        return np.asarray(foot + radius * (np.cos(angle) * first + np.sin(angle) * second))

    return 2 * math.pi * radius, circle


def _line(one: Array, two: Array, heights: tuple[float, float], box: Array) -> tuple[float, Any] | None:
    """The line where two planes parallel to the axes meet, within the box."""
    along = np.cross(one, two)
    if np.linalg.norm(along) < 0.5:
        return None
    axis = int(np.abs(along).argmax())
    low, high = box[:, axis]
    foot = heights[0] * one + heights[1] * two

    def line(u: Array) -> Array:
        x = np.tile(foot, (len(u), 1))
        x[:, axis] = low + (high - low) * u
        return x

    return float(high - low), line


def _across(normal: Array) -> tuple[Array, Array]:
    """Two unit vectors that are perpendicular to a third, and to each other."""
    first = np.cross(normal, np.eye(3)[np.abs(normal).argmin()])
    first /= np.linalg.norm(first)
    return first, np.cross(normal, first)


def _between(domain: Domain, origin: Array, line: tuple[float, Any], a: Array, b: Array, size: float) -> Curve:
    """The parts of a curve where both surfaces bound the domain: it looks different on both sides of each."""
    length, place = line

    def at(u: Array) -> tuple[Array, Array, Array]:
        x, (outward, kept) = origin + place(u), looked_at(place(ASIDE + (1 - 2 * ASIDE) * u))
        return x, outward, kept

    def looked_at(z: Array) -> tuple[Array, Array]:
        # Not at the very ends of a line: another surface may bound the domain there.
        one, two = (_unit(2 * row[0] * z + row[1:-1]) for row in (a, b))
        # The steps to the sides of one surface that stay on the same side of the other.
        to_one, to_two = _dual(one, two), _dual(two, one)
        sides = np.concatenate([z + ASIDE * size * (i * to_one + j * to_two) for i, j in SIDES])
        inside = domain.within(torch.from_numpy(np.tile(origin, (len(sides), 1)) + sides), 0.0).numpy()
        seen = dict(zip(SIDES, inside.reshape(4, -1), strict=True))
        # The domain lies on the other side of the outward normal.
        inward = sum(i * seen[i, j].astype(float) for i, j in seen)
        outward = np.where(inward > 0, -1.0, 1.0)[:, None] * one
        of_one = (seen[1, 1] != seen[-1, 1]) | (seen[1, -1] != seen[-1, -1])
        of_two = (seen[1, 1] != seen[1, -1]) | (seen[-1, 1] != seen[-1, -1])
        return outward, of_one & of_two

    return Curve(length, at, halvings=HALVINGS)


def _unit(x: Array) -> Array:
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True))


def _dual(one: Array, two: Array) -> Array:
    """The direction perpendicular to ``two`` in the plane of both."""
    return _unit(one - np.sum(one * two, axis=1, keepdims=True) * two)


def _of_mesh(mesh: Mesh, domain: Domain) -> list[Curve]:
    """The edges between facets of a mesh that are not parallel, as far as they lie on the boundary of the domain."""
    ends = mesh.creases(TURN)
    if not len(ends):
        return []
    along = ends[:, 1] - ends[:, 0]
    lengths = np.linalg.norm(along, axis=1)
    until = np.cumsum(lengths)
    near = 1e-9 * float(np.ptp(domain.box.numpy(), axis=0).max())

    def at(u: Array) -> tuple[Array, Array, Array]:
        arc = u * until[-1]
        edge = np.minimum(np.searchsorted(until, arc, side="right"), len(until) - 1)
        x = ends[edge, 0] + np.clip(1 - (until[edge] - arc) / lengths[edge], 0, 1)[:, None] * along[edge]
        points = torch.from_numpy(x)
        kept = np.ones(len(x), dtype=bool)
        if domain is not mesh:
            kept = (domain.within(points, near) & ~domain.within(points, -near)).numpy()
        return x, np.full_like(x, 3**-0.5), kept

    return [Curve(float(until[-1]), at, len(ends), oriented=False)]
