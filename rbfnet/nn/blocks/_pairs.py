"""Pairs of points and centres, and broadcasting of per-point and per-centre quantities over the pairs."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

FUSED = 4
"""Most outputs for which a compiled block sums products itself, so that no array of pairs is stored; more go to BLAS."""


class Pairs(ABC):
    """The pairs a block evaluates. Everything over pairs has one shape, to which what these methods return broadcasts."""

    @abstractmethod
    def of_points(self, value: Tensor) -> Tensor:
        """(B,), one number per point, over the pairs."""

    @abstractmethod
    def of_centers(self, value: Tensor) -> Tensor:
        """(M,), one number per centre, over the pairs."""

    @abstractmethod
    def contract(self, column: Tensor, weight: Tensor) -> Tensor:
        """sum_j column_bj weight_jo, (B, O)."""


class AllPairs(Pairs):
    """Every point with every centre: arrays (B, M).

    Args:
        fused: contract by products and sums, which a compiler fuses with what made the column, instead of by BLAS.
    """

    def __init__(self, fused: bool = False) -> None:
        self.fused = fused

    def of_points(self, value: Tensor) -> Tensor:
        return value.unsqueeze(-1)

    def of_centers(self, value: Tensor) -> Tensor:
        return value

    def contract(self, column: Tensor, weight: Tensor) -> Tensor:
        if self.fused and weight.shape[1] <= FUSED:
            return torch.stack([(column * w).sum(dim=1) for w in weight.unbind(1)], dim=-1)
        return column @ weight


class ListedPairs(Pairs):
    """Pair p is point ``rows[p]`` with centre ``columns[p]``: arrays (P,)."""

    def __init__(self, rows: Tensor, columns: Tensor, num_points: int) -> None:
        self.rows, self.columns, self.num_points = rows, columns, num_points

    # index_select, not brackets: several times faster, backward too.

    def of_points(self, value: Tensor) -> Tensor:
        return value.index_select(0, self.rows)

    def of_centers(self, value: Tensor) -> Tensor:
        return value.index_select(0, self.columns)

    def contract(self, column: Tensor, weight: Tensor) -> Tensor:
        products = column[:, None] * weight.index_select(0, self.columns)
        return products.new_zeros((self.num_points, weight.shape[1])).index_add(0, self.rows, products)
