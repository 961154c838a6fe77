"""Sparse linear systems: LU where its factors fit, else an iteration with an incomplete LU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, gmres, spilu, splu

from rbfnet.errors import InputError

Array = np.ndarray[Any, Any]

MOST_ENTRIES = 2.5e6
"""Systems with more nonzeros in three dimensions are solved by iteration: there the factors of LU fill up."""

DROP, FILL = 1e-2, 4.0
"""Threshold and fill of the incomplete LU."""

REFINEMENTS = 2
"""Steps of iterative refinement."""

ITERATIONS, RESTART = 400, 60
"""Most steps of GMRES, and after how many it restarts."""


LARGEST = 1e11
"""The inverse of a system that determines its solution grows like N^(2 / D); a larger one means that it does not."""

SINGULAR = "The system at the nodes is singular: the problem does not determine the solution; a boundary condition is missing."


@dataclass(frozen=True)
class SparseSolution:
    """The solution of a sparse system, how it was found, and the relative residual that is left."""

    unknowns: Array
    method: str
    residual: float


def sparse_solve(matrix: Any, target: Array, filling: bool) -> SparseSolution:
    """The solution of a square system whose rows are scaled to a length of 1 first.

    Args:
        matrix: (N, N). target: (N,).
        filling: whether the factors of LU fill up, as they do in three dimensions.

    Raises:
        InputError: a singular system.
    """
    length = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    if not (length > 0).all():
        raise InputError("An equation of the local system is empty at some node; the problem does not determine the solution.")
    rows, right = sparse.diags_array(1 / length) @ matrix, target / length
    iterate = filling and matrix.nnz > MOST_ENTRIES
    try:
        solve = spilu(rows.tocsc(), drop_tol=DROP, fill_factor=FILL).solve if iterate else splu(rows.tocsc()).solve
    except RuntimeError:
        raise InputError(SINGULAR) from None
    if iterate:
        inverse = LinearOperator(rows.shape, matvec=solve)
        unknowns, _ = gmres(rows, right, M=inverse, rtol=1e-12, atol=0.0, restart=RESTART, maxiter=ITERATIONS // RESTART)
    else:
        probe = np.random.default_rng(0).standard_normal(len(right))
        if not np.linalg.norm(solve(probe)) < LARGEST * np.linalg.norm(probe):
            raise InputError(SINGULAR)
        unknowns = solve(right)
        for _ in range(REFINEMENTS):
            unknowns = unknowns + solve(right - rows @ unknowns)
    left = float(np.linalg.norm(right - rows @ unknowns) / (np.linalg.norm(right) or 1.0))
    return SparseSolution(unknowns, "GMRES with an incomplete LU" if iterate else "LU", left)
