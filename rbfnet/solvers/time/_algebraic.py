"""Outputs that no equation gives a rate, such as a pressure."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.solvers.time._constraints import Constraints

EDGE, INSIDE = 1e-2, 3e-2
"""How much directions have to be felt by boundary conditions, and by equations inside, to be held where there are both.

More than by boundary conditions alone: with few functions there are none but smooth ones that satisfy both everywhere, so that
to hold more moves a solution by more than what is left free is missed by."""

FELT = 1e-6
"""Directions in which a matrix gives less than this, of the most, are those in which it gives nothing."""


def algebraic(highest: Float[Tensor, "Q f"], value: Float[Tensor, "Q f"]) -> tuple[Float[Tensor, "f h"], Float[Tensor, "Q h"]]:
    """Directions of a system M y' + K y = r that it determines, and what its residuals are tested with, as many.

    First those M moves, tested with an orthonormal basis of what it makes of them: by velocities without divergence no pressure
    is felt. Then the others, by least squares for what is left of the residuals. A direction that is in neither equation, such as
    a pressure that is constant, stays as it is.

    Source: Chorin, Numerical solution of the Navier-Stokes equations, Math. Comp. 22 (1968), for the projection; Hairer and
    Wanner, Solving Ordinary Differential Equations II (1996), section VII.1, for the index.

    Args:
        highest, value: M and K, on what constraints leave free.
    """
    moved, sizes, right = torch.linalg.svd(highest, full_matrices=len(highest) < highest.shape[1])
    rank = int((sizes > FELT * sizes[0]).sum())
    moved, others = moved[:, :rank], right[rank:].T
    left = value @ others
    left = left - moved @ (moved.T @ left)
    found, sizes, along = torch.linalg.svd(left, full_matrices=False)
    kept = int((sizes > FELT * sizes[0]).sum())
    return torch.cat([right[:rank].T, others @ along[:kept].T], dim=1), torch.cat([moved, found[:, :kept]], dim=1)


def both(edge: Float[Tensor, "E n"], inside: Float[Tensor, "I n"], held: float) -> Constraints:
    """Boundary conditions, and in what they leave free equations inside, such as that of a divergence."""
    if not len(inside):
        return Constraints.of(edge, held)
    first = Constraints.of(edge, max(held, EDGE))
    second = Constraints.of(inside @ first.free, INSIDE)
    follows = first.test @ (first.held.T @ inside.T @ second.test)
    none = second.test.new_zeros((len(inside), first.test.shape[1]))
    test = torch.cat([torch.cat([first.test, -follows], dim=1), torch.cat([none, second.test], dim=1)])
    return Constraints(test, torch.cat([first.held, first.free @ second.held], dim=1), first.free @ second.free)
