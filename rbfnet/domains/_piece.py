"""Named pieces of a boundary."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from rbfnet.domains._rejection import own_draws, steps
from rbfnet.given import call, true_each
from rbfnet.sampling import IN_BOX

Keep = Callable[[Tensor, Tensor], Tensor]
"""From points (n, D) and outward normals (n, D) to which of them belong, (n,)."""


@dataclass(frozen=True)
class Piece:
    """A part of a boundary: the image of the unit cube under a map that carries equal areas to equal areas.

    So a sampler of the cube is one of the part, and the product with a time interval is a cube of one dimension more.

    Attributes:
        name: of the part.
        measure: its length or area; an end of an interval counts 1.
        dims: of the cube; 0 for a single point.
        at: from (n, dims) in the unit cube to points (n, D) and outward unit normals (n, D).
        keep: what of the image belongs to the part; all of it if None.
        share: which share of the image that is.

    Example:
        >>> from rbfnet.domains import Disc
        >>> circle = Disc((0, 0), 1).pieces[0]
        >>> circle.name, round(circle.measure, 4), [t.shape for t in circle.draw(5, "halton")]
        ('circle', 6.2832, [torch.Size([5, 2]), torch.Size([5, 2])])
    """

    name: str
    measure: float
    dims: int
    at: Callable[[Float[Tensor, "n dims"]], tuple[Tensor, Tensor]]
    keep: Keep | None = None
    share: float = 1.0

    def draw(self, n: int, sampler: str) -> tuple[Float[Tensor, "n D"], Float[Tensor, "n D"]]:
        """n points and their normals: evenly spaced on curves unless the sampler is random, by the sampler on surfaces."""
        if self.keep is None:
            return self.at(unit_cube(n, self.dims, sampler))
        # On curves every point of eight is taken, so that steps differ by an eighth at most.
        even = self.dims == 1 and sampler != "random"
        drawn = math.ceil(n / self.share * (8 if even else 1.1)) + 8
        while True:
            points, normals = self.at(unit_cube(drawn, self.dims, sampler))
            kept = self.keep(points, normals).nonzero()[:, 0]
            if len(kept) >= n:
                chosen = kept[steps(len(kept), n) if even else slice(n)]
                return points[chosen], normals[chosen]
            drawn *= 2

    def where(self, keep: Keep) -> Piece | None:
        """What of the part is kept too; None where nothing of it is found among some thousand points."""

        def both(points: Tensor, normals: Tensor) -> Bool[Tensor, " n"]:
            return keep(points, normals) if self.keep is None else self.keep(points, normals) & keep(points, normals)

        with own_draws():
            points, normals = self.at(unit_cube((1, 2**12, 2**15)[min(self.dims, 2)], self.dims, "sobol"))
        share = both(points, normals).double().mean().item()
        if share == 0.0:
            return None
        if share == self.share:
            return self
        return replace(self, measure=self.measure * share / self.share, keep=both, share=share)

    def measured_in(self, sides: Float[Tensor, " D"]) -> float:
        """Its measure in units of ``sides`` along each coordinate.

        A surface element dS with the normal n is |sides n| dS / prod sides then (Nanson's formula), a mean over 256 points here.
        """
        if self.dims == 0:
            return self.measure
        with own_draws():
            normals = self.draw(256, "halton")[1]
        return self.measure * float(torch.linalg.vector_norm(sides * normals, dim=1).mean() / sides.prod())

    def called(self, name: str) -> Piece:
        """The same part by another name."""
        return replace(self, name=name)

    def turned(self) -> Piece:
        """The same part of the boundary of what lies on the other side."""
        keep = self.keep

        def at(u: Tensor) -> tuple[Tensor, Tensor]:
            points, normals = self.at(u)
            return points, -normals

        return replace(self, at=at, keep=None if keep is None else lambda points, normals: keep(points, -normals))


def unit_cube(n: int, dims: int, sampler: str) -> Float[Tensor, "n dims"]:
    """n points of the unit cube; on a line the midpoints of n equal parts (which leave out its ends) unless they are random."""
    if dims == 0:
        return torch.empty(n, 0, dtype=torch.float64)
    if dims == 1 and sampler != "random":
        return ((torch.arange(n, dtype=torch.float64) + 0.5) / n)[:, None]
    # A grid fits few numbers of points, and refining towards the boundary says nothing on it.
    of_cube = "halton" if sampler in ("grid", "boundary_refined") else sampler
    return IN_BOX[of_cube](torch.stack([torch.zeros(dims), torch.ones(dims)]).double(), n)


def any_of(tests: Sequence[Callable[[Tensor], Tensor]]) -> Callable[[Tensor, Tensor], Tensor]:
    """Which points (N, D) belong to the part that any of these functions says."""
    what = "A part of the boundary that is a function of points"

    def keep(points: Tensor, normals: Tensor) -> Tensor:
        found = torch.zeros(len(points), dtype=torch.bool)
        for test in tests:
            # A copy, which it may change in place.
            found |= true_each(call(test, what, points.clone()), points, what)
        return found

    return keep
