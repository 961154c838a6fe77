"""Balls in any dimension."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from rbfnet.domains._domain import Domain
from rbfnet.domains._gauss import in_ball
from rbfnet.domains._numbers import above_zero, finite, names
from rbfnet.domains._piece import Piece
from rbfnet.errors import MOST_POINTS, InputError, positive


class Ball(Domain):
    """|x - centre| <= radius in two dimensions or more. Its boundary is one part, ``"sphere"``.

    Args:
        center: (D,).
        radius: positive.
        coords: names; by default x, y, z, and x1, x2, ... beyond three dimensions.

    Raises:
        InputError: non-finite numbers, a radius that is not positive, one dimension (take an :class:`Interval`).

    Example:
        >>> import math
        >>> from rbfnet.domains import Ball
        >>> ball = Ball((0, 0, 0), 1)
        >>> ball.coords, round(ball.volume / math.pi, 4)
        (('x', 'y', 'z'), 1.3333)
    """

    surface = "sphere"

    def __init__(self, center: Sequence[float], radius: float, coords: Sequence[str] | None = None) -> None:
        self._center = finite("The centre of a ball", center, (None,))
        if len(self._center) < 2:
            raise InputError("A ball needs at least two dimensions; in one dimension use Interval(x=(low, high)).")
        self._radius = above_zero("The radius of a ball", radius)
        self.coords = names(coords, len(self._center))

    @property
    def box(self) -> Float[Tensor, "2 D"]:
        return torch.stack([self._center - self._radius, self._center + self._radius])

    @property
    def volume(self) -> float:
        dims = len(self.coords)
        return math.pi ** (dims / 2) / math.gamma(dims / 2 + 1) * self._radius**dims

    def within(self, x: Float[Tensor, "N D"], slack: float) -> Bool[Tensor, " N"]:
        return torch.linalg.vector_norm(x - self._center.to(x), dim=1) <= self._radius + slack

    @property
    def pieces(self) -> tuple[Piece, ...]:
        dims = len(self.coords)

        def at(u: Tensor) -> tuple[Tensor, Tensor]:
            normals = directions(u, dims)
            return self._center + self._radius * normals, normals

        # Beyond three dimensions the map to the sphere is that of normal variables, which takes one number more.
        cube = dims - 1 if dims <= 3 else dims
        return (Piece(self.surface, dims * self.volume / self._radius, cube, at),)

    def quadrature(self, n: int) -> tuple[Float[Tensor, "N D"], Float[Tensor, " N"]]:
        """The product of rules along the radius and the angles, exact for polynomials.

        N = (2k)^D is close to n, and the degree is 4k - 1. If k would be 1 in more than three
        dimensions, n points of equal weight.
        """
        dims = len(self.coords)
        if dims > 3 and positive("The number of points", n, whole=True, most=MOST_POINTS) < 3**dims:
            return self.evenly(n)
        points, weights = in_ball(int(positive("The number of points", n, whole=True, most=MOST_POINTS)), dims)
        return self._center + self._radius * points, self.volume * weights

    def surfaces(self, origin: Float[Tensor, " D"]) -> Float[Tensor, "1 D+2"]:
        """The bounding sphere."""
        center = self._center - origin
        return torch.cat([center.new_ones(1), -2 * center, (self._radius**2 - center.square().sum())[None]])[None]

    @property
    def sliced(self) -> bool:
        return len(self.coords) <= 3

    def ends(self, x: Float[Tensor, "P k"]) -> Float[Tensor, "P 2"]:
        """Both ends of the ball that is left."""
        k = x.shape[1]
        away = torch.linalg.vector_norm(x - self._center[:k], dim=1)
        # NaN beyond the sphere.
        half = ((self._radius - away) * (self._radius + away)).sqrt()
        return torch.stack([self._center[k] - half, self._center[k] + half], dim=1)

    def implicit(self, x: Float[Tensor, "N D"]) -> Float[Tensor, " N"]:
        """(radius^2 - |x - centre|^2) / (2 radius): a polynomial of normal derivative -1."""
        square = (x - self._center.to(x)).square().sum(dim=1)
        return (self._radius**2 - square) / (2 * self._radius)

    def __repr__(self) -> str:
        center = ", ".join(f"{v:g}" for v in self._center.tolist())
        return f"{type(self).__name__}(center=({center}), radius={self._radius:g})"


def directions(u: Float[Tensor, "n k"], dims: int) -> Float[Tensor, "n D"]:
    """From the unit cube to the unit sphere, by area: angle; height and angle (Archimedes); direction of normal variables."""
    if dims <= 3:
        angle = 2 * math.pi * u[:, -1]
        circle = torch.stack([angle.cos(), angle.sin()], dim=1)
        if dims == 2:
            return circle
        height = 1 - 2 * u[:, :1]
        return torch.cat([(1 - height.square()).sqrt() * circle, height], dim=1)
    normal = torch.special.ndtri(u.clamp(1e-15, 1 - 1e-15))
    return normal / torch.linalg.vector_norm(normal, dim=1, keepdim=True)
