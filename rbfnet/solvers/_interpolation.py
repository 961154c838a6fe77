"""Interpolation at the centres: a square symmetric system with the moment conditions of the tail."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def is_symmetric(matrix: Float[Tensor, "R U"], num_centers: int) -> bool:
    """Whether the rows are the kernels at their own centres: the first M columns are a symmetric M x M matrix."""
    if len(matrix) != num_centers:
        return False
    kernel = matrix[:, :num_centers]
    sample = slice(0, min(len(matrix), 256))
    # A corner first: an unsymmetric system is known by it without a pass over the whole.
    corner = kernel[sample, sample]
    return bool(torch.equal(corner, corner.T)) and bool(torch.equal(kernel, kernel.T))


class Interpolation:
    """[K + s L, P; P^T, 0] [w; a] = [y; 0] for a conditionally positive definite kernel, s = +-1 its sign, L = diag(smoothing).

    With P = Q [R; 0], the weights are Q_2 v, for the moment conditions say that they are orthogonal to Q_1; and
    Q_2^T (s K + L) Q_2 is positive definite: one Cholesky factorisation, half the work of a general one. One step of iterative
    refinement takes the residual down to rounding.

    Source: Wendland, Scattered Data Approximation (2004), sections 8.5 and 12.3; Golub and Van Loan, Matrix Computations
    (2013), section 6.2.
    Equivalent: SciPy ``RBFInterpolator(smoothing=...)``, in the coordinates of the network.

    Args:
        kernel: K, symmetric.
        tail: P.
        smoothing: (M,) or a number, zero or positive: how much the solution may miss each value; 0 interpolates.

    Attributes:
        failed: in rounding the tail is not unique or the kernel not definite; there is no solution then.
    """

    def __init__(self, kernel: Float[Tensor, "M M"], tail: Float[Tensor, "M T"], smoothing: Tensor | float = 0.0) -> None:
        self.kernel, self.tail, self.terms = kernel, tail, tail.shape[1]
        self.smoothing, self.failed = smoothing, False
        if self.terms:
            self.factor, self.tau = torch.geqrf(tail)
            self.triangle = self.factor[: self.terms].triu()
            if self.triangle.diagonal().abs().min() <= 1e-12 * self.triangle.diagonal().abs().max():
                self.failed = True  # The points lie on a set where the tail is not unique.
                self.inner = kernel[:0, :0]
                return
        inner = self._projected(kernel)
        self.sign = 1.0 if inner.diagonal().sum() >= 0 else -1.0
        if isinstance(smoothing, Tensor) or smoothing:
            ridge = self.sign * torch.as_tensor(smoothing, dtype=kernel.dtype, device=kernel.device).expand(len(kernel))
            self.kernel = kernel + torch.diag(ridge)
            inner = self._projected(self.kernel)
        self.inner = inner if self.sign > 0 else -inner
        self.cholesky, failed = torch.linalg.cholesky_ex(self.inner)
        self.failed = bool(failed)

    def solve(self, target: Float[Tensor, "M O"]) -> Float[Tensor, "M+T O"]:
        """Weights and coefficients of the tail."""
        weight, coefficients = self._once(target)
        change, shift = self._once(target - self.kernel @ weight - self.tail @ coefficients)
        return torch.cat([weight + change, coefficients + shift])

    def leave_one_out(self, target: Float[Tensor, "M O"]) -> Float[Tensor, "M O"]:
        """By how much each value is missed by what the other ones give: w_k / B_kk, B = Q_2 (Q_2^T K Q_2)^-1 Q_2^T.

        Source: Rippa, Adv. Comput. Math. 11 (1999); with a tail or smoothing the same with B for the inverse.
        """
        weight, _ = self._once(target)
        spread = torch.eye(len(target), dtype=target.dtype, device=target.device)
        rotated = self._rotate(spread)[self.terms :] if self.terms else spread
        diagonal = torch.linalg.solve_triangular(self.cholesky, rotated, upper=False).square().sum(dim=0)
        return self.sign * weight / diagonal[:, None]

    def cross_validated(self, target: Float[Tensor, "M O"]) -> float:
        """The smoothing, one for all points beyond what there is, that generalised cross-validation chooses, within six per cent.

        It is the least of M |L w|^2 / (trace L B)^2.

        Source: Wahba, Spline Models for Observational Data (1990), chapter 4.
        """
        values, vectors = torch.linalg.eigh(self.inner)
        along = (vectors.T @ (self._rotate(target)[self.terms :] if self.terms else target)).square().sum(dim=1)
        trial = float(values[-1]) * torch.logspace(-16, 2, 721, dtype=values.dtype, device=values.device)[:, None]
        shifted = trial + values.clamp(min=0.0)
        score = (along / shifted**2).sum(dim=1) / (1 / shifted).sum(dim=1).square()
        return float(trial[score.argmin(), 0])

    def _projected(self, kernel: Tensor) -> Tensor:
        """Q_2^T K Q_2. With Q = I - V T V^T, Q^T K Q = K - V W^T - W V^T: a change of low rank, in one pass over K."""
        if not self.terms:
            return kernel
        v = self.factor.tril(-1)
        v.diagonal()[:] = 1.0
        t = torch.zeros_like(self.triangle)
        for k, tau in enumerate(self.tau):
            t[:k, k] = -tau * (t[:k, :k] @ (v[:, :k].T @ v[:, k]))
            t[k, k] = tau
        y = kernel @ v @ t
        w = y - v @ (t.T @ (v.T @ y)) / 2
        changed = torch.addmm(kernel, torch.cat([v, w], dim=1), torch.cat([w, v], dim=1).T, alpha=-1.0)
        return changed[self.terms :, self.terms :]

    def _rotate(self, values: Tensor) -> Tensor:
        return torch.ormqr(self.factor, self.tau, values, left=True, transpose=True)

    def _once(self, values: Tensor) -> tuple[Tensor, Tensor]:
        if not self.terms:
            return self.sign * torch.cholesky_solve(values, self.cholesky), values.new_zeros((0, values.shape[1]))
        rotated = self._rotate(values)
        inner = self.sign * torch.cholesky_solve(rotated[self.terms :], self.cholesky)
        weight = torch.ormqr(self.factor, self.tau, torch.cat([torch.zeros_like(rotated[: self.terms]), inner]), left=True)
        rest = self._rotate(values - self.kernel @ weight)[: self.terms]
        return weight, torch.linalg.solve_triangular(self.triangle, rest, upper=True)
