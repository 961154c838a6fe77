"""Newton's method for equations at nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from scipy import sparse
from torch import Tensor

from rbfnet.errors import InputError
from rbfnet.solvers.sparse._node_equations import NodeEquations
from rbfnet.solvers.sparse._sparse_solve import SparseSolution, sparse_solve

Array = np.ndarray[Any, Any]

ITERATIONS = 40
"""Most steps."""

SMALL = 1e-9
"""Steps end where one is smaller than this, relative to the values: the next would be rounding, as convergence is quadratic."""

SHORTEST = 1e-3
"""The shortest part of a step that is tried."""


@dataclass(frozen=True)
class Found:
    """Nodal values (N, O), the last linear system, the number of steps, and the numbers of equations and entries."""

    values: Float[Tensor, "N O"]
    last: SparseSolution
    steps: int
    equations: int
    entries: int


def newton(equations: NodeEquations, values: Float[Tensor, "N O"], linear: bool) -> Found:
    """Nodal values that satisfy the equations, by Newton's method with steps halved while residuals do not fall.

    Rows beyond those of the nodes, such as a mean, each come with a multiplier that is added to the equations in the domain: what
    is left undetermined without that row leaves a condition on the right-hand side in return, which the discrete equations
    satisfy only up to their error.

    Args:
        equations: at the nodes.
        values: the first guess. linear: whether one step is all.

    Raises:
        InputError: a singular system, or residuals that cannot be decreased.
    """
    count, outputs = values.shape
    rest, (matrix,) = equations.linearised(values[None])
    border = _border(equations, len(rest) - count * outputs)
    multipliers = np.zeros(border.shape[1])
    length = _lengths(matrix)
    for step in range(1, ITERATIONS + 1):
        whole = sparse.hstack([matrix, border], format="csr") if border.shape[1] else matrix
        missed = rest + border @ multipliers
        found = sparse_solve(whole, -missed, filling=equations.nodes.x.shape[1] == 3)
        change = torch.from_numpy(found.unknowns[: count * outputs]).reshape(outputs, -1).T
        if linear:
            return Found(values + change, found, 1, whole.shape[0], whole.nnz)
        size, part = float(np.linalg.norm(missed / length)), 1.0
        small = float(change.norm()) <= SMALL * float(values.norm())
        while not small:
            new = equations.residual((values + part * change)[None])
            new = new + border @ (multipliers + part * found.unknowns[count * outputs :])
            if np.linalg.norm(new / length) <= (1 - part / 4) * size or not size:
                break
            part /= 2
            if part < SHORTEST:
                raise InputError(
                    f"Newton's method at the nodes does not converge: after {step} steps the residual is {size:.1e} and does not "
                    "fall; start nearer to the solution, as from smaller coefficients of the nonlinear terms."
                )
        values, multipliers = values + part * change, multipliers + part * found.unknowns[count * outputs :]
        if small:
            return Found(values, found, step, whole.shape[0], whole.nnz)
        rest, (matrix,) = equations.linearised(values[None])
    raise InputError(f"Newton's method at the nodes has not converged in {ITERATIONS} steps; use more nodes.")


def _border(equations: NodeEquations, extra: int) -> Any:
    """The columns of the multipliers: one each, added to the equations in the domain with different factors for each."""
    number = equations.inside
    columns = np.zeros((len(number) + extra, extra))
    for k in range(extra):
        columns[: len(number), k] = np.where(number > 0, number.astype(float) ** k, 0.0)
    return sparse.csr_array(columns)


def _lengths(matrix: Any) -> Array:
    found = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    return np.where(found > 0, found, 1.0)
