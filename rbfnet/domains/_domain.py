from __future__ import annotations

from abc import ABC, abstractmethod

from jaxtyping import Bool, Float
from torch import Tensor

from rbfnet.nn.initializers import IN_BOX


class Domain(ABC):
    """Where a problem lives: named coordinates, points inside and on the boundary. Points are (N, D).

    Attributes:
        coords: the name of each coordinate, in order.
    """

    coords: tuple[str, ...]

    @property
    @abstractmethod
    def box(self) -> Float[Tensor, "2 D"]:
        """The lowest and the highest corner of the bounding box."""

    @abstractmethod
    def contains(self, x: Float[Tensor, "N D"]) -> Bool[Tensor, " N"]:
        """Which points lie in the domain, its boundary included."""

    @abstractmethod
    def interior(self, n: int, sampler: str = "halton") -> Float[Tensor, "n D"]:
        """n points inside."""

    @abstractmethod
    def boundary(self, n: int, sampler: str = "halton") -> Float[Tensor, "n D"]:
        """n points on the boundary."""

    def grid(self, n: int) -> Float[Tensor, "N D"]:
        """A regular grid of about n points over the bounding box, as far as they lie in the domain: where errors are measured."""
        dims = len(self.coords)
        points = IN_BOX["grid"](self.box, max(2, round(n ** (1 / dims))) ** dims)
        return points[self.contains(points)]
