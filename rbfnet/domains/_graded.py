"""Points that lie denser near holes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.annotations import held
from rbfnet.domains._domain import Domain
from rbfnet.domains._point_cloud import PointCloud
from rbfnet.errors import MOST_POINTS, InputError, positive

POOL = 40
"""Number of candidates per requested point."""

BOUNDARY = 2000
"""Number of boundary points used to detect holes."""


@held
def graded(domain: Domain, n: int, margin: float) -> Float[Tensor, "n D"]:
    """n points of the domain's box and a margin around it, with a spacing that grows with the distance from the nearest hole.

    Solutions around a hole are singular somewhere inside it, so they vary over lengths that grow with the distance from there:
    the spacing is proportional to R + d, with d the distance from the hole and R half its width, and to R in the hole. A hole
    is where the outward normal of a point of the boundary comes back into the domain after a while. Without holes the points
    are even.

    Args:
        domain: a domain.
        n: how many.
        margin: how far they reach beyond the box, as a fraction of each side.

    Raises:
        InputError: a domain without a boundary.

    Example:
        >>> from rbfnet.domains import Disc, Rectangle, graded
        >>> graded(Rectangle(x=(0, 1), y=(0, 1)) - Disc((0.5, 0.5), 0.1), 100, margin=0.1).shape
        torch.Size([100, 2])
    """
    from scipy.stats import qmc

    positive("The number of points", n, whole=True, most=MOST_POINTS // POOL)
    low, high = domain.box
    widen = float(positive("margin", margin, zero=True)) * (high - low)
    dims = len(low)
    unit = torch.from_numpy(qmc.Halton(dims + 1, rng=int(torch.randint(2**31 - 1, ()))).random(POOL * n))
    x = low - widen + (high - low + 2 * widen) * unit[:, :dims]
    # The least of these are n points with a density of one over the spacing to the power of the dimension.
    return x[(unit[:, dims] * spacing_around_holes(domain)(x) ** dims).argsort()[:n]]


def spacing_around_holes(domain: Domain) -> Callable[[Float[Tensor, "N D"]], Float[Tensor, " N"]]:
    """R + d at points, up to a factor."""
    from scipy.spatial import cKDTree

    edge, width = _holes(domain)
    if not len(edge):
        return lambda x: torch.ones_like(x[:, 0])
    tree = cKDTree(edge.numpy())

    def spacing(x: Tensor) -> Tensor:
        distance, nearest = (torch.from_numpy(found) for found in tree.query(x.numpy()))
        radius = width[nearest] / 2
        inside = ~domain.contains(x) & (distance < radius)
        return radius + torch.where(inside, 0.0, distance)

    return spacing


def _holes(domain: Domain) -> tuple[Float[Tensor, "N D"], Float[Tensor, " N"]]:
    """Points on the boundary of holes, and how wide the hole is from there."""
    if isinstance(domain, PointCloud):
        raise InputError("Graded points need a domain with a boundary, but got a point cloud; use centers=kmeans.")
    points, normals = domain.boundary_with_normals(BOUNDARY)
    low, high = domain.box
    lengths = torch.linspace(0, float((high - low).norm()), 400, dtype=points.dtype)[1:]
    width = torch.full_like(points[:, 0], torch.inf)
    # From far to near: the last one found is the first place where the domain begins again.
    for length in lengths.flip(0):
        width[domain.contains(points + length * normals)] = length
    found = torch.isfinite(width)
    return points[found], width[found]
