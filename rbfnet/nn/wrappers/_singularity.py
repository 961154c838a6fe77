"""Singularity: functions of the polar coordinates at a point in the plane."""

from __future__ import annotations

import math
from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor
from torch import complex as complex_of

from rbfnet.errors import InputError, number
from rbfnet.operators import Differentiable, Operator


class Singularity(Differentiable):
    """Functions (B, 2) -> (B, T) of distance and angle at a vertex, for :class:`rbfnet.nn.Enriched`.

    Args:
        vertex: (x, y).
        start: the direction of angle 0, in degrees counterclockwise from the x-axis.
        angle: the opening of the domain, in degrees. Angles are in [0, angle]; their cut is opposite to the middle of it.

    Raises:
        InputError: a vertex that is not a point in the plane, or an angle that is not in (0, 360].

    Example:
        >>> from rbfnet.nn import CornerSingularity, Singularity
        >>> isinstance(CornerSingularity((0.0, 0.0), start=0, angle=270), Singularity)
        True
    """

    in_features = 2

    def __init__(self, vertex: Sequence[float], start: float, angle: float) -> None:
        super().__init__()
        if isinstance(vertex, str) or len(vertex) != 2 or any(number(v) is None for v in vertex):
            raise InputError(f"The vertex of a corner must be (x, y), but got {vertex!r}.")
        if number(start) is None:
            raise InputError(f"start must be a direction in degrees, but got {start!r}.")
        if number(angle) is None or not 0 < angle <= 360:
            raise InputError(f"The angle of a corner must be in (0, 360] degrees, but got {angle!r}.")
        self.vertex, self.start, self.angle = (float(vertex[0]), float(vertex[1])), math.radians(start), math.radians(angle)

    def forward(self, x: Float[Tensor, "B 2"]) -> Float[Tensor, "B T"]:
        """The functions."""
        return self.apply_operator(x, Operator.identity())

    def _polar(self, x: Float[Tensor, "B 2"]) -> tuple[Float[Tensor, " B"], Float[Tensor, " B"]]:
        """Distance and angle."""
        z = complex_of(x[:, 0] - self.vertex[0], x[:, 1] - self.vertex[1])
        middle = self.start + self.angle / 2
        turned = z * complex(math.cos(middle), -math.sin(middle))
        return turned.abs(), turned.angle() + self.angle / 2
