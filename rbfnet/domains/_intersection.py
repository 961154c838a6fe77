"""The intersection of domains."""

from __future__ import annotations

from functools import reduce

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from rbfnet.domains._combination import Combination
from rbfnet.domains._r_functions import conjunction


class Intersection(Combination):
    """The points that lie in all domains: ``Intersection(a, b)`` or ``a & b``.

    Parts of the boundary keep their names; those that several members have are numbered by member: ``"circle (1)"``.

    Raises:
        InputError: fewer than two members, different coordinates, or nothing inside.

    Example:
        >>> from rbfnet.domains import Disc, Rectangle
        >>> quarter = Disc((0, 0), 1) & Rectangle(x=(0, 1), y=(0, 1))
        >>> round(quarter.volume, 4)
        0.7854
    """

    @property
    def box(self) -> Float[Tensor, "2 D"]:
        corners = self._corners()
        return torch.stack([corners[:, 0].amax(dim=0), corners[:, 1].amin(dim=0)])

    def within(self, x: Float[Tensor, "N D"], slack: float) -> Bool[Tensor, " N"]:
        return torch.stack([member.within(x, slack) for member in self.members]).all(dim=0)

    def implicit(self, x: Float[Tensor, "N D"]) -> Float[Tensor, " N"]:
        """The R-conjunction of the members' functions."""
        return reduce(conjunction, [member.implicit(x) for member in self.members])

    def distance(self, x: Float[Tensor, "N D"]) -> Float[Tensor, " N"]:
        """The R-conjunction of the members' distances, which is as smooth as they are where boundaries do not meet."""
        return reduce(conjunction, [member.distance(x) for member in self.members])

    def apart(self) -> float:
        # Boundaries of an intersection that are all kept whole are those of shells within each other: nothing simpler is known.
        return self._found(2**17) * (self.box[1] - self.box[0]).prod().item()

    def __repr__(self) -> str:
        return " & ".join(f"({member!r})" if isinstance(member, Combination) else repr(member) for member in self.members)
