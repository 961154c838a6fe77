"""Outputs that no equation gives a rate, such as a pressure."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

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
