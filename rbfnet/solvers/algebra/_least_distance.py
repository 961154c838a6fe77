"""The shortest vector that satisfies linear inequalities."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError

ROUND, ROUNDS = 40, 100
"""Number of violated inequalities added at a time, and how often."""

MET = 1e-9
"""Inequalities are met to this part of the largest violation."""


def least_distance(rows: Float[Tensor, "m n"], least: Float[Tensor, " m"]) -> Float[Tensor, " n"]:
    """min |p| subject to rows @ p >= least.

    The dual is a problem of non-negative least squares, which an active-set method solves (``scipy.optimize.nnls``). It has one
    unknown per inequality, so that only those enter that a shorter p violates.

    Source: Lawson and Hanson, Solving Least Squares Problems (1974), chapter 23 (LDP).

    Raises:
        InputError: inequalities that contradict each other.
    """
    size = rows.norm(dim=1)
    known = size > 1e-12 * size.max().clamp(min=torch.finfo(size.dtype).tiny)
    if (least[~known] > 0).any():
        raise InputError("The bounds contradict the data or each other; loosen them, or allow for noise by smoothing.")
    rows, least = rows[known] / size[known, None], least[known] / size[known]
    p, used = torch.zeros_like(rows[0]) if len(rows) else rows.new_zeros(rows.shape[1]), rows.new_zeros(0, dtype=torch.long)
    scale = float(least.max()) if len(least) else 0.0
    if scale <= 0:
        return p
    for _ in range(ROUNDS):
        gap = least - rows @ p
        if gap.max() <= MET * scale:
            break
        worst = gap.argsort(descending=True)[:ROUND]
        used = torch.cat([used, worst[gap[worst] > 0]]).unique()
        p = scale * _dual(rows[used], least[used] / scale)
    return p


def _dual(rows: Float[Tensor, "k n"], least: Float[Tensor, " k"]) -> Float[Tensor, " n"]:
    from scipy.optimize import nnls

    basis, corner = torch.linalg.qr(rows.T)
    system = torch.cat([corner, least[None]])
    right = torch.zeros_like(system[:, 0])
    right[-1] = 1.0
    try:
        dual, _ = nnls(system.numpy(), right.numpy(), maxiter=100 * len(rows))
    except RuntimeError:
        raise InputError("The bounds could not be met; loosen them, or bound fewer quantities.") from None
    left = system @ torch.from_numpy(dual) - right
    if -left[-1] < 1e-12:
        raise InputError("The bounds contradict the data or each other; loosen them, or allow for noise by smoothing.")
    return basis @ (-left[:-1] / left[-1])
