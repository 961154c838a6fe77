"""The extreme values of a coordinate on intersections of spheres and planes."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.domains._domain import Domain

FLAT = 1e-9
"""Tolerance for linearly dependent normals."""

ROUNDING = 1e-14
"""A smaller squared radius, relative to the square of the domain's size, counts as zero."""

NEAR = 1e-8
"""A point closer to the boundary than this, relative to the domain's size, is on it."""


def critical(domain: Domain, x: Float[Tensor, "P k"]) -> Float[Tensor, "P C"]:
    """Values of coordinate k that are extreme where a sphere meets boundaries of other members, for given coordinates before it.

    There the pieces that a slice of a combination consists of touch, part or change. Where |z|^2 + b . z = c meets another sphere
    or a plane, the difference of both equations is linear: what is left is a sphere of fewer dimensions, about the point of this
    flat that is nearest to its centre. NaN stands for surfaces that do not meet. (Where planes meet that are parallel to the axes
    nothing is extreme but these themselves.)

    Args:
        domain: whose ``leaves`` have the surfaces.
        x: fixed values of the first coordinates.
    """
    dims, k = len(domain.coords), x.shape[1]
    origin, side = domain.box.mean(dim=0), float((domain.box[1] - domain.box[0]).max())
    leaves = [(leaf, surfaces) for leaf in domain.leaves if (surfaces := leaf.surfaces(origin)) is not None]
    rows = torch.cat([x.new_zeros((0, dims + 2)), *[surfaces for _, surfaces in leaves]])
    # Surfaces of shapes that are apart do not meet.
    member = torch.tensor([i for i, (_, surfaces) in enumerate(leaves) for _ in surfaces], dtype=torch.long)
    low, high = (torch.stack([x.new_zeros(dims), *[leaf.box[end] for leaf, _ in leaves]])[1:][member] for end in (0, 1))
    touch = ((low[:, None] <= high) & (low <= high[:, None])).all(dim=2)
    found, groups = [x.new_full((len(x), 0), torch.nan)], torch.arange(len(rows))[:, None]
    for _ in range(dims - k - 1):
        more = touch[groups].all(dim=1) & (torch.arange(len(rows)) > groups[:, -1:])
        which, other = more.nonzero(as_tuple=True)
        groups = torch.cat([groups[which], other[:, None]], dim=1)
        # A sphere first, where there is one.
        chosen = groups.gather(1, rows[groups, 0].argsort(dim=1, descending=True, stable=True))
        chosen = chosen[(rows[chosen[:, 0], 0] == 1) & (member[chosen] != member[chosen[:, :1]]).any(dim=1)]
        if len(chosen):
            points = _extremes(rows[chosen], x - origin[:k], ROUNDING * side**2) + origin[k:]
            if k < dims - 2:
                _on_boundary(domain, x, points, NEAR * side)
            found.append(points[..., 0])
    return torch.cat(found, dim=1)


def _extremes(rows: Float[Tensor, "S q D+2"], x: Float[Tensor, "P k"], rounding: float) -> Float[Tensor, "P 2S D-k"]:
    """The two points where surfaces meet, of which the first is a sphere, and the first free coordinate is extreme."""
    k = x.shape[1]
    # What is left of the equations with x in them, (P, S, q).
    given = rows[..., 0] * x.square().sum(dim=1)[:, None, None] + torch.einsum("sqk,pk->psq", rows[..., 1 : k + 1], x)
    right = rows[..., -1] - given
    normal, curved = rows[..., k + 1 : -1], rows[:, 1:, 0]
    center, sphere = -normal[:, 0] / 2, right[..., 0]
    normal, right = normal[:, 1:] - curved[..., None] * normal[:, :1], right[..., 1:] - curved * right[..., :1]
    sizes = torch.linalg.svdvals(normal)
    kept = sizes[:, -1] > FLAT * sizes.amax()
    normal, center, right, sphere = normal[kept], center[kept], right[:, kept], sphere[:, kept]
    inverse = torch.linalg.pinv(normal)
    offset = torch.einsum("sdq,psq->psd", inverse, right - torch.einsum("sqd,sd->sq", normal, center))
    square = sphere + center.square().sum(dim=1) - offset.square().sum(dim=2)
    # A sphere that is touched: of rounding errors no root is taken.
    square = torch.where(square.abs() <= rounding, 0.0, square)
    radius = torch.where(square < 0, torch.nan, square).sqrt()
    along = -torch.einsum("sdq,sq->sd", inverse, normal[..., 0])
    along[:, 0] += 1.0
    length = torch.linalg.vector_norm(along, dim=1, keepdim=True)
    along = torch.where(length > FLAT, along / length.clamp(min=FLAT), 0.0)
    reach = radius[..., None] * along
    return torch.cat([center + offset - reach, center + offset + reach], dim=1)


def _on_boundary(domain: Domain, x: Tensor, points: Tensor, near: float) -> None:
    """Points that are not on the boundary of the domain become NaN."""
    whole = torch.cat([x[:, None].expand(-1, points.shape[1], -1), points], dim=2).flatten(0, 1)
    known = (~whole.isnan().any(dim=1)).nonzero()[:, 0]
    off = ~domain.within(whole[known], near) | domain.within(whole[known], -near)
    points.view(-1, points.shape[2])[known[off]] = torch.nan
