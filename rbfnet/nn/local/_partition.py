"""The weights of a partition of unity and their derivatives, pair by pair."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from rbfnet.kernels import Wendland
from rbfnet.nn.blocks import IsotropicGeometry, ListedPairs, radial_columns
from rbfnet.nn.local._multi_index import Index, lower_set, parts
from rbfnet.operators import Operator

BUMP = Wendland(4)
"""psi: four continuous derivatives. Smoother ones fall off faster, and then the derivatives of the weights are larger."""


def partition(
    x: Tensor, centers: Tensor, radius: Tensor, pairs: ListedPairs, alone: Tensor, indices: Sequence[Index]
) -> dict[Index, Tensor]:
    """D^alpha W_p(x) for each pair (point x, patch p) and each alpha: W_p = psi_p / S, S = sum_q psi_q.

    From W_p S = psi_p, by Leibniz' rule: D^alpha W = (D^alpha psi - sum_{0 < beta <= alpha} C D^beta S D^(alpha - beta) W) / S.

    Args:
        x: (B, D). centers: (P, D). radius: (P,). pairs: the Q pairs.
        alone: (Q,), whether the patch is the only one of its point: its weight is 1.
        indices: the alphas.

    Returns:
        (Q,) for each of them and all below.
    """
    every = lower_set(indices)
    geometry = IsotropicGeometry(x, centers, pairs, radius.reciprocal())
    bumps = radial_columns(BUMP.derivatives, [Operator.d(*index) for index in every], geometry)
    sums: dict[Index, Tensor] = {}
    weights: dict[Index, Tensor] = {}
    for index, bump in zip(every, bumps, strict=True):
        bump = torch.where(alone, 0.0 if index else 1.0, bump)
        total = x.new_zeros(len(x)).index_add_(0, pairs.rows, bump)
        sums[index] = total.index_select(0, pairs.rows)
        for beta, rest, count in parts(index):
            if beta:
                bump = bump - count * sums[beta] * weights[rest]
        weights[index] = bump / sums[()]
    return weights
