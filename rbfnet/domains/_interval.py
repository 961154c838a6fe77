"""Intervals."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from rbfnet.domains._box import Box
from rbfnet.errors import InputError


class Interval(Box):
    """A box of one coordinate: ``Interval(x=(-1, 1))``, or the time of an ODE, ``Interval(t=(0, 20))``.

    Its boundary is its two ends, the parts ``"x=low"`` and ``"x=high"``; as a time it starts at ``initial()`` and ends at
    ``final()``.

    Example:
        >>> from rbfnet.domains import Interval
        >>> Interval(x=(-1, 1)).boundary(2).tolist()
        [[-1.0], [1.0]]
    """

    def __init__(self, **side: tuple[float, float]) -> None:
        if len(side) != 1:
            raise InputError(f"An interval has one side, as in Interval(x=(0, 1)), but got {len(side)}.")
        super().__init__(**side)

    def initial(self, n: int = 1, sampler: str = "halton") -> Float[Tensor, "1 1"]:
        """The lower end: one point, whatever n is."""
        return self.box[:1].clone()

    def final(self, n: int = 1, sampler: str = "halton") -> Float[Tensor, "1 1"]:
        """The upper end."""
        return self.box[1:].clone()
