"""A symmetric system that grows by rows and columns."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor


class Bordered:
    """Solve A x = b for a symmetric A, also indefinite, that grows to [A, B; B^T, C] without another factorisation of A.

    By block elimination: with X = A^-1 B and the Schur complement S = C - B^T X, x_2 = S^-1 (b_2 - X^T b_1) and
    x_1 = A^-1 b_1 - X x_2. Growth by b columns costs U^2 b operations for U unknowns.

    Source: Golub and Van Loan, Matrix Computations (2013), section 3.2.11.

    Args:
        matrix: the first A.

    Raises:
        numpy.linalg.LinAlgError: A or a Schur complement is singular; then nothing has changed.
    """

    def __init__(self, matrix: Float[Tensor, "U U"]) -> None:
        self._first = _factors(matrix, 0.0)
        self._borders: list[tuple[Tensor, tuple[Tensor, Tensor]]] = []

    def grow(self, columns: Float[Tensor, "U C"], corner: Float[Tensor, "C C"]) -> None:
        """Append B and C."""
        solved = self.solve(columns)
        covered = columns.T @ solved
        self._borders.append((solved, _factors(corner - covered, float(covered.abs().max()))))

    def solve(self, right: Float[Tensor, "U O"]) -> Float[Tensor, "U O"]:
        """x for each column b."""
        found = torch.linalg.lu_solve(*self._first, right[: len(self._first[0])])
        for solved, schur in self._borders:
            before, after = right.split([len(found), len(right) - len(found)])
            more = torch.linalg.lu_solve(*schur, after[: solved.shape[1]] - solved.T @ before)
            found = torch.cat([found - solved @ more, more])
        return found


def _factors(matrix: Tensor, size: float) -> tuple[Tensor, Tensor]:
    """The factors of a matrix whose entries are differences of numbers of this size."""
    factors, pivots, info = torch.linalg.lu_factor_ex(matrix)
    if info or factors.diagonal().abs().min() <= len(matrix) * torch.finfo(matrix.dtype).eps * size:
        raise np.linalg.LinAlgError("Singular matrix.")
    return factors, pivots
