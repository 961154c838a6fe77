"""Choose the centres that a tolerance requires."""

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
"""Lower bound on the independent fraction of a candidate in its score."""


def keep_enough(posed: Posed, system: LinearSystem, tolerance: float) -> list[str]:
    """Reduce the model to as many centres as the tolerance requires; returns a sentence with their number.

    Raises:
        InputError: there are several processes.
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
    """Choose centres greedily by the decrease of the residual, until its estimate at new points is ``tolerance``.

    The columns of the candidates are orthogonalised against those chosen before: the loss falls by the square of the residual
    along them. The estimate is that of generalised cross-validation, relative to the target: for k unknowns

        R / (R - k) |residual| / |target|.

    If it does not reach ``tolerance``, the number of centres with the least estimate is used. The columns of the tail, which
    follow those of the centres, are always included.

    Source: Orr, Neural Computation 7 (1995).

    Args:
        matrix: for one or several outputs, side by side, the columns of the centres and then of the tail.
        target: the right-hand sides.
        num_centers: the number of candidates.
        outputs: the number of outputs; stacked side by side if ``target`` has a single column.
        tolerance: the relative tolerance.

    Returns:
        The indices of the centres in the order of selection, and the final estimate.

    Raises:
        InputError: non-finite numbers, or fewer distinct candidates than the tail has terms.
    """
    if not (torch.isfinite(matrix).all() and torch.isfinite(target).all()):
        raise InputError("The linear system holds NaN or infinity; check the residuals and their coefficients.")
    rows, blocks = len(matrix), 1 if target.shape[1] == outputs else outputs
    # (blocks, M): the columns of each centre.
    each = torch.arange(matrix.shape[1], device=matrix.device).view(blocks, -1)[:, :num_centers]
    tail = torch.ones(matrix.shape[1], dtype=torch.bool, device=matrix.device)
    tail[each.flatten()] = False
    fixed = matrix[:, tail]
    # A network needs at least as many centres as its tail has terms.
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
