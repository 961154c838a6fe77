"""A geometry of a user's own, with the least that one needs."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from rbfnet.domains import Domain, Piece

F64 = torch.float64


class Quarter(Domain):
    """A geometry of a user's own: the quarter of the unit disc with x, y >= 0, of which only the arc counts as boundary."""

    coords = ("x", "y")
    box = torch.tensor([[0.0, 0.0], [1.0, 1.0]], dtype=F64)
    volume = math.pi / 4

    def within(self, x: Tensor, slack: float) -> Tensor:
        return (x >= -slack).all(dim=1) & (x.square().sum(dim=1).sqrt() <= 1 + slack)

    def implicit(self, x: Tensor) -> Tensor:
        return (1 - x.square().sum(dim=1)) / 2

    @property
    def pieces(self) -> tuple[Piece, ...]:
        def at(u: Tensor) -> tuple[Tensor, Tensor]:
            points = torch.cat([torch.cos(math.pi / 2 * u), torch.sin(math.pi / 2 * u)], dim=1)
            return points, points

        return (Piece("arc", math.pi / 2, 1, at),)
