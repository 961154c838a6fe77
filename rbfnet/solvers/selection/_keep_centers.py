"""Which centres of a linear system are enough."""

from __future__ import annotations

import math
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError
from rbfnet.nn import RBFNetwork
from rbfnet.nn.wrappers import innermost
from rbfnet.solvers.algebra import OrthogonalLeastSquares, processes
from rbfnet.solvers.assembly import LinearSystem, Posed

NEW = 1e-6
"""A candidate of which a smaller part is new is scored as if this part were."""


def keep_enough(posed: Posed, system: LinearSystem, tolerance: float) -> list[str]:
    """Leave the model of what is posed with as many of its centres as the tolerance needs; how many, in words.

    Raises:
        InputError: several processes.
    """
    if processes.count() > 1:
        raise InputError("Choosing centres (tolerance) runs in one process; use trainer=default.")
    network = cast(RBFNetwork, innermost(posed.model))
    candidates = network.num_centers
    chosen, estimate = thin(system.matrix, system.target, candidates, posed.model.coefficients.shape[1], tolerance)
    rows = torch.tensor(sorted(chosen), device=network.centers.device)
    raw = network.metric.raw[rows] if network.metric.per_center else network.metric.raw
    network.replace_centers(network.centers[rows], raw)
    begin = f"{len(chosen):,} of {candidates:,} centres are kept"
    if estimate <= tolerance:
        return [f"{begin}: by generalised cross-validation the error is at most {tolerance:.1e}."]
    return [f"{begin}: the smallest estimated error is {estimate:.1e}; the tolerance {tolerance:.1e} is not reached."]


def thin(
    matrix: Float[Tensor, "R U"], target: Float[Tensor, "R C"], num_centers: int, outputs: int, tolerance: float
) -> tuple[list[int], float]:
    """Centres chosen one after the other by how much each lowers the residual, until its estimate at new points is ``tolerance``.

    The columns of the candidates are made orthogonal to those chosen before: the loss falls by the square of the residual along
    them. The estimate is that of generalised cross-validation, relative to the target: for k unknowns

        R / (R - k) |residual| / |target|.

    Where it does not come down to ``tolerance``, the number of centres with the least estimate is taken. Columns behind those of
    the centres, of a tail, are always there.

    Source: Orr, Neural Computation 7 (1995).

    Args:
        matrix: for one or several outputs, side by side, the columns of the centres and then of the tail.
        target: the right-hand sides.
        num_centers: candidates.
        outputs: of the model; side by side where ``target`` has one column for all.
        tolerance: relative.

    Returns:
        The indices of the centres, in the order they were chosen, and the estimate they reach.

    Raises:
        InputError: non-finite numbers, or fewer candidates that differ than a tail has terms.
    """
    if not (torch.isfinite(matrix).all() and torch.isfinite(target).all()):
        raise InputError("The linear system holds NaN or infinity; check the residuals and their coefficients.")
    rows, blocks = len(matrix), 1 if target.shape[1] == outputs else outputs
    # (blocks, M): the columns of each centre.
    each = torch.arange(matrix.shape[1], device=matrix.device).view(blocks, -1)[:, :num_centers]
    tail = torch.ones(matrix.shape[1], dtype=torch.bool, device=matrix.device)
    tail[each.flatten()] = False
    fixed = matrix[:, tail]
    # A network has as many centres as its tail has terms, at least.
    terms = max(1, fixed.shape[1] // blocks)
    tiny = torch.finfo(matrix.dtype).tiny
    selection = OrthogonalLeastSquares(matrix, each, target, torch.linalg.qr(fixed / fixed.norm(dim=0).clamp_min(tiny))[0], NEW)
    whole = max(float(target.norm()), tiny)
    chosen: list[int] = []
    estimates: list[float] = []
    for center in selection:
        chosen.append(center)
        free = rows - selection.rank
        estimates.append(rows / free * float(selection.residual.norm()) / whole if free > 0 else math.inf)
        if len(chosen) >= terms and estimates[-1] <= tolerance:
            return chosen, estimates[-1]
    if len(chosen) < terms:
        raise InputError(
            f"Of {num_centers} centres only {len(chosen)} are linearly independent, but at least {terms} are needed."
        )
    enough = min(range(terms - 1, len(chosen)), key=estimates.__getitem__)
    return chosen[: enough + 1], estimates[enough]
