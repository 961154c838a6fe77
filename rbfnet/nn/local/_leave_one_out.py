"""Leave-one-out errors of a blend of interpolants, patch by patch."""

from __future__ import annotations

import torch
from torch import Tensor

from rbfnet.nn.blocks import PAIRS
from rbfnet.nn.local._local_sums import LocalSums
from rbfnet.nn.local._partition import BUMP

DETERMINED = 1e-10
"""Where the diagonal of the inverse is below this share of its largest entry, the rest does not determine an interpolant."""


def left_out(sums: LocalSums, values: Tensor) -> Tensor:
    """(N, O): at each node sum_p W_p e_p, with e_p = w_j / (A_p^-1)_jj, for nodal values (N, O)."""
    values = values.double()
    total, weight = torch.zeros_like(values), values.new_zeros((len(values), 1))
    size = sums.stencils.shape[1]
    step = max(1, PAIRS // sums.size**2)
    eye = torch.eye(size, dtype=torch.float64, device=values.device)
    parts = (sums.stencils, sums.centers, sums.radius, sums.epsilon)
    for stencils, center, radius, epsilon in zip(*(part.split(step) for part in parts), strict=True):
        nodes = (sums.nodes[stencils] - center[:, None]) / radius[:, None, None]
        inverse = sums.basis.solve(nodes, epsilon, eye.expand(len(nodes), size, size))[:, :size]
        diagonal = inverse.diagonal(dim1=1, dim2=2)
        known = diagonal.abs() > DETERMINED * diagonal.abs().amax(dim=1, keepdim=True)
        # With as many nodes as polynomials the whole block of the inverse is rounding.
        known &= size > sums.size - size
        errors = (inverse @ values[stencils]) / torch.where(known, diagonal, torch.nan)[..., None]
        bump = BUMP.phi(nodes.square().sum(dim=-1))[..., None]
        chosen = stencils.flatten()
        # The last nodes of a stencil have no weight in it.
        errors = torch.where(bump > 0, bump * errors, 0.0)
        total.index_add_(0, chosen, errors.flatten(0, 1))
        weight.index_add_(0, chosen, bump.flatten(0, 1))
    return total / weight
