"""What grows, decays and oscillates in a linearised system."""

from __future__ import annotations

import torch
from jaxtyping import Complex
from torch import Tensor

from rbfnet.solvers.time._method_of_lines import Lines


def spectrum(lines: Lines) -> Complex[Tensor, " pf"]:
    """The eigenvalues of a system at its start, those with the largest real part first: solutions exp(lambda t) v.

    Those of the null space that the boundary conditions leave: lambda^p A_p v + ... + A_0 v = 0.
    """
    order = lines.order
    free = lines.linearised_at_start().free
    size = free.shape[1]
    companion = free.new_zeros((order * size, order * size))
    companion[: (order - 1) * size, size:] = torch.eye((order - 1) * size, dtype=free.dtype)
    companion[(order - 1) * size :] = -torch.linalg.solve(free[order], torch.cat(list(free[:order]), dim=1))
    values = torch.linalg.eigvals(companion)
    return values[values.real.argsort(descending=True)]
