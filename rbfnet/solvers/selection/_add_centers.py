"""Greedy selection of new centres by the decrease of the residual."""

from __future__ import annotations

import copy
from itertools import islice
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.nn import RBFNetwork
from rbfnet.nn.wrappers import innermost
from rbfnet.operators import LinearModel
from rbfnet.solvers.algebra import OrthogonalLeastSquares
from rbfnet.solvers.assembly import Posed, stacked

RIDGE = 1e-8
"""Tolerance for linear independence, relative to unit columns."""

NEW = 1e-3
"""Lower bound on the independent fraction of a candidate in its score."""


@torch.no_grad()
def greedy(
    posed: Posed, centers: Float[Tensor, "K D"], raw: Float[Tensor, "K ..."], n: int
) -> tuple[Float[Tensor, "n D"], Float[Tensor, "n ..."]]:
    """Choose n of K candidate centres greedily by the decrease of the linearised residual.

    The columns of the candidates are made orthogonal to those of the network and of the candidates chosen before: the loss falls
    by the square of the residual along them, summed over the outputs.

    Source: Chen, Cowan and Grant, Orthogonal least squares learning algorithm for radial basis function networks, IEEE Trans.
    Neural Networks 2 (1991).

    Args:
        posed: the problem, linearised at its model.
        centers, raw: the candidates, as in :meth:`rbfnet.nn.RBFNetwork.replace_centers`.
        n: at most K; fewer are returned if the remaining ones add nothing.
    """
    model, outputs = posed.model, len(posed.problem.outputs)
    candidates: LinearModel = copy.deepcopy(model)
    cast(RBFNetwork, innermost(candidates)).replace_centers(centers, raw)
    equations = posed.equations()
    residual = torch.cat([scale * equation.sample.contract(equation.rest) for equation, scale in equations])
    present = torch.cat([scale * stacked(model, equation, outputs) for equation, scale in equations])
    present = present / present.norm(dim=0).clamp_min(torch.finfo(present.dtype).tiny)
    damped = torch.cat([present, RIDGE * torch.eye(present.shape[1]).to(present)])
    basis = torch.linalg.qr(damped)[0][: len(present)]
    columns = torch.cat([scale * stacked(candidates, equation, outputs) for equation, scale in equations])
    groups = torch.arange(columns.shape[1], device=columns.device).view(outputs, -1)[:, : len(centers)]
    # One pool is enough: there are few candidates.
    selection = OrthogonalLeastSquares(columns, groups, residual[:, None], basis, NEW, pool=len(centers))
    chosen = list(islice(selection, n))
    return centers[chosen], raw[chosen]
