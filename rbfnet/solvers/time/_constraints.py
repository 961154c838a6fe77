"""Conditions without a derivative in time, taken out of a system: coordinates they hold, and those they leave free."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError
from rbfnet.problems import Problem

HELD = 1e-3
"""Directions in which conditions are felt by less than this, of the most, are left free.

They are the smallest part of a smooth function. To hold them too is worse: rounding in a condition, and what is not in the range
of its rows, moves the solution by 1 / HELD as much. Above 1e-2 what is left free violates the conditions so much that waves grow
(scripts/spectra.py)."""

LADDER = (1e-4, HELD, 1e-2, 1e-1)
"""More are left free where the data of conditions are not smooth, as where two values meet in a corner."""

LARGER = 2.0
"""By how much the least function that satisfies conditions may become larger by holding more directions."""


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
    def of(cls, rows: Float[Tensor, "R n"], held: float = HELD) -> Constraints:
        """Those with the derivatives ``rows``, by a singular value decomposition; each row counts alike.

        Args:
            rows: of C.
            held: see :data:`HELD`.
        """
        if not len(rows):
            return cls(rows.new_zeros((0, 0)), rows.new_zeros((rows.shape[1], 0)), torch.eye(rows.shape[1], dtype=rows.dtype))
        length = rows.norm(dim=1, keepdim=True)
        length = torch.where(length > 0, length, 1.0)
        left, sizes, right = torch.linalg.svd(rows / length, full_matrices=len(rows) < rows.shape[1])
        rank = int((sizes > held * sizes[0]).sum())
        return cls(left[:, :rank] / (length * sizes[:rank]), right[:rank].T, right[rank:].T)


def level(rows: Float[Tensor, "R n"], data: Float[Tensor, "K R"]) -> float:
    """How much directions have to be felt to be held, for such data g: a step of :data:`LADDER` above where y stays small.

    What data have along a direction has to decay as fast as it is felt, or they are not those of a function of the space.

    Source: Hansen, The discrete Picard condition for discrete ill-posed problems, BIT 30 (1990).
    """
    sizes = [float((data @ Constraints.of(rows, held).test).norm()) for held in LADDER]
    return next((held for held, size in zip(LADDER[1:], sizes, strict=False) if not size > LARGER * sizes[-1]), LADDER[-1])


class TooFewCenters(InputError):
    """Boundary conditions that leave nothing free.

    Args:
        problem: whose conditions they are.
        centers: how many there are.
        automatic: whether their widths are.
    """

    def __init__(self, problem: Problem, centers: int, automatic: bool) -> None:
        enough = max(4 * centers, 2 * 5 ** (len(problem.domain.coords) - 1))
        other = "" if automatic else "an automatic shape parameter (network.epsilon=auto), or "
        super().__init__(
            f"{centers} centres are too few for {type(problem).__name__}: no function of theirs but zero satisfies its boundary "
            f"conditions; give {other}more centres (network.num_centers={enough})."
        )
