"""Points for centres of a fit to derivatives and means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.domains import Sites
from rbfnet.nn.initializers import spacing
from rbfnet.operators import Field, Recorder
from rbfnet.problems.conditions import Condition, Data

BESIDE = 0.02
"""The distance of a neighbour, in spacings: a difference of two kernels that is nearly a derivative, and not yet rounding."""


def with_neighbours(
    sites: Float[Tensor, "S D"],
    also: Sequence[Condition],
    found: Callable[[Tensor], Sites],
    place: Callable[[Tensor], tuple[Tensor, Tensor]],
    coords: Sequence[str],
    outputs: Sequence[str],
) -> Float[Tensor, "P D"]:
    """The sites, and for each point of a measured derivative the point itself and others close to it.

    Optimal for a derivative at c is the same derivative of the kernel (symmetric Hermite interpolation). Differences of a kernel
    at c and kernels beside it, along each coordinate, come close to it, and leave the model an ordinary network: one neighbour
    for first derivatives, those on both sides and along the diagonals for higher ones.

    Source: Wendland, Scattered Data Approximation (2004), chapter 16 (generalised interpolation).

    Args:
        sites: where values are given.
        also: the other conditions.
        found: the sites of points. place: for points (N, D), where they are in the coordinates of the network, and how far each
            input (N, D) has to go for a distance of one there.
        coords, outputs: their names.
    """
    near: list[Tensor] = []
    for condition in also:
        if (points := condition.support()) is None:
            continue
        points = points.to(sites)
        near.append(points)
        if isinstance(condition, Data) and condition.of is not None:
            apart = found(points).x
            everywhere = found(torch.cat([apart, sites]))
            steps = (BESIDE * spacing(place(everywhere.x)[0])[everywhere.index[: len(apart)]])[:, None] * place(apart)[1]
            near += [apart + steps * way for way in _ways(_order(condition, apart[:1], coords, outputs), len(coords))]
    return found(torch.cat([sites, *near])).x


def _order(condition: Data, x: Float[Tensor, "1 D"], coords: Sequence[str], outputs: Sequence[str]) -> int:
    """The highest derivative that the condition asks for."""
    recorder = Recorder(len(outputs))
    condition.measured(Field(recorder, x, coords, outputs))
    return max([op.order for op in recorder.channels], default=0)


def _ways(order: int, dims: int) -> list[Tensor]:
    """In which directions the neighbours lie."""
    axes = [*torch.eye(dims, dtype=torch.float64)] if order else []
    if order < 2:
        return axes
    return [*axes, *(-axis for axis in axes), *(a + b for a, b in combinations(axes, 2))]
