"""The base class of unions, intersections and differences of domains."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections import Counter
from functools import cached_property, partial

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.domains._domain import Domain
from rbfnet.domains._piece import Piece
from rbfnet.domains._point_cloud import PointCloud
from rbfnet.domains._rejection import own_draws
from rbfnet.domains._slices import Lines, along_lines, cut
from rbfnet.domains._space_time import SpaceTime
from rbfnet.errors import MOST_POINTS, InputError, positive
from rbfnet.sampling import IN_BOX


class Combination(Domain):
    """What union, intersection and difference share: the points of members' boundaries that are on the boundary of the result.

    Such a point has the result on the inner side of it, and not on the outer. Where boundaries of members lie on each other, the
    point counts for the first of them.

    Raises:
        InputError: fewer than two members, members in different coordinates, or nothing inside.
    """

    def __init__(self, *members: Domain) -> None:
        flat: list[Domain] = []
        for member in members:
            if isinstance(member, (PointCloud, SpaceTime)) or not isinstance(member, Domain):
                hint = "; combine the spaces first, then use SpaceTime" if isinstance(member, SpaceTime) else ""
                raise InputError(
                    f"{type(self).__name__} needs domains with an interior and a boundary, but got {member!r}{hint}."
                )
            flat += self.unfolded(member, first=not flat)
        if len(flat) < 2:
            raise InputError(f"{type(self).__name__} needs at least two domains, but got {len(flat)}.")
        self.coords = flat[0].coords
        for member in flat:
            if member.coords != self.coords:
                raise InputError(
                    f"{type(self).__name__} needs domains with the same coordinates, but got ({', '.join(self.coords)}) and "
                    f"({', '.join(member.coords)})."
                )
        self.members = tuple(flat)
        low, high = self.box
        inside = (low < high).all() and any(self._found(count) > 0 for count in (2**12, 2**17))
        if not inside:
            raise InputError(f"{self!r} is empty: none of {2**17} points of its bounding box is inside.")

    def unfolded(self, member: Domain, first: bool) -> tuple[Domain, ...]:
        """The members of a member of the same kind: (a | b) | c has three."""
        return member.members if isinstance(member, Combination) and type(member) is type(self) else (member,)

    def turned_out(self, index: int) -> bool:
        """Whether a member is there by what it leaves out."""
        return False

    @abstractmethod
    def apart(self) -> float:
        """The volume where the members' boundaries are all kept whole."""

    @property
    def leaves(self) -> tuple[Domain, ...]:
        return tuple(leaf for member in self.members for leaf in member.leaves)

    @property
    def sliced(self) -> bool:
        return all(member.sliced for member in self.members)

    def ends(self, x: Float[Tensor, "P k"]) -> Float[Tensor, "P E"]:
        """Those of all members."""
        return torch.cat([member.ends(x) for member in self.members], dim=1)

    @cached_property
    def _lines(self) -> Lines:
        return cut(self)

    def quadrature(self, n: int) -> tuple[Float[Tensor, "N D"], Float[Tensor, " N"]]:
        positive("The number of points", n, whole=True, most=MOST_POINTS)
        return along_lines(self, n, self._lines) if self.sliced else self.evenly(n)

    @cached_property
    def volume(self) -> float:
        """By quadrature, to rounding, up to three dimensions.

        Beyond, and with tetrahedra among the members: exact where their boundaries do not meet; else from 131072 Sobol points, so
        to about 1e-4 of the box.
        """
        if self.sliced:
            return self._lines.volume
        kept = sum(piece.measure for piece in self.pieces)
        whole = sum(piece.measure for member in self.members for piece in member.pieces)
        if math.isclose(kept, whole, rel_tol=1e-12):
            return self.apart()
        return self._found(2**17) * (self.box[1] - self.box[0]).prod().item()

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        found: list[list[Piece]] = []
        for index, member in enumerate(self.members):
            whole = [piece.turned() if self.turned_out(index) else piece for piece in member.pieces]
            kept = [piece.where(partial(self._bounded_by, index)) for piece in whole]
            found.append([piece for piece in kept if piece is not None])
        return self.named(found)

    def named(self, found: list[list[Piece]]) -> tuple[Piece, ...]:
        """The parts of each member; names that several members have are told apart: "circle (1)", "circle (2)"."""
        count = Counter(name for pieces in found for name in {piece.name for piece in pieces})
        return tuple(
            piece.called(f"{piece.name} ({index})") if count[piece.name] > 1 else piece
            for index, pieces in enumerate(found, start=1)
            for piece in pieces
        )

    @cached_property
    def _step(self) -> float:
        """From a point of the boundary to its two sides: far above rounding, far below any feature."""
        corners = self._corners()
        return 1e-7 * (corners.amax(dim=(0, 1)) - corners.amin(dim=(0, 1))).max().item()

    def _bounded_by(self, index: int, points: Tensor, normals: Tensor) -> Tensor:
        inner, outer = points - self._step * normals, points + self._step * normals
        mine = self.within(inner, 0.0) & ~self.within(outer, 0.0)
        for earlier, member in enumerate(self.members[:index]):
            inner_in, outer_in = member.within(inner, 0.0), member.within(outer, 0.0)
            mine &= ~(~inner_in & outer_in if self.turned_out(earlier) else inner_in & ~outer_in)
        return mine

    def _found(self, count: int) -> float:
        """Which share of the bounding box is inside, by so many Sobol points."""
        with own_draws():
            return self.within(IN_BOX["sobol"](self.box, count), 0.0).double().mean().item()

    def __getstate__(self) -> dict[str, object]:
        # Pieces hold functions, which cannot be sent to other processes; they are found again there.
        return {name: value for name, value in self.__dict__.items() if name != "pieces"}

    def _corners(self) -> Float[Tensor, "members 2 D"]:
        return torch.stack([member.box for member in self.members])
