"""The union of domains."""

from __future__ import annotations

from functools import cached_property, reduce

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from rbfnet.domains._combination import Combination
from rbfnet.domains._r_functions import disjunction
from rbfnet.domains._rejection import own_draws
from rbfnet.errors import InputError


class Union(Combination):
    """What lies in any of the domains: ``Union(a, b)`` or ``a | b``.

    Parts of the boundary keep their names; those that several members have are numbered by member: ``"circle (1)"``.

    Raises:
        InputError: fewer than two members, different coordinates, or nothing inside.

    Example:
        >>> from rbfnet.domains import Rectangle
        >>> whole = Rectangle(x=(0, 2), y=(0, 1)) | Rectangle(x=(0, 1), y=(0, 2))  # an L
        >>> round(whole.volume, 6)
        3.0
    """

    @property
    def box(self) -> Float[Tensor, "2 D"]:
        corners = self._corners()
        return torch.stack([corners[:, 0].amin(dim=0), corners[:, 1].amax(dim=0)])

    def within(self, x: Float[Tensor, "N D"], slack: float) -> Bool[Tensor, " N"]:
        return torch.stack([member.within(x, slack) for member in self.members]).any(dim=0)

    def implicit(self, x: Float[Tensor, "N D"]) -> Float[Tensor, " N"]:
        """The R-disjunction of the members' functions."""
        return reduce(disjunction, [member.implicit(x) for member in self.members])

    def distance(self, x: Float[Tensor, "N D"]) -> Float[Tensor, " N"]:
        """The R-disjunction of the members' functions.

        Raises:
            InputError: members that touch along a boundary without overlapping there.
        """
        if self._touch:
            raise InputError(
                f"In {self!r} domains only touch, so their distance is zero where they meet; let them overlap, or use "
                "one Polygon."
            )
        return self.implicit(x)

    @cached_property
    def _touch(self) -> bool:
        """Whether a point of a member's boundary is inside of the union, and in the inside of no member."""
        with own_draws():
            drawn = [piece.draw(256, "halton") for member in self.members for piece in member.pieces]
        points, normals = (torch.cat(parts) for parts in zip(*drawn, strict=True))
        both = self.within(points - self._step * normals, 0.0) & self.within(points + self._step * normals, 0.0)
        return bool((both & ~self.within(points, -self._step)).any())

    def apart(self) -> float:
        return sum(member.volume for member in self.members)

    def __repr__(self) -> str:
        return " | ".join(f"({member!r})" if isinstance(member, Combination) else repr(member) for member in self.members)
