"""Which centres of a linear system are enough."""

from __future__ import annotations

import math
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError
from rbfnet.nn import RBFNetwork
from rbfnet.nn.wrappers._wrapper import innermost
from rbfnet.solvers import _processes
from rbfnet.solvers._linear_system import LinearSystem
from rbfnet.solvers._posed import Posed

POOL = 128
"""So many candidates are made orthogonal to what is chosen at a time; up to as many centres the choice is the greedy one."""

WEAK = 0.7
"""A candidate of the pool is taken as long as it gains this share of the best outside, by what that gained before."""

NEW = 1e-6
"""A candidate of which a smaller part is new is scored as if this part were."""

NOTHING = 1e-13
"""The part of a column that is rounding."""


def keep_enough(posed: Posed, system: LinearSystem, tolerance: float) -> list[str]:
    """Leave the model of what is posed with as many of its centres as the tolerance needs; how many, in words.

    Raises:
        InputError: several processes.
    """
    if _processes.count() > 1:
        raise InputError("Centres are chosen (tolerance) in one process; take trainer=default.")
    network = cast(RBFNetwork, innermost(posed.model))
    candidates = network.num_centers
    chosen, estimate = thin(system.matrix, system.target, candidates, posed.model.coefficients.shape[1], tolerance)
    rows = torch.tensor(sorted(chosen), device=network.centers.device)
    raw = network.metric.raw[rows] if network.metric.per_center else network.metric.raw
    network.replace_centers(network.centers[rows], raw)
    begin = f"{len(chosen):,} of {candidates:,} centres are kept"
    if estimate <= tolerance:
        return [f"{begin}, for an error of {tolerance:.1e} as generalised cross-validation estimates it."]
    return [f"{begin}: with them the error is estimated least, {estimate:.1e}; {tolerance:.1e} is not reached."]


def thin(
    matrix: Float[Tensor, "R U"], target: Float[Tensor, "R C"], num_centers: int, outputs: int, tolerance: float
) -> tuple[list[int], float]:
    """Centres chosen one after the other by how much each lowers the residual, until its estimate at new points is ``tolerance``.

    The columns of the candidates are made orthogonal to those chosen before: the loss falls by the square of the residual along
    them. The estimate is that of generalised cross-validation, relative to the target: for k unknowns

        R / (R - k) |residual| / |target|.

    Where it does not come down to ``tolerance``, the number of centres with the least estimate is taken. Columns behind those of
    the centres, of a tail, are always there. Beyond :data:`POOL` candidates the greedy choice is a weak one, from those that
    gained most a little before, so that 5,000 candidates are products of matrices rather than 5,000 passes over one.

    Source: Chen, Cowan and Grant, IEEE Trans. Neural Networks 2 (1991); Orr, Neural Computation 7 (1995), for the estimate;
    Temlyakov, Adv. Comput. Math. 12 (2000), for weak greedy choices.

    Args:
        matrix: for one or several outputs, side by side, the columns of the centres and then of the tail.
        target: the right-hand sides.
        num_centers: candidates.
        outputs: of the model; side by side where ``target`` has one column for all.
        tolerance: relative.

    Returns:
        The indices of the centres, in the order they were chosen, and the estimate they reach.

    Raises:
        InputError: numbers that are not finite, or fewer candidates that differ than a tail has terms.
    """
    if not (torch.isfinite(matrix).all() and torch.isfinite(target).all()):
        raise InputError("The linear system holds NaN or infinity; look at what the residuals and their coefficients give.")
    rows, blocks = len(matrix), 1 if target.shape[1] == outputs else outputs
    # (blocks, M): the columns of each centre.
    each = torch.arange(matrix.shape[1], device=matrix.device).view(blocks, -1)[:, :num_centers]
    size = torch.linalg.vector_norm(matrix, dim=0).square()
    least = NEW**2 * size + torch.finfo(size.dtype).tiny
    tail = torch.ones(matrix.shape[1], dtype=torch.bool, device=matrix.device)
    tail[each.flatten()] = False
    fixed = matrix[:, tail]
    # A network has as many centres as its tail has terms, at least.
    terms = max(1, fixed.shape[1] // blocks)
    basis = torch.linalg.qr(fixed / fixed.norm(dim=0).clamp_min(torch.finfo(size.dtype).tiny))[0]
    residual = _apart(basis, target)
    left = size - (basis.T @ matrix).square().sum(dim=0)
    candidates = torch.ones(num_centers, dtype=torch.bool, device=matrix.device)
    chosen: list[int] = []
    estimates: list[float] = []
    whole = max(float(target.norm()), torch.finfo(size.dtype).tiny)
    while candidates.any() and basis.shape[1] < rows:
        gain = ((matrix.T @ residual).square().sum(dim=1) / torch.maximum(left, least))[each].sum(dim=0)
        best = gain.masked_fill(~candidates, -1.0).topk(min(POOL + 1, int(candidates.sum())))
        pool, outside = best.indices[:POOL], float(best.values[POOL]) if len(best.values) > POOL else 0.0
        # (R, blocks P), without what was chosen before this pool; ``rest`` of their squared lengths is without the pool's too.
        columns = _apart(basis, matrix[:, each[:, pool].flatten()])
        rest = start = columns.square().sum(dim=0)
        floor = torch.maximum(least[each[:, pool].flatten()], NOTHING * start)
        along = columns.T @ residual
        fresh = basis[:, :0]
        while True:
            gains = (along.square().sum(dim=1) / torch.maximum(rest, floor)).view(blocks, -1).sum(dim=0)
            at = int(gains.masked_fill(~candidates[pool], -1.0).argmax())
            if not candidates[pool[at]] or (fresh.shape[1] and float(gains[at]) < WEAK * outside):
                break
            candidates[pool[at]] = False
            before = fresh.shape[1]
            for column in range(at, columns.shape[1], len(pool)):
                direction = _apart(fresh, columns[:, column : column + 1])
                if float(direction.square().sum()) < 0.01 * float(start[column]):
                    # What is left of a column that has lost most of its length is not orthogonal to rounding any more.
                    direction = _apart(torch.cat([basis, fresh], dim=1), direction)
                length = direction.norm()
                if float(length) > NOTHING * float(size[each[column // len(pool), pool[at]]]) ** 0.5:
                    direction = direction / length
                    taken, lost = direction.T @ residual, columns.T @ direction
                    residual, along, rest = residual - direction @ taken, along - lost @ taken, rest - lost[:, 0].square()
                    fresh = torch.cat([fresh, direction], dim=1)
            if fresh.shape[1] == before:
                continue
            chosen.append(int(pool[at]))
            free = rows - basis.shape[1] - fresh.shape[1]
            estimates.append(rows / free * float(residual.norm()) / whole if free > 0 else math.inf)
            if len(chosen) >= terms and estimates[-1] <= tolerance:
                return chosen, estimates[-1]
        basis = torch.cat([basis, fresh], dim=1)
        left = left - (fresh.T @ matrix).square().sum(dim=0)
    if len(chosen) < terms:
        raise InputError(f"Of {num_centers} centres only {len(chosen)} differ in what is asked, but {terms} are needed at least.")
    enough = min(range(terms - 1, len(chosen)), key=estimates.__getitem__)
    return chosen[: enough + 1], estimates[enough]


def _apart(basis: Float[Tensor, "R K"], columns: Float[Tensor, "R P"]) -> Float[Tensor, "R P"]:
    """The columns without what the basis spans; twice is enough."""
    for _ in range(2):
        columns = columns - basis @ (basis.T @ columns)
    return columns
