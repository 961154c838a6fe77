"""Nodes for local methods: quasi-uniform points inside a domain and on its boundary."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from rbfnet.annotations import held
from rbfnet.domains._domain import Domain
from rbfnet.domains._graded import spacing_around_holes
from rbfnet.domains._point_cloud import PointCloud
from rbfnet.domains._space_time import SpaceTime
from rbfnet.domains.node_sets._advancing_front import advancing_front
from rbfnet.domains.node_sets._boundary_nodes import BoundaryNodes, boundary_nodes
from rbfnet.domains.node_sets._curve_nodes import Spacing
from rbfnet.domains.node_sets._node_counts import number_of_nodes, scale_for
from rbfnet.domains.node_sets._repulsion import repelled
from rbfnet.domains.node_sets._thinning import thinned
from rbfnet.errors import MOST_POINTS, InputError, positive
from rbfnet.given import call, one_each

Array = np.ndarray[Any, Any]

NEAR, TRIES = 0.04, 3
"""How near to a number of nodes is near enough, relative to it, and how often a spacing for it is tried."""

STEPS = 6
"""Steps of repulsion inside."""

CLOSEST = 0.65
"""Nodes that have come closer to each other than this, relative to the spacing, are thinned."""


@dataclass(frozen=True)
class Nodes:
    """Nodes of a domain, those on its boundary first.

    Attributes:
        x: (N, D), float64; the first B lie on the boundary.
        normals: (B, D), the outward unit normals.
        part: (B,), the part of the boundary that each belongs to, as a row of ``domain.parts``; of several the first.
        spacing: (N,), the distance to the neighbours that was to be.

    Example:
        >>> from rbfnet.domains import Disc, place_nodes
        >>> nodes = place_nodes(Disc((0, 0), 1), spacing=0.1)
        >>> len(nodes.boundary), nodes.normals.shape, bool(nodes.interior.norm(dim=1).max() < 0.95)
        (63, torch.Size([63, 2]), True)
    """

    x: Float[Tensor, "N D"]
    normals: Float[Tensor, "B D"]
    part: Int[Tensor, " B"]
    spacing: Float[Tensor, " N"]

    @property
    def boundary(self) -> Float[Tensor, "B D"]:
        """Those on the boundary."""
        return self.x[: len(self.normals)]

    @property
    def interior(self) -> Float[Tensor, "N-B D"]:
        """Those inside."""
        return self.x[len(self.normals) :]


@held
def place_nodes(
    domain: Domain, count: int | None = None, spacing: float | str | Callable[[Tensor], Tensor] | None = None
) -> Nodes:
    """Quasi-uniform nodes of a domain in one, two or three dimensions, for local methods such as RBF-FD.

    Neighbours are about ``spacing`` h apart: no two nodes are closer than about 0.65 h, and no point of the domain is farther
    than about h from a node. Nodes on the boundary come with their normals; every corner is a node, and edges in three
    dimensions have nodes (not found where a tetrahedral mesh is combined with other domains). From them a front of nodes
    advances inwards; then nodes repel each other. h should change by less than about half a unit of length per unit of length.

    The result is repeated by ``torch.manual_seed``. Of a point cloud some of the points are the nodes, without a boundary.

    Source: Slak and Kosec, On generation of node distributions for meshless PDE discretizations, SIAM J. Sci. Comput. 41
    (2019); Fornberg and Flyer, Fast generation of 2-D node distributions for mesh-free PDE discretizations, Comput. Math. Appl.
    69 (2015); van der Sande and Fornberg, Fast variable density 3-D node generation, SIAM J. Sci. Comput. 43 (2021).

    Args:
        domain: a domain without time.
        count: how many nodes, about (to 4 per cent where they are many); None if ``spacing`` says so.
        spacing: h: a positive number, a function of points (N, D) that gives h there, (N,), or ``"graded"``: denser near holes,
            as :func:`graded`. With ``count``, h is scaled so as to fit it.

    Raises:
        InputError: neither count nor spacing, ``"graded"`` without count, a spacing that is not positive, more than ten million
            nodes, a SpaceTime, or more than three dimensions.

    Example:
        >>> import torch
        >>> from rbfnet.domains import Disc, Rectangle, place_nodes
        >>> domain = Rectangle(x=(0, 1), y=(0, 1)) - Disc((0.5, 0.5), 0.2)
        >>> nodes = place_nodes(domain, spacing=lambda x: 0.02 + 0.1 * domain.distance(x))  # denser at the boundary
        >>> bool((torch.cdist(nodes.x, nodes.x).fill_diagonal_(1.0).amin(dim=1) > 0.65 * nodes.spacing).all())
        True
    """
    if isinstance(domain, SpaceTime):
        raise InputError(f"Nodes are placed in space, but {domain!r} has a time; give its space, domain.space.")
    if len(domain.coords) > 3:
        raise InputError(f"Nodes are placed in up to three dimensions, but {domain!r} has {len(domain.coords)}; use interior(n).")
    h = _spacing(domain, count, spacing)
    rng = np.random.default_rng(int(torch.randint(2**31 - 1, ())))
    if isinstance(domain, PointCloud):
        x = _of_cloud(domain, h, count, rng)
        return _nodes(BoundaryNodes(x[:0], x[:0], np.zeros(0, dtype=np.int64)), x, h)
    if count is None:
        return _placed(domain, h, rng)
    scale = scale_for(domain, h, count)
    for _ in range(TRIES):
        nodes = _placed(domain, partial(_scaled, h, scale), rng)
        if abs(len(nodes.x) - count) <= NEAR * count:
            break
        scale *= (len(nodes.x) / count) ** (1 / len(domain.coords))
    return nodes


def _scaled(h: Spacing, scale: float, x: Array) -> Array:
    return np.asarray(scale * h(x))


def _placed(domain: Domain, h: Spacing, rng: np.random.Generator) -> Nodes:
    """Nodes at a spacing."""
    if (number := number_of_nodes(domain, h)) > MOST_POINTS:
        raise InputError(f"This spacing takes about {number:.1e} nodes; increase it so that there are at most {MOST_POINTS:.0e}.")
    boundary = boundary_nodes(domain, h, rng)
    inside = _on_a_line(domain, boundary.x, h) if len(domain.coords) == 1 else _filled(domain, boundary.x, h, rng)
    return _nodes(boundary, inside, h)


def _spacing(domain: Domain, count: int | None, spacing: float | str | Callable[[Tensor], Tensor] | None) -> Spacing:
    """h as a function of arrays; up to a factor if there is a count."""
    if count is not None:
        positive("count", count, whole=True, most=MOST_POINTS)
    elif spacing is None:
        raise InputError("place_nodes needs a number of nodes or a distance between them: count=1000 or spacing=0.1.")
    if spacing is None:
        return lambda x: np.ones(len(x))
    if isinstance(spacing, str):
        if spacing != "graded":
            raise InputError(f"spacing must be a positive number, a function of points or 'graded', but got {spacing!r}.")
        if count is None:
            raise InputError("spacing='graded' says only where nodes are denser; give their number too, as in count=1000.")
        around = spacing_around_holes(domain)
        return lambda x: around(torch.from_numpy(x)).numpy()
    if callable(spacing):
        return _checked(spacing)
    size = float(positive("spacing", spacing))
    return lambda x: np.full(len(x), size)


def _checked(spacing: Callable[[Tensor], Tensor]) -> Spacing:
    """A user's function of points."""

    def h(x: Array) -> Array:
        points = torch.from_numpy(np.array(x))
        given = one_each(call(spacing, "spacing", points), points[:, 0], "spacing must give one number per point")
        found = np.broadcast_to(np.asarray(given, dtype=np.float64), len(x))
        wrong = np.flatnonzero(~((found > 0) & np.isfinite(found)))
        if len(wrong):
            raise InputError(f"spacing must be positive, but is {found[wrong[0]]:g} at {np.round(x[wrong[0]], 6).tolist()}.")
        return found

    return h


