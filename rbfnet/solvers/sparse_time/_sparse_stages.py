"""The linear systems of an implicit Runge-Kutta step, sparse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from rbfnet.errors import InputError
from rbfnet.solvers.time import Radau

Array = np.ndarray[Any, Any]

PIVOT = 0.01
"""The diagonal is the pivot where it is at least this part of the largest entry."""


class SparseStages:
    """The linearised system sum_q J_q d^q y / dt^q for steps of one length.

    The matrix of the method is diagonalised, so that the unknowns at its nodes come apart: one sparse factorisation for each
    pair of its eigenvalues.

    Source: Butcher, On the implementation of implicit Runge-Kutta methods, BIT 16 (1976).

    Args:
        matrices: J_0 ... J_p, (n, n) each.
        step: the length. radau: the method.

    Raises:
        InputError: a singular system.
    """

    def __init__(self, matrices: Sequence[Any], step: float, radau: Radau) -> None:
        self.matrices, self.step, self.radau = list(matrices), step, radau
        self.factors = []
        order = len(self.matrices) - 1
        for shift in (step * radau.eigenvalues).tolist():
            factor = shift if shift.imag else shift.real
            whole = sum(factor ** (order - q) * matrix for q, matrix in enumerate(self.matrices))
            length = np.sqrt(np.asarray(abs(whole).power(2).sum(axis=1)).ravel())
            length = np.where(length > 0, length, 1.0)
            try:
                lu = _factored((sparse.diags_array(1 / length) @ whole).tocsc())
            except RuntimeError:
                raise InputError(
                    "The system at the nodes is singular: the problem does not determine how the solution goes on; a boundary "
                    "condition is missing, or an output has no equation with its derivative in time."
                ) from None
            self.factors.append((lu, length))

    def change(self, missed: Array) -> Array:
        """By how much the highest derivatives at the nodes have to become less for residuals (K, n) to vanish, (K, n)."""
        into, back = self.radau.into.numpy(), self.radau.back.numpy()
        wanted = into @ missed
        real = (self.radau.eigenvalues.imag == 0).tolist()
        solved = np.stack(
            [
                lu.solve((row.real if one else row) / length)
                for (lu, length), row, one in zip(self.factors, wanted, real, strict=True)
            ]
        )
        return np.ascontiguousarray((back @ solved).real)


def _factored(rows: Any) -> Any:
    """An LU factorisation of rows of length 1."""
    if (abs(rows.diagonal()) > PIVOT).all():
        # Patterns are nearly symmetric: this ordering fills less than that for any pattern, if pivots stay on the diagonal.
        return splu(rows, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=PIVOT, options={"SymmetricMode": True})
    return splu(rows)
