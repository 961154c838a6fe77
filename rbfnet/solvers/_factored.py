"""Damped least squares by orthogonal factorisation."""

from __future__ import annotations

import scipy.linalg
import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError


class Factored:
    """A matrix A (R, U), its columns scaled to length one, as Q R: factored once, then solved with any damping.

        x = argmin |A x - b|^2 + damping^2 |S x|^2,   S the lengths of the columns.

    Flat kernels are nearly dependent: A has singular values down to rounding and below it, and without damping rounding errors
    in b come back as weights without bounds. The damping ``rounding`` = eps |A S^-1|_F is what rounding has done to the matrix
    anyway. Each step of refinement solves again for what is left of b (iterated Tikhonov regularisation), which takes the bias
    of the damping away where the data determine the solution. Compared with truncation by QR with column pivoting it is as
    accurate or better, and made of fast operations only.

    A wide matrix is factored by its rows: A^T = Q R, x in the span of them.

    Source: Golub and Van Loan, Matrix Computations (2013), sections 5.3 and 6.1; Adcock and Huybrechs, Frames and numerical
    approximation, SIAM Review 61 (2019).

    Args:
        matrix: A.

    Attributes:
        rounding: the least damping that makes sense.

    Raises:
        InputError: a matrix that holds NaN or infinity.
    """

    def __init__(self, matrix: Float[Tensor, "R U"]) -> None:
        if not torch.isfinite(matrix).all():
            raise InputError("The linear system holds NaN or infinity; look at what the residuals and their coefficients give.")
        scale = matrix.norm(dim=0)
        self.scale = torch.where(scale > 0, scale, 1.0)[:, None]
        self.matrix = matrix / self.scale.T
        rows, columns = matrix.shape
        self.wide = rows < columns
        self.rounding = torch.finfo(matrix.dtype).eps * columns**0.5
        self.reflectors, self.tau = torch.geqrf(self.matrix.T if self.wide else self.matrix)
        self.triangle = self.reflectors[: min(rows, columns)].triu()
        self._damped: tuple[float, Tensor, Tensor] | None = None

    def solve(self, target: Float[Tensor, "R C"], damping: float | None = None, refinements: int = 0) -> Float[Tensor, "U C"]:
        """x for the columns b of ``target``.

        Args:
            target: b.
            damping: relative to the lengths of the columns; None takes ``rounding``.
            refinements: how many steps of refinement.

        Raises:
            InputError: a target that holds NaN or infinity.
        """
        if not torch.isfinite(target).all():
            raise InputError("The linear system holds NaN or infinity; look at what the residuals and their coefficients give.")
        mu = self.rounding if damping is None else damping
        x = self._once(target, mu)
        for _ in range(refinements):
            x = x + self._once(target - self.matrix @ x, mu)
        return x / self.scale

    def _once(self, target: Tensor, damping: float) -> Tensor:
        square, rotated = self.square, self.reduced(target)
        if self._damped is None or self._damped[0] != damping:
            identity = torch.eye(len(square), dtype=square.dtype, device=square.device)
            self._damped = (damping, *torch.geqrf(torch.cat([square, damping * identity])))
        _, reflectors, tau = self._damped
        size = len(square)
        below = self._rotate(reflectors, tau, torch.cat([rotated, torch.zeros_like(rotated)]), True)[:size]
        return self.expanded(torch.linalg.solve_triangular(reflectors[:size].triu(), below, upper=True))

    @property
    def square(self) -> Float[Tensor, "n n"]:
        """What is left of A S^-1 in bases that are orthonormal: R, or R^T of a wide matrix; it has the same singular values."""
        return self.triangle.T if self.wide else self.triangle

    def reduced(self, target: Float[Tensor, "R C"]) -> Float[Tensor, "n C"]:
        """The part of b that lies in the range of A, in the first of these bases."""
        return target if self.wide else self._rotate(self.reflectors, self.tau, target, True)[: len(self.square)]

    def expanded(self, inner: Float[Tensor, "n C"]) -> Float[Tensor, "U C"]:
        """S x, from its coordinates in the second."""
        if not self.wide:
            return inner
        padded = torch.cat([inner, inner.new_zeros((len(self.scale) - len(inner), inner.shape[1]))])
        return self._rotate(self.reflectors, self.tau, padded, False)

    def rank(self) -> float:
        """How many directions the last damping has left: the sum of s^2 / (s^2 + damping^2) over the singular values s.

        Whole where each is well above the damping or well below it.

        Source: Hastie, Tibshirani and Friedman, The Elements of Statistical Learning (2009), eq. 3.50 (degrees of freedom).
        """
        assert self._damped is not None
        damping, reflectors, _ = self._damped
        square = reflectors[: len(self.square)].triu().cpu().numpy()
        (invert,) = scipy.linalg.get_lapack_funcs(("trtri",), (square,))
        inverse, failed = invert(square)
        return float("nan") if failed else len(square) - damping**2 * float((inverse**2).sum())

    def condition(self, steps: int = 6) -> float:
        """The largest singular value of A S^-1 over the least, by power iteration: right within some per cent, and cheap."""
        largest = inverse = torch.cos(torch.arange(len(self.triangle), dtype=self.triangle.dtype, device=self.triangle.device))[
            :, None
        ]
        if not (self.triangle.diagonal() != 0).all():
            return float("inf")
        for _ in range(steps):
            largest = self.triangle.T @ (self.triangle @ (largest / largest.norm()))
            half = torch.linalg.solve_triangular(self.triangle.T, inverse / inverse.norm(), upper=False)
            inverse = torch.linalg.solve_triangular(self.triangle, half, upper=True)
        return float(largest.norm().sqrt()) * float(inverse.norm().sqrt())

    @staticmethod
    def _rotate(reflectors: Tensor, tau: Tensor, values: Tensor, transpose: bool) -> Tensor:
        return torch.ormqr(reflectors, tau, values, left=True, transpose=transpose)
