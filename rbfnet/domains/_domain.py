"""The base class of domains."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from rbfnet.domains._piece import Piece, any_of
from rbfnet.domains._rejection import fill, own_draws, refined, require_sampler, up_to_the_ends
from rbfnet.errors import MOST_POINTS, InputError, positive, shape_of, unknown
from rbfnet.initialised import Initialised
from rbfnet.sampling import IN_BOX

if TYPE_CHECKING:
    from rbfnet.domains._difference import Difference
    from rbfnet.domains._intersection import Intersection
    from rbfnet.domains._union import Union

Part = str | Callable[[Tensor], Tensor] | Sequence[str | Callable[[Tensor], Tensor]] | None
"""A part of the boundary: its name, a function of points (N, D) that is true (N,) there, several of these, or None for all."""


class Domain(Initialised, ABC):
    """The domain of a problem, with named coordinates and points inside and on the boundary.

    Points are (N, D); sampled ones are float64, from PyTorch's generator. ``a | b``, ``a & b`` and ``a - b`` combine domains.

    A subclass defines ``coords``, ``box``, ``within``, ``pieces``, ``implicit`` and ``volume``; ``ends`` makes its
    integrals faster, ``sliced`` as good in three dimensions.

    Attributes:
        coords: the name of each coordinate, in order.
    """

    _needed = ("coords",)
    coords: tuple[str, ...]

    @property
    @abstractmethod
    def box(self) -> Float[Tensor, "2 D"]:
        """The lowest and the highest corner of the bounding box."""

    @property
    @abstractmethod
    def pieces(self) -> tuple[Piece, ...]:
        """The parts of the boundary."""

    @property
    @abstractmethod
    def volume(self) -> float:
        """Length, area or volume."""

    @abstractmethod
    def within(self, x: Float[Tensor, "N D"], slack: float) -> Bool[Tensor, " N"]:
        """Which (finite) points lie in the domain or at most ``slack`` outside; if negative, at least that far inside."""

    @abstractmethod
    def implicit(self, x: Float[Tensor, "N D"]) -> Float[Tensor, " N"]:
        """A function, positive inside, zero on the boundary and negative outside, with a non-zero gradient on the boundary.

        It keeps dtype and device, and autograd can differentiate it.
        """

    def contains(self, x: Float[Tensor, "N D"]) -> Bool[Tensor, " N"]:
        """Which points lie in the domain, its boundary included (up to rounding in the dtype of the points)."""
        if not isinstance(x, Tensor) or x.ndim != 2 or x.shape[1] != len(self.coords):
            raise InputError(f"Points in ({', '.join(self.coords)}) must be (N, {len(self.coords)}), but got {shape_of(x)}.")
        finite = torch.isfinite(x).all(dim=1)
        finite[finite.clone()] = self.within(x[finite], 64 * torch.finfo(x.dtype).eps * self.box.abs().max().item())
        return finite

    def require_inside(self, x: Float[Tensor, "N D"], what: str = "points") -> None:
        """Raise InputError for points outside the domain; ``what`` is their name in the message.

        Raises:
            InputError: the first of them is shown.
        """
        outside = (~self.contains(x)).nonzero()[:, 0]
        if len(outside):
            row = int(outside[0])
            raise InputError(
                f"{len(outside)} of {len(x)} {what} lie outside {self!r}, the first in row {row} with "
                f"({', '.join(self.coords)}) = ({', '.join(f'{v:g}' for v in x[row].tolist())}); remove them."
            )

    def interior(self, n: int, sampler: str = "halton") -> Float[Tensor, "n D"]:
        """n points inside (or on the boundary), evenly by rejection from the bounding box.

        On a line Halton points reach up to its ends: next to each there is one, a tenth of the mean distance away.

        Args:
            n: how many.
            sampler: ``"grid"`` (of the coarsest grid with n points inside, n at equal steps), ``"halton"``,
                ``"latin_hypercube"``, ``"poisson_disc"``, ``"random"``, ``"sobol"``, or ``"boundary_refined"``: Halton points
                thinned to a density that goes with 1 / (1 + 20 d / max d), d being ``distance``, so 21 times as dense at the
                boundary as in the middle.

        Raises:
            InputError: an unknown sampler, n not a whole number above 0, or no room for n points.
        """
        positive("The number of points", n, whole=True, most=MOST_POINTS)
        require_sampler(sampler)
        if sampler == "boundary_refined":
            return refined(self, n)
        if sampler == "halton" and len(self.coords) == 1:
            return up_to_the_ends(self, n)
        return fill(self.box, n, sampler, self.contains)

    def scattered(self, n: int) -> Float[Tensor, "n D"]:
        """n points for measuring errors: Halton points inside, the same in every call; on an interval, both ends are included."""
        with own_draws():
            ends = self.boundary(1) if len(self.coords) == 1 else self.box[:0]
            return torch.cat([ends, self.interior(max(1, n - len(ends)))])

    @property
    def space_coords(self) -> tuple[str, ...]:
        """The coordinates of space, that is, all except the time of a :class:`SpaceTime`."""
        return self.coords

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of the parts of the boundary."""
        return tuple(piece.name for piece in self.pieces)

    def boundary(self, n: int, sampler: str = "halton", part: Part = None) -> Float[Tensor, "n D"]:
        """n points on the boundary, evenly by length or area; see :meth:`boundary_with_normals`."""
        return self.boundary_with_normals(n, sampler, part)[0]

    def boundary_with_normals(
        self, n: int, sampler: str = "halton", part: Part = None
    ) -> tuple[Float[Tensor, "n D"], Float[Tensor, "n D"]]:
        """n points on the boundary, distributed over its parts by measure, and the outward unit normals.

        On curves points are at equal steps (or random). On surfaces they go by the sampler, where ``"grid"`` and
        ``"boundary_refined"`` mean ``"halton"``. The boundary of an interval is the two points there are, whatever n is.

        Args:
            n: how many.
            sampler: see :meth:`interior`.
            part: one of ``parts``; the beginning of several names, in whole words (``"hole 1"`` for all sides of a hole);
                ``"outer"`` for all that are no holes; a function of points (N, D) that says which belong to it, (N,); or a
                list of these, for what belongs to any of them.

        Raises:
            InputError: an unknown sampler, n not a whole number above 0, or a part that does not exist.
        """
        positive("The number of points", n, whole=True, most=MOST_POINTS)
        require_sampler(sampler)
        pieces = self._chosen(part)
        total, so_far, end = sum(piece.measure for piece in pieces), 0.0, 0
        drawn = []
        for piece in pieces:
            start, so_far = end, so_far + piece.measure
            end = round(so_far / total * n)
            if piece.dims == 0:
                drawn.append(piece.draw(1, sampler))
            elif end > start:
                drawn.append(piece.draw(end - start, sampler))
        points, normals = zip(*drawn, strict=True)
        return torch.cat(points), torch.cat(normals)

    def boundary_measure(self, part: Part = None, sides: Float[Tensor, " D"] | None = None) -> float:
        """Length or area of the boundary, or a part, in units of ``sides`` along each coordinate; ends of an interval count 1."""
        pieces = self._chosen(part)
        return sum(piece.measure if sides is None else piece.measured_in(sides) for piece in pieces)

    def normals(self, x: Float[Tensor, "N D"]) -> Float[Tensor, "N D"]:
        """Outward unit normals at points of the boundary: -grad / |grad| of ``implicit``; at a corner one between its sides.

        Raises:
            InputError: a point that is not on the boundary.
        """
        size = (self.box[1] - self.box[0]).max().item()
        near = torch.finfo(x.dtype).eps ** 0.5 * size
        off = (~self.within(x, near) | self.within(x, -near)).nonzero()[:, 0]
        if len(off):
            raise InputError(f"Normals exist only on the boundary of {self!r}, but {x[off[0]].tolist()} is not on the boundary.")
        slope = self._slope(x)
        corner = torch.linalg.vector_norm(slope, dim=1) < 1e-3
        if corner.any():
            shifts = near * torch.cat([torch.eye(x.shape[1]), -torch.eye(x.shape[1])]).to(x)
            slope[corner] = sum(self._slope(x[corner] + shift) for shift in shifts)
        return -slope / torch.linalg.vector_norm(slope, dim=1, keepdim=True)

    def _slope(self, x: Tensor) -> Tensor:
        with torch.enable_grad():
            points = x.detach().requires_grad_()
            return torch.autograd.grad(self.implicit(points).sum(), points)[0]

    def distance(self, x: Float[Tensor, "N D"]) -> Float[Tensor, " N"]:
        """A smooth function that is zero on the boundary and positive inside, with a non-zero normal derivative.

        It is not the Euclidean distance but a factor d for :class:`rbfnet.nn.Ansatz`, defined only in the domain. Its first
        derivatives are not continuous at corners (except for boxes), so that second derivatives are large near corners.
        """
        return self.implicit(x)

    def quadrature(self, n: int) -> tuple[Float[Tensor, "N D"], Float[Tensor, " N"]]:
        """Nodes inside the domain and positive weights for integrals, accurate to 1e-10 for a wave as long as the domain.

        Up to three dimensions the domain is cut into lines, which takes more nodes than
        n where its shape asks for it: some thousand in three dimensions. Beyond them n Halton points have equal weights.

        Args:
            n: how many nodes, about.

        Raises:
            InputError: n not a whole number above 0.
        """
        positive("The number of points", n, whole=True, most=MOST_POINTS)
        if not self.sliced:
            return self.evenly(n)
        from rbfnet.domains._slices import along_lines, cut

        return along_lines(self, n, cut(self))

    def evenly(self, n: int) -> tuple[Float[Tensor, "n D"], Float[Tensor, " n"]]:
        """n Halton points inside with equal weights, accurate to a few digits in any number of dimensions."""
        return self.interior(n), torch.full((n,), self.volume / n, dtype=torch.float64)

    @property
    def sliced(self) -> bool:
        """Whether integrals go along lines. (In three dimensions for those that say where they meet them, by ``ends``.)"""
        return len(self.coords) <= 2

    @property
    def leaves(self) -> tuple[Domain, ...]:
        """The domains it is combined of; itself alone unless it is a combination."""
        return (self,)

    def surfaces(self, origin: Float[Tensor, " D"]) -> Float[Tensor, "S D+2"] | None:
        """Spheres and planes parallel to the axes that the boundary lies on; None where it has other parts.

        They are rows (a, b, c) of a |z|^2 + b . z = c, with a = 1 or 0 and z from ``origin`` on.
        """
        return None

    def ends(self, x: Float[Tensor, "P k"]) -> Float[Tensor, "P E"]:
        """Where coordinate k begins, ends or has a corner for x before it (of the last one: meets the boundary); NaN for none."""
        from rbfnet.domains._meetings import meetings

        return meetings(self, x)

    def grid(self, n: int) -> Float[Tensor, "N D"]:
        """The points of a regular grid of about n points over the bounding box that lie in the domain, for figures."""
        side = positive("The number of points", n, whole=True, most=MOST_POINTS) ** (1 / len(self.coords))
        points = IN_BOX["grid"](self.box, max(2, round(side)) ** len(self.coords))
        return points[self.contains(points)]

    def initial(self, n: int = 1, sampler: str = "halton") -> Float[Tensor, "n D"]:
        """n points at the start of time.

        Raises:
            InputError: a domain without time.
        """
        raise InputError(f"{self!r} has no time; use SpaceTime(space, t=(0, 1)), or Interval(t=(0, 1)) without space.")

    def final(self, n: int = 1, sampler: str = "halton") -> Float[Tensor, "n D"]:
        """n points at the end of time; see :meth:`initial`."""
        return self.initial(n, sampler)

    def _chosen(self, part: Part) -> tuple[Piece, ...]:
        if part is None:
            return self.pieces
        if isinstance(part, (list, tuple)) and part:
            whole = {piece.name for one in part if isinstance(one, str) for piece in self._chosen(one)}
            tests = [one for one in part if not isinstance(one, str) and self._chosen(one)]
            kept = [piece if piece.name in whole else piece.where(any_of(tests)) for piece in self.pieces]
            return tuple(piece for piece in kept if piece is not None)
        if callable(part):
            found = tuple(piece for piece in (piece.where(any_of([part])) for piece in self.pieces) if piece is not None)
            if not found:
                raise InputError(f"The function that selects a part of the boundary is false at all boundary points of {self!r}.")
            return found
        found = tuple(piece for piece in self.pieces if piece.name == part or piece.name.startswith(f"{part} "))
        if not found and part == "outer":
            found = tuple(piece for piece in self.pieces if not piece.name.startswith("hole "))
        if not found:
            raise unknown("part of the boundary called", part, self.parts)
        return found

    def __or__(self, other: Domain) -> Union:
        from rbfnet.domains._union import Union

        return Union(self, other)

    def __and__(self, other: Domain) -> Intersection:
        from rbfnet.domains._intersection import Intersection

        return Intersection(self, other)

    def __sub__(self, other: Domain) -> Difference:
        from rbfnet.domains._difference import Difference

        return Difference(self, other)
