"""Damped least squares by orthogonal factorisation."""

from __future__ import annotations

from collections.abc import Callable

import scipy.linalg
import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError

Damping = float | Float[Tensor, " U"]
"""A number, or one per unknown."""


Rotate = Callable[[Tensor], Tensor]
"""Maps b to the leading rows of Q^T [b; 0]."""

BLOCK = 32
"""Block size of LAPACK's tpqrt; larger blocks are several times slower."""


class Factored:
    """A matrix A (R, U), its columns scaled to length one, as Q R: factored once, then solved with any damping.

        x = argmin |A x - b|^2 + damping^2 |S x|^2,   S the lengths of the columns.

    Flat kernels are nearly dependent: A has singular values down to rounding and below, and without damping rounding errors in
    b are amplified into unbounded weights. The damping ``rounding`` = eps |A S^-1|_F is of the size of the rounding error of the
    matrix. Each refinement step solves again for the remaining residual (iterated Tikhonov regularisation), which removes the
    bias of the damping where the data determine the solution. This is at least as accurate as truncation by QR with column
    pivoting, and uses only fast operations.

    A wide matrix is factored by its rows: A^T = Q R, with x in their span. This requires equal damping of all unknowns;
    otherwise damping S is stacked below A, and the tall matrix is factored.

    Source: Golub and Van Loan, Matrix Computations (2013), sections 5.3 and 6.1; Adcock and Huybrechs, Frames and numerical
    approximation, SIAM Review 61 (2019).

    Args:
        matrix: A.

    Attributes:
        rounding: the smallest sensible damping.

    Raises:
        InputError: a matrix that contains NaN or infinity.
    """

    def __init__(self, matrix: Float[Tensor, "R U"]) -> None:
        if not torch.isfinite(matrix).all():
            raise InputError("The linear system holds NaN or infinity; check the residuals and their coefficients.")
        scale = matrix.norm(dim=0)
        self.scale = torch.where(scale > 0, scale, 1.0)[:, None]
        self.matrix = matrix / self.scale.T
        rows, columns = matrix.shape
        self.wide = rows < columns
        self.rounding = torch.finfo(matrix.dtype).eps * columns**0.5
        self.reflectors, self.tau = torch.geqrf(self.matrix.T if self.wide else self.matrix)
        self.triangle = self.reflectors[: min(rows, columns)].triu()
        self._damped: tuple[Damping, Tensor, Rotate] | None = None

    def solve(self, target: Float[Tensor, "R C"], damping: Damping | None = None, refinements: int = 0) -> Float[Tensor, "U C"]:
        """x for the columns b of ``target``.

        Args:
            target: b.
            damping: relative to the column norms, one number or one per column; None uses ``rounding``.
            refinements: number of refinement steps.

        Raises:
            InputError: a target that contains NaN or infinity.
        """
        if not torch.isfinite(target).all():
            raise InputError("The linear system holds NaN or infinity; check the residuals and their coefficients.")
        mu = self.rounding if damping is None else damping
        x = self._once(target, mu)
        for _ in range(refinements):
            x = x + self._once(target - self.matrix @ x, mu)
        return x / self.scale

    def _once(self, target: Tensor, damping: Damping) -> Tensor:
        whole = self.wide and isinstance(damping, Tensor)
        square, rotated = (self.matrix, target) if whole else (self.square, self.reduced(target))
        if self._damped is None or self._damped[0] is not damping:
            below = damping * square.new_ones(square.shape[1])
            stack = _stacked_triangles if not self.wide and square.device.type == "cpu" else _stacked
            self._damped = (damping, *stack(square, below))
        _, triangle, rotate = self._damped
        inner = torch.linalg.solve_triangular(triangle, rotate(rotated), upper=True)
        return inner if whole else self.expanded(inner)

    @property
    def square(self) -> Float[Tensor, "n n"]:
        """A S^-1 in orthonormal bases: R, or R^T for a wide matrix; it has the same singular values."""
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

    def damped_triangle(self) -> Float[Tensor, "U U"]:
        """T of [A S^-1; rounding] = Q T for a matrix that is not wide: |T z|^2 = |A S^-1 z|^2 + rounding^2 |z|^2."""
        if self._damped is None or self._damped[0] != self.rounding:
            self._once(self.matrix[:, :1], self.rounding)
        assert self._damped is not None
        return self._damped[1]

    def rank(self) -> float:
        """Effective degrees of freedom under the last damping: the sum of s^2 / (s^2 + damping^2) over the singular values s.

        An integer if each is well above or well below the damping.

        Source: Hastie, Tibshirani and Friedman, The Elements of Statistical Learning (2009), eq. 3.50 (degrees of freedom).
        """
        assert self._damped is not None
        damping, triangle, _ = self._damped
        assert not isinstance(damping, Tensor)
        square = triangle.cpu().numpy()
        (invert,) = scipy.linalg.get_lapack_funcs(("trtri",), (square,))
        inverse, failed = invert(square)
        return float("nan") if failed else len(square) - damping**2 * float((inverse**2).sum())

    def leverages(self, rows: Float[Tensor, "B U"]) -> Float[Tensor, " B"]:
        """The leverage of each row a: a (A^T A + damping^2 S^2)^-1 a^T; for a matrix that is not wide."""
        assert self._damped is not None and not self.wide
        inner = torch.linalg.solve_triangular(self._damped[1].T, (rows / self.scale.T).T, upper=False)
        return inner.square().sum(dim=0)

    def condition(self, steps: int = 6) -> float:
        """The condition number of A S^-1 by power iteration: cheap, and accurate to a few per cent."""
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


def _stacked(square: Float[Tensor, "n U"], below: Float[Tensor, " U"]) -> tuple[Tensor, Rotate]:
    """[A; D] = Q T for a diagonal D: T, and the map that applies Q^T to a right-hand side."""
    size = square.shape[1]
    reflectors, tau = torch.geqrf(torch.cat([square, below.diag()]))

    def rotate(values: Tensor) -> Tensor:
        above = torch.cat([values, values.new_zeros((size, values.shape[1]))])
        return torch.ormqr(reflectors, tau, above, left=True, transpose=True)[:size]

    return reflectors[:size].triu(), rotate


def _stacked_triangles(square: Float[Tensor, "n n"], below: Float[Tensor, " n"]) -> tuple[Tensor, Rotate]:
    """The same for upper triangular A, with a fifth of the work (LAPACK tpqrt, which PyTorch lacks)."""
    tpqrt, tpmqrt = scipy.linalg.get_lapack_funcs(("tpqrt", "tpmqrt"), (square.numpy(),))
    size = len(square)
    triangle, reflectors, factors, _ = tpqrt(size, min(BLOCK, size), square.numpy(), below.diag().numpy())

    def rotate(values: Tensor) -> Tensor:
        turned = tpmqrt(size, reflectors, factors, values.numpy(), torch.zeros_like(values).numpy(), trans="T")[0]
        return torch.from_numpy(turned).to(values)

    return torch.from_numpy(triangle).triu().to(square), rotate