def _on_a_line(domain: Domain, ends: Array, h: Spacing) -> Array:
    """Nodes between the ends of intervals."""
    ends = np.sort(ends[:, 0])
    found = [np.zeros(0)]
    for a, b in pairwise(ends):
        if not bool(domain.contains(torch.tensor([[(a + b) / 2]], dtype=torch.float64))[0]):
            continue
        x = np.linspace(a, b, 2**14 + 1)
        rate = 1 / h(x[:, None])
        until = np.concatenate([[0.0], np.cumsum((rate[1:] + rate[:-1]) / 2 * np.diff(x))])
        found.append(np.interp(np.linspace(0, until[-1], max(1, round(until[-1])) + 1)[1:-1], until, x))
    return np.concatenate(found)[:, None]


def _filled(domain: Domain, boundary: Array, h: Spacing, rng: np.random.Generator) -> Array:
    """Nodes inside."""

    def inside(x: Array) -> Array:
        return domain.contains(torch.from_numpy(x)).numpy()

    def moved(x: Array, push: Array) -> Array:
        new = x + push
        return np.where(inside(new)[:, None], new, x)

    x = advancing_front(boundary, h, inside, rng)
    x = repelled(x, boundary, h, moved, STEPS, len(domain.coords))
    both = np.concatenate([boundary, x])
    return x[thinned(both, CLOSEST * h(both), np.arange(len(both)))[len(boundary) :]]


def _of_cloud(cloud: PointCloud, h: Spacing, count: int | None, rng: np.random.Generator) -> Array:
    """Points of a cloud that keep their distance; with a count, at the scale at which about so many are left."""
    x = np.unique(cloud.points.detach().double().numpy(), axis=0)
    rank, size = rng.permutation(len(x)), h(x)
    if count is None:
        return np.asarray(x[thinned(x, size, rank)])
    if count > len(x):
        raise InputError(f"{count} nodes cannot be taken from the {len(x)} distinct points of a point cloud.")
    box = float(np.ptp(x, axis=0).max()) or 1.0
    low, high = 1e-9 * box / float(size.max()), 2 * box / float(size.min())
    # Above the distance at which all stay, volumes say where to look first.
    scale = (float(np.prod(np.ptp(x, axis=0) + 1e-3 * box)) / count) ** (1 / x.shape[1]) / float(np.median(size))
    for _ in range(25):
        kept = thinned(x, scale * size, rank)
        if abs(kept.sum() - count) <= 0.02 * count:
            break
        low, high = (scale, high) if kept.sum() > count else (low, scale)
        scale = (low * high) ** 0.5
    return np.asarray(x[kept])


def _nodes(boundary: BoundaryNodes, inside: Array, h: Spacing) -> Nodes:
    x = np.concatenate([boundary.x, inside])
    arrays = (x, boundary.normals, boundary.part, np.array(h(x)))
    return Nodes(*(torch.from_numpy(np.ascontiguousarray(array)) for array in arrays))
