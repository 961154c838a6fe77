"""Closed chains of straight edges, the boundaries of polygons and triangle meshes."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.domains._piece import Piece
from rbfnet.nn.blocks import PAIRS, blockwise


class Edges:
    """Closed chains of straight edges with the domain at their left: what polygons and triangle meshes are bounded by.

    Args:
        starts, ends: (S, 2).
    """

    def __init__(self, starts: Float[Tensor, "S 2"], ends: Float[Tensor, "S 2"]) -> None:
        self._starts, self._ends = starts, ends

    def distance(self, x: Float[Tensor, "N 2"]) -> Float[Tensor, " N"]:
        """2 / sum_edges (1/r1 + 1/r2) tan(angle / 2): the potential of the mean value coordinates, 2 / integral of 1 / rho.

        rho is the distance to the boundary in each direction, r1 and r2 are those to an edge's ends, and angle is what the edge
        is seen under, with its sign. It is zero on the boundary with a normal derivative of -1, negative outside, and smooth
        everywhere but at the vertices; there its value is 0 and its derivatives, which do not exist, are finite numbers.

        Source: Belyaev, Fayolle and Pasko, Signed Lp-distance fields, Comput. Aided Des. 45 (2013); Dyken and Floater,
        Transfinite mean value interpolation, Comput. Aided Geom. Des. 26 (2009).
        """
        starts, ends = self._starts.to(x), self._ends.to(x)
        return blockwise(_potential, [x], [starts, ends], max(1, PAIRS // len(starts)))

    def ends(self, x: Float[Tensor, "P k"]) -> Float[Tensor, "P S"]:
        """Where they begin along the first coordinate (k = 0), or meet the lines on which it is given (k = 1); NaN where not."""
        if x.shape[1] == 0:
            return self._starts[:, 0].expand(len(x), -1)
        (ax, ay), (bx, by) = self._starts.T, self._ends.T
        met = (torch.minimum(ax, bx) <= x) & (x < torch.maximum(ax, bx))
        share = (x - ax) / torch.where(met, bx - ax, 1.0)
        return torch.where(met, ay + share * (by - ay), torch.nan)

    def piece(self, name: str, which: Tensor) -> Piece:
        """The part of the boundary made of some of the edges, by arc length."""
        starts, ends = self._starts[which], self._ends[which]
        along = ends - starts
        lengths = torch.linalg.vector_norm(along, dim=1)
        until = torch.cumsum(lengths, 0)
        normals = torch.stack([along[:, 1], -along[:, 0]], dim=1) / lengths[:, None]

        def at(u: Tensor) -> tuple[Tensor, Tensor]:
            arc = u[:, 0].contiguous() * until[-1]
            edge = torch.searchsorted(until, arc, right=True).clamp(max=len(until) - 1)
            share = (1 - (until[edge] - arc) / lengths[edge]).clamp(0, 1)
            return starts[edge] + share[:, None] * along[edge], normals[edge]

        return Piece(name, until[-1].item(), 1, at)


def _potential(x: Tensor, starts: Tensor, ends: Tensor) -> Tensor:
    seen = _Seen(x[:, None], starts, ends)
    # One edge's term is infinite on it; so the largest is taken out of the sum and enters by its inverse.
    nearest = seen.terms(seen.on).detach().abs().masked_fill(seen.on, torch.inf).argmax(dim=1)
    own = torch.arange(len(starts), device=x.device) == nearest[:, None]
    # The terms of two edges are infinite where they meet; there the sum is multiplied by zero.
    others = seen.terms(own | seen.on).sum(dim=1)
    height = _Seen(x, starts[nearest], ends[nearest]).height()
    return 2 * height / (1 + height * others)


class _Seen:
    """Edges as seen from points: distances r1, r2 to their ends, cross and dot product of the directions."""

    def __init__(self, x: Tensor, starts: Tensor, ends: Tensor) -> None:
        (ax, ay), (bx, by) = (starts - x).unbind(dim=-1), (ends - x).unbind(dim=-1)
        r1, r2 = _root(ax.square() + ay.square()), _root(bx.square() + by.square())
        self.cross, self.dot = ax * by - ay * bx, ax * bx + ay * by
        self.product, self.total = r1 * r2, r1 + r2
        # Two forms of tan(angle / 2) are at hand, each without cancellation in its own half.
        self.wide = self.dot <= 0
        self.on = self.wide & (self.cross == 0)

    def terms(self, without: Tensor) -> Tensor:
        """(1/r1 + 1/r2) tan(angle / 2) of each edge, 0 for those left out, which must be those with a point on them, at least."""
        wide = (self.product - self.dot) / torch.where(self.wide & ~without, self.cross, 1.0)
        narrow = self.cross / torch.where(self.wide, 1.0, self.product + self.dot)
        tangent = torch.where(self.wide, wide, narrow)
        return torch.where(without, 0.0, self.total / torch.where(without, 1.0, self.product) * tangent)

    def height(self) -> Tensor:
        """The inverse of the one term: half the distance to the edge, nearby."""
        wide = self.cross / _nonzero(torch.where(self.wide, self.product - self.dot, 1.0))
        narrow = torch.where(self.wide, 1.0, self.product + self.dot) / torch.where(self.wide, 1.0, _nonzero(self.cross))
        return self.product / _nonzero(self.total) * torch.where(self.wide, wide, narrow)


def _root(square: Tensor) -> Tensor:
    zero = square == 0
    return torch.where(zero, 0.0, torch.where(zero, 1.0, square).sqrt())


def _nonzero(values: Tensor) -> Tensor:
    return torch.where(values == 0, 1.0, values)
