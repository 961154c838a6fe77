"""The product of a domain in space and a time interval."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from rbfnet.domains._domain import Domain
from rbfnet.domains._gauss import unit
from rbfnet.domains._numbers import interval
from rbfnet.domains._piece import Keep, Piece
from rbfnet.domains._point_cloud import PointCloud
from rbfnet.domains._rejection import require_sampler
from rbfnet.errors import MOST_POINTS, InputError, positive
from rbfnet.sampling import IN_BOX


class SpaceTime(Domain):
    """A space and an interval of time: ``SpaceTime(Interval(x=(-1, 1)), t=(0, 1))``, with the coordinates of the space, then t.

    Its ``boundary`` is that of the space at all times, in the same parts, with normals in space only; ``distance`` is that of
    the space, and the factor t for an initial condition is the user's. ``initial`` and ``final`` are the space at both ends.

    Args:
        space: a Domain without time.
        time: name and both ends.

    Raises:
        InputError: a space that has time or no boundary, a name it uses, or a time that does not rise.

    Example:
        >>> from rbfnet.domains import Interval, SpaceTime
        >>> domain = SpaceTime(Interval(x=(-1, 1)), t=(0, 2))
        >>> domain.coords, domain.space_coords, domain.initial(3)[:, 1].tolist()
        (('x', 't'), ('x',), [0.0, 0.0, 0.0])
    """

    def __init__(self, space: Domain, **time: tuple[float, float]) -> None:
        if not isinstance(space, Domain) or isinstance(space, (PointCloud, SpaceTime)):
            raise InputError(f"The space of SpaceTime must be a domain with an interior and a boundary, but got {space!r}.")
        if len(time) != 1 or set(time) & set(space.coords):
            raise InputError(
                f"SpaceTime needs one time with its own name, as in SpaceTime(space, t=(0, 1)), but got "
                f"{', '.join(time) or 'none'} for a space in {', '.join(space.coords)}."
            )
        ((name, ends),) = time.items()
        self.space = space
        self.time = interval(f"Time {name}", ends)
        self.coords = (*space.coords, name)

    @property
    def box(self) -> Float[Tensor, "2 D"]:
        return torch.cat([self.space.box, torch.tensor(self.time, dtype=torch.float64)[:, None]], dim=1)

    @property
    def space_coords(self) -> tuple[str, ...]:
        return self.space.coords

    @property
    def volume(self) -> float:
        return self.space.volume * (self.time[1] - self.time[0])

    def within(self, x: Float[Tensor, "N D"], slack: float) -> Bool[Tensor, " N"]:
        t, (start, end) = x[:, -1], self.time
        return self.space.within(x[:, :-1], slack) & (t >= start - slack) & (t <= end + slack)

    @property
    def pieces(self) -> tuple[Piece, ...]:
        return tuple(self._at_all_times(piece) for piece in self.space.pieces)

    def _at_all_times(self, piece: Piece) -> Piece:
        start, end = self.time

        def at(u: Tensor) -> tuple[Tensor, Tensor]:
            points, normals = piece.at(u[:, :-1])
            t = start + (end - start) * u[:, -1:]
            return torch.cat([points, t], dim=1), torch.cat([normals, torch.zeros_like(t)], dim=1)

        keep = None if piece.keep is None else _of_space(piece.keep)
        return replace(piece, measure=piece.measure * (end - start), dims=piece.dims + 1, at=at, keep=keep)

    def quadrature(self, n: int) -> tuple[Float[Tensor, "N D"], Float[Tensor, " N"]]:
        """The product of the quadrature of the space and the rule of Gauss in time."""
        steps = max(1, round(positive("The number of points", n, whole=True, most=MOST_POINTS) ** (1 / len(self.coords))))
        points, weights = self.space.quadrature(max(1, round(n / steps)))
        start, end = self.time
        t, sizes = unit(steps)
        x = torch.cat([points.repeat_interleave(len(t), dim=0), (start + (end - start) * t).repeat(len(points))[:, None]], dim=1)
        return x, (end - start) * (weights[:, None] * sizes).flatten()

    def implicit(self, x: Float[Tensor, "N D"]) -> Float[Tensor, " N"]:
        """That of the space."""
        return self.space.implicit(x[:, :-1])

    def distance(self, x: Float[Tensor, "N D"]) -> Float[Tensor, " N"]:
        """That of the space."""
        return self.space.distance(x[:, :-1])

    def normals(self, x: Float[Tensor, "N D"]) -> Float[Tensor, "N D"]:
        """Those of the space, and 0 in time."""
        return torch.cat([self.space.normals(x[:, :-1]), torch.zeros_like(x[:, -1:])], dim=1)

    def initial(self, n: int = 1, sampler: str = "halton") -> Float[Tensor, "n D"]:
        """n points of the space at the start; in one dimension equal steps, both ends included, unless they are random."""
        return self._slice(n, sampler, self.time[0])

    def final(self, n: int = 1, sampler: str = "halton") -> Float[Tensor, "n D"]:
        """n points of the space at the end of time."""
        return self._slice(n, sampler, self.time[1])

    def _slice(self, n: int, sampler: str, t: float) -> Tensor:
        positive("The number of points", n, whole=True, most=MOST_POINTS)
        require_sampler(sampler)
        line = len(self.space.coords) == 1 and sampler in IN_BOX and sampler != "random"
        points = self.space.interior(n, "grid" if line else sampler)
        return torch.cat([points, torch.full((n, 1), t, dtype=torch.float64)], dim=1)

    def __repr__(self) -> str:
        return f"SpaceTime({self.space!r}, {self.coords[-1]}=({self.time[0]:g}, {self.time[1]:g}))"


def _of_space(keep: Keep) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda points, normals: keep(points[:, :-1], normals[:, :-1])
