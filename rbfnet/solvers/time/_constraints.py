"""Conditions without a derivative in time, taken out of a system: coordinates they hold, and those they leave free."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

HELD = 1e-6
"""Directions in which conditions are felt by less than this, of the most, are left free.

Rounding in a condition moves the solution by 1e-16 / HELD, which has to stay well below the tolerance in time; what is left free
violates the condition by HELD times its own size, and it is the smallest part of a smooth function."""


@dataclass(frozen=True)
class Constraints:
    """A space split in two by linear equations C y = g: y = held @ (test.T @ g) + free @ z, for any z.

    ``held`` and ``free`` together are orthonormal: the null space method. Where the equations are not linear, C is their
    derivative and this is one step of Newton's method.

    Source: Nocedal and Wright, Numerical Optimization (2006), section 15.3.

    Attributes:
        test: from residuals of the equations to coordinates along ``held``.
    """

    test: Float[Tensor, "R r"]
    held: Float[Tensor, "n r"]
    free: Float[Tensor, "n f"]

    @classmethod
    def of(cls, rows: Float[Tensor, "R n"]) -> Constraints:
        """Those with the derivatives ``rows``, by a singular value decomposition; each row counts alike."""
        if not len(rows):
            return cls(rows.new_zeros((0, 0)), rows.new_zeros((rows.shape[1], 0)), torch.eye(rows.shape[1], dtype=rows.dtype))
        length = rows.norm(dim=1, keepdim=True)
        length = torch.where(length > 0, length, 1.0)
        left, sizes, right = torch.linalg.svd(rows / length, full_matrices=len(rows) < rows.shape[1])
        rank = int((sizes > HELD * sizes[0]).sum())
        return cls(left[:, :rank] / (length * sizes[:rank]), right[:rank].T, right[rank:].T)
