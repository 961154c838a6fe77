"""Embedding: lines, circles and a sphere in Euclidean space."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import product

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError, positive
from rbfnet.nn.wrappers._coordinate_map import Coordinates
from rbfnet.operators import Direction, Operator

TURN = 360.0
"""The period of longitude, in degrees."""

POLE = 90.0 * (1 + 1e-6)
"""The largest latitude, in degrees, with what single precision rounds."""

Factors = tuple[tuple[int, int], ...]
"""A column of the embedding: R times a cosine or sine of each input (index, quarter turns of its phase), or a line's input."""


class Embedding(Coordinates):
    """Lines, circles and a sphere in Euclidean space, (..., D) -> (..., E).

    - A line stays as it is.
    - A circle: x_i -> (R cos(x_i / R), R sin(x_i / R)) with R = period / (2 pi).
    - A sphere: longitude l and latitude b in degrees -> R (cos b cos l, cos b sin l, sin b) with R = 180 / pi, in place of
      whichever of the two comes first.

    Near points keep their distances: along a circle in the unit of the input, on the sphere in degrees of arc. Far ones are as
    far from each other as their chord is long, so every kernel that is positive definite in Euclidean space is so here too.

    Source: Fuselier and Wright, Scattered data interpolation on embedded submanifolds, SIAM J. Numer. Anal. 50 (2012).

    Args:
        periods: for each input its period, or None.
        low: for each input where the period starts that :meth:`inverse` shows, zero by default.
        sphere: the indices of longitude and latitude, which have no period in ``periods``; None for no sphere.

    Attributes:
        parts: for each line, circle and sphere its inputs and its columns.

    Raises:
        InputError: no input, a period that is not positive, a ``low`` or ``sphere`` that does not fit; on evaluation, latitudes
            beyond 90 degrees.

    Example:
        >>> import torch
        >>> from rbfnet.nn import Embedding
        >>> globe = Embedding([None, None], sphere=(0, 1))
        >>> west, east = globe(torch.tensor([[-180.0, 30.0], [180.0, 30.0]]))
        >>> globe.out_features, torch.allclose(west, east, atol=1e-4)
        (3, True)
    """

    def __init__(
        self, periods: Sequence[float | None], low: Sequence[float] | None = None, sphere: tuple[int, int] | None = None
    ) -> None:
        super().__init__()
        self.periods = tuple(None if p is None else positive("A period", p) for p in periods)
        name = type(self).__name__
        if not self.periods:
            raise InputError(
                f"{name} needs a period or None for each dimension, but got none; use [1.0] for one dimension of period 1."
            )
        self.low = (0.0,) * len(self.periods) if low is None else tuple(low)
        if len(self.low) != len(self.periods):
            raise InputError(
                f"There are {len(self.periods)} periods, so low must have {len(self.periods)} numbers, but got {low}."
            )
        self.sphere = None if sphere is None else (int(sphere[0]), int(sphere[1]))
        free = [i for i, p in enumerate(self.periods) if p is None]
        if self.sphere is not None and (len(set(self.sphere)) < 2 or not set(self.sphere) <= set(free)):
            raise InputError(f"sphere must be two different inputs without a period, from {free}, but got {sphere}.")
        self.in_features = len(self.periods)
        self._radius = [1.0 if p is None else p / math.tau for p in self._turns()]
        self._columns, parts = _columns(self.periods, self.sphere)
        self.parts: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = parts
        self.out_features = len(self._columns)

    def _turns(self) -> list[float | None]:
        """For each input how much of it is a full turn; None on a line."""
        return [TURN if i in (self.sphere or ()) else p for i, p in enumerate(self.periods)]

    def apply_operators(self, x: Float[Tensor, "B D"], ops: Sequence[Operator]) -> Float[Tensor, "B E K"]:
        if x.ndim != 2 or x.shape[1] != self.in_features:
            raise InputError(f"The points must have shape (B, {self.in_features}), but got {tuple(x.shape)}.")
        if self.sphere is not None and not torch.compiler.is_compiling():
            latitude = x[:, self.sphere[1]].detach()
            if (beyond := latitude.abs() > POLE).any():
                raise InputError(f"Latitudes must be from -90 to 90 degrees, but got {float(latitude[beyond][0]):g}.")
        ops = [op.over(x.shape[0], self.in_features) for op in ops]
        cycles = [self._cycle(i, x[:, i]) for i in range(self.in_features)]
        columns = [torch.stack([self._column(op, factors, cycles) for op in ops], dim=-1) for factors in self._columns]
        return torch.stack(columns, dim=1)

    def _cycle(self, i: int, x: Float[Tensor, " B"]) -> list[Tensor]:
        """The derivatives of order 0, 1, 2, 3 of a cosine, and so on round; of a line those that are not zero."""
        if self._turns()[i] is None:
            return [x, torch.ones_like(x)]
        cos, sin = torch.cos(x / self._radius[i]), torch.sin(x / self._radius[i])
        return [cos, -sin, -cos, sin]

    def _column(self, op: Operator, factors: Factors, cycles: list[list[Tensor]]) -> Float[Tensor, " B"]:
        """``op`` of one column, by the rule for products: each derivative is one of each factor in turn."""
        inputs = [i for i, _ in factors]
        radius, straight = self._radius[inputs[0]], len(cycles[inputs[0]]) == 2
        total = torch.zeros_like(cycles[inputs[0]][0])
        for directions, c in op.terms:
            if straight and len(directions) > 1:
                continue
            for axes in product(inputs, repeat=len(directions)):
                if any(not isinstance(v, Tensor) and v != i for v, i in zip(directions, axes, strict=True)):
                    continue
                value = torch.full_like(total, radius ** (1 - len(directions)))
                for i, phase in factors:
                    value = value * cycles[i][(axes.count(i) + phase) % len(cycles[i])]
                for v, i in zip(directions, axes, strict=True):
                    value = value * v[:, i] if isinstance(v, Tensor) else value
                total = total + c * value
        return total

    def vanishes(self, directions: tuple[Direction, ...]) -> bool:
        axes = {int(v) for v in directions if not isinstance(v, Tensor)}
        return not any(axes <= set(inputs) and (len(directions) < 2 or len(columns) > 1) for inputs, columns in self.parts)

    def inverse(self, z: Float[Tensor, "M E"]) -> Float[Tensor, "M D"]:
        """The points of one period, low <= x < low + period, by the angle; latitudes from -90 to 90; (M, D)."""
        found: dict[int, Tensor] = {}
        for inputs, columns in self.parts:
            here = [z[:, c] for c in columns]
            if len(inputs) == 2:
                assert self.sphere is not None
                lon, lat = self.sphere
                found[lat] = torch.atan2(here[2], torch.hypot(here[0], here[1])) * self._radius[lat]
                found[lon] = self._angle(lon, here, TURN)
            else:
                period = self.periods[inputs[0]]
                found[inputs[0]] = here[0] if period is None else self._angle(inputs[0], here, period)
        return torch.stack([found[i] for i in range(self.in_features)], dim=-1)

    def _angle(self, i: int, at: Sequence[Tensor], period: float) -> Float[Tensor, " M"]:
        return self.low[i] + torch.remainder(torch.atan2(at[1], at[0]) * self._radius[i] - self.low[i], period)

    def extra_repr(self) -> str:
        return f"periods={self.periods}" + (f", sphere={self.sphere}" if self.sphere else "")


def _columns(
    periods: Sequence[float | None], sphere: tuple[int, int] | None
) -> tuple[list[Factors], tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]]:
    """The factors of each column, a sine being a cosine three quarter turns on; and the parts."""
    columns: list[Factors] = []
    parts: list[tuple[tuple[int, ...], tuple[int, ...]]] = []

    def add(inputs: Sequence[int], new: Iterable[Factors]) -> None:
        start = len(columns)
        columns.extend(new)
        parts.append((tuple(inputs), tuple(range(start, len(columns)))))

    for i, period in enumerate(periods):
        if sphere is None or i not in sphere:
            add([i], [((i, 0),)] if period is None else [((i, 0),), ((i, 3),)])
        elif i == min(sphere):
            lon, lat = sphere
            add(sphere, [((lon, 0), (lat, 0)), ((lon, 3), (lat, 0)), ((lat, 3),)])
    return columns, tuple(parts)
