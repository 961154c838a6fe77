"""The difference of domains."""

from __future__ import annotations

import re
from functools import reduce

from jaxtyping import Bool, Float
from torch import Tensor

from rbfnet.domains._combination import Combination
from rbfnet.domains._domain import Domain
from rbfnet.domains._piece import Piece
from rbfnet.domains._r_functions import conjunction


class Difference(Combination):
    """The points of the first domain that lie in none of the others: ``Difference(a, b, c)`` or ``a - b - c``.

    Parts of the boundary: those of the first keep their names, and are ``"outer"`` together. Those that the others cut are
    ``"hole 1"``, ``"hole 2"``, ... in their order; with the name of the part, where a hole has several (``"hole 1 x=low"``).

    Raises:
        InputError: fewer than two members, different coordinates, or nothing inside.

    Example:
        >>> from rbfnet.domains import Disc, Rectangle
        >>> plate = Rectangle(x=(0, 4), y=(0, 4)) - Disc((1, 1), 0.5)
        >>> plate.interior(50).shape, plate.boundary(10, part="hole 1").shape
        (torch.Size([50, 2]), torch.Size([10, 2]))
    """

    def unfolded(self, member: Domain, first: bool) -> tuple[Domain, ...]:
        return super().unfolded(member, first) if first else (member,)

    def turned_out(self, index: int) -> bool:
        return index > 0

    @property
    def box(self) -> Float[Tensor, "2 D"]:
        return self.members[0].box

    def within(self, x: Float[Tensor, "N D"], slack: float) -> Bool[Tensor, " N"]:
        found = self.members[0].within(x, slack)
        for hole in self.members[1:]:
            # Without slack the boundary of a hole counts as outside, which is only a matter of rounding.
            found &= ~hole.within(x, -slack)
        return found

    def implicit(self, x: Float[Tensor, "N D"]) -> Float[Tensor, " N"]:
        """The R-conjunction of the function of the first domain and the negated functions of the others."""
        return self._without_holes(x, self.members[0].implicit(x))

    def distance(self, x: Float[Tensor, "N D"]) -> Float[Tensor, " N"]:
        """The R-conjunction of the first one's distance and what says how far the others are."""
        return self._without_holes(x, self.members[0].distance(x))

    def _without_holes(self, x: Tensor, value: Tensor) -> Tensor:
        return reduce(conjunction, [-hole.implicit(x) for hole in self.members[1:]], value)

    def apart(self) -> float:
        return self.members[0].volume - sum(hole.volume for hole in self.members[1:])

    def named(self, found: list[list[Piece]]) -> tuple[Piece, ...]:
        outer, *holes = found
        # The first one may have holes of its own: counting goes on.
        taken = max((int(match[1]) for piece in outer if (match := re.match(r"hole (\d+)", piece.name))), default=0)
        pieces = list(outer)
        for number, cut in enumerate(holes, start=taken + 1):
            several = len(self.members[number - taken].pieces) > 1
            pieces += [piece.called(f"hole {number} {piece.name}" if several else f"hole {number}") for piece in cut]
        return tuple(pieces)

    def __repr__(self) -> str:
        return " - ".join(f"({member!r})" if isinstance(member, Combination) else repr(member) for member in self.members)
