"""Periodic: each periodic dimension wound round a circle."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError, positive
from rbfnet.nn.wrappers._coordinate_map import Coordinates
from rbfnet.operators import Direction, Operator


class Periodic(Coordinates):
    """x_i -> (R cos(x_i / R), R sin(x_i / R)) with R = period / (2 pi), (..., D) -> (..., E).

    A function of these coordinates is periodic together with all its derivatives. The circle is as long as the
    period, so that distances between near points stay what they are, and with them what a shape parameter means. Dimensions
    without a period pass as they are. E is D plus the number of periods.

    Example: periodic in x from -1 to 1, not in t. The centres are placed in (x, t) and wound round with it::

        space = Periodic([2.0, None], low=[-1.0, 0.0])
        centers = initializers.halton(torch.tensor([[-1.0, 0.0], [1.0, 1.0]]), 200)
        model = CoordinateMap(RBFNetwork(space.out_features, 1, None, "gaussian", centers=space(centers)), space)
        model(torch.tensor([[-1.0, 0.3], [1.0, 0.3]]))    # twice the same
        model.centers                                     # (200, 2), where they were placed

    Centres that are trained may leave the circle, which makes their kernels wider (from outside) or narrower.

    Args:
        periods: for each dimension its period, or None.
        low: for each dimension where the period starts that :meth:`inverse` shows, zero by default.

    Raises:
        InputError: no dimension, a period that is not positive, or a ``low`` that does not fit.

    Equivalent: the periodic kernel of Gaussian processes (MacKay, 1998) is the Gaussian of these coordinates.
    """

    def __init__(self, periods: Sequence[float | None], low: Sequence[float] | None = None) -> None:
        super().__init__()
        self.periods = tuple(None if p is None else positive("A period", p) for p in periods)
        if not self.periods:
            raise InputError(
                "Periodic needs a period or None for each dimension, but got none; use [1.0] for one dimension of period 1."
            )
        self.low = (0.0,) * len(self.periods) if low is None else tuple(low)
        if len(self.low) != len(self.periods):
            raise InputError(
                f"There are {len(self.periods)} periods, so low must have {len(self.periods)} numbers, but got {low}."
            )
        self.in_features = len(self.periods)
        self.out_features = sum(1 if p is None else 2 for p in self.periods)

    def apply_operators(self, x: Float[Tensor, "B D"], ops: Sequence[Operator]) -> Float[Tensor, "B E K"]:
        if x.ndim != 2 or x.shape[1] != self.in_features:
            raise InputError(f"The points must have shape (B, {self.in_features}), but got {tuple(x.shape)}.")
        ops = [op.over(x.shape[0], self.in_features) for op in ops]
        columns = []
        for i, period in enumerate(self.periods):
            if period is None:
                cycle = [[x[:, i]], [torch.ones_like(x[:, i])]]
                radius = 1.0
            else:
                radius = period / (2.0 * math.pi)
                cos, sin = torch.cos(x[:, i] / radius), torch.sin(x[:, i] / radius)
                # The derivatives of order 0, 1, 2, 3, and so on round.
                cycle = [[cos, sin], [-sin, cos], [-cos, -sin], [sin, -cos]]
            for j in range(len(cycle[0])):
                by_order = [entry[j] for entry in cycle]
                columns.append(torch.stack([_column(op, i, by_order, radius, period is None) for op in ops], dim=-1))
        return torch.stack(columns, dim=1)

    def vanishes(self, directions: tuple[Direction, ...]) -> bool:
        axes = {v for v in directions if not isinstance(v, Tensor)}
        return len(axes) > 1 or (len(directions) > 1 and any(self.periods[int(v)] is None for v in axes))

    def inverse(self, z: Float[Tensor, "M E"]) -> Float[Tensor, "M D"]:
        """The points of one period, low <= x < low + period, by the angle; (M, D)."""
        columns, rest = [], list(z.unbind(-1))
        for period, low in zip(self.periods, self.low, strict=True):
            if period is None:
                columns.append(rest.pop(0))
            else:
                angle = torch.atan2(rest.pop(1), rest.pop(0)) * (period / (2.0 * math.pi))
                columns.append(low + torch.remainder(angle - low, period))
        return torch.stack(columns, dim=-1)

    def extra_repr(self) -> str:
        return f"periods={self.periods}"


def _column(op: Operator, i: int, by_order: list[Tensor], radius: float, straight: bool) -> Tensor:
    """``op`` of one coordinate, which depends on x_i alone."""
    total = torch.zeros_like(by_order[0])
    for directions, c in op.terms:
        n = len(directions)
        if straight and n > 1:
            continue
        value = by_order[n % 4] * radius ** (1 - n)
        for v in directions:
            value = value * (v[:, i] if isinstance(v, Tensor) else float(v == i))
        total = total + c * value
    return total
