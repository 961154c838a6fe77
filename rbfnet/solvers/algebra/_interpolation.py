"""Interpolation and smoothing at the centres: a square symmetric system with the moment conditions of the tail."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.solvers.algebra._moments import Moments


class Interpolation:
    """[K + s L, P; P^T, 0] [w; a] = [y; 0] for a conditionally positive definite kernel, s = +-1 its sign, L = diag(smoothing).

    By the moment conditions (:class:`Moments`) the weights are Q_2 v, and Q_2^T (s K + L) Q_2 is positive definite: one Cholesky
    factorisation, half the work of a general one. One step of iterative refinement reduces the residual to rounding. If the
    centres do not determine the tail, its minimum-norm coefficients are used.

    Source: Wendland, Scattered Data Approximation (2004), sections 8.5 and 12.3; Golub and Van Loan, Matrix Computations
    (2013), section 6.2.
    Equivalent: SciPy ``RBFInterpolator(smoothing=...)``, in the coordinates of the network.

    Args:
        kernel: K, symmetric.
        tail: P.
        smoothing: (M,) or a number, non-negative: how much the solution may deviate from each value; 0 interpolates.

    Attributes:
        failed: whether the kernel is not numerically definite, so that there is no solution.
    """

    def __init__(self, kernel: Float[Tensor, "M M"], tail: Float[Tensor, "M T"], smoothing: Tensor | float = 0.0) -> None:
        self.kernel, self.tail, self.moments = kernel, tail, Moments(tail)
        self.terms = self.moments.terms
        inner = self.moments.inner(kernel)
        self.sign = 1.0 if inner.diagonal().sum() >= 0 else -1.0
        if isinstance(smoothing, Tensor) or smoothing:
            ridge = self.sign * torch.as_tensor(smoothing, dtype=kernel.dtype, device=kernel.device).expand(len(kernel))
            self.kernel = kernel + torch.diag(ridge)
            inner = self.moments.inner(self.kernel)
        self.cholesky, failed = torch.linalg.cholesky_ex(inner if self.sign > 0 else -inner)
        self.failed = bool(failed)

    def solve(self, target: Float[Tensor, "M O"]) -> Float[Tensor, "M+T O"]:
        """Weights and coefficients of the tail."""
        weight, coefficients = self._once(target)
        change, shift = self._once(target - self.kernel @ weight - self.tail @ coefficients)
        return torch.cat([weight + change, coefficients + shift])

    def leave_one_out(self, target: Float[Tensor, "M O"], rows: Tensor | None = None) -> Float[Tensor, "R O"]:
        """Leave-one-out errors: w_k / B_kk, B = Q_2 (Q_2^T K Q_2)^-1 Q_2^T.

        NaN if the others do not determine the tail.

        Source: Rippa, Adv. Comput. Math. 11 (1999); with a tail or smoothing the same with B for the inverse.

        Args:
            target: y.
            rows: which of them; all if None.
        """
        weight, _ = self._once(target)
        spread = torch.eye(len(target), dtype=target.dtype, device=target.device)
        if rows is not None:
            weight, spread = weight[rows], spread[:, rows]
        rotated = self.moments.rotated(spread)[self.terms :]
        left = rotated.square().sum(dim=0)
        diagonal = torch.linalg.solve_triangular(self.cholesky, rotated, upper=False).square().sum(dim=0)
        missed = self.sign * weight / diagonal[:, None]
        return missed.masked_fill((left < torch.finfo(left.dtype).eps ** 0.5)[:, None], torch.nan)

    def variance(
        self, kernel: Float[Tensor, "B M"], tail: Float[Tensor, "B T"], prior: Float[Tensor, " B"]
    ) -> Float[Tensor, " B"]:
        """The kriging variance of functionals l, for amplitude 1: s (l l' k - (l_k, l_p) [K + s L, P; P^T, 0]^-1 (l_k, l_p)^T).

        Infinite where a functional contains terms of the tail that the centres do not determine.

        Source: Wackernagel, Multivariate Geostatistics (2003), chapter 38 (universal kriging); Wendland (2004), section 11.1 (the
        power function).

        Args:
            kernel: l_k, each functional of the kernels.
            tail: l_p, each functional of the monomials.
            prior: l l' k, each functional of the kernel in both arguments.
        """
        known = tail @ self.moments.directions
        # Weights that are exact for polynomials: Q_1 R^-T V^T l_p, to which Q_2 v are added so that the variance is the least.
        start = torch.linalg.solve_triangular(self.moments.triangle.T, known.T, upper=False)
        weights = self.moments.polynomial(start)
        missed = kernel.T - self.kernel @ weights
        rotated = self.moments.rotated(missed)[self.terms :]
        gain = torch.linalg.solve_triangular(self.cholesky, rotated, upper=False).square().sum(dim=0)
        least = self.sign * (prior - ((kernel.T + missed) * weights).sum(dim=0)) - gain
        beyond = (tail - known @ self.moments.directions.T).norm(dim=1) > torch.finfo(tail.dtype).eps ** 0.5 * tail.norm(dim=1)
        return least.clamp(min=0.0).masked_fill(beyond, torch.inf)

    def amplitude(self, target: Float[Tensor, "M O"], rows: Tensor | None = None) -> Float[Tensor, " O"]:
        """The factor of the kernel for which leave-one-out errors are as large as their standard deviations: mean w_k^2 / B_kk.

        NaN if no row can be left out.

        Source: Bachoc, Comput. Stat. Data Anal. 66 (2013); more robust than the likelihood to a kernel that is not the true one.

        Args:
            target: y.
            rows: which rows are left out; all if None.
        """
        weight, _ = self._once(target)
        found = self.sign * self.leave_one_out(target, rows) * (weight if rows is None else weight[rows])
        return found.nanmean(dim=0)

    def _once(self, values: Tensor) -> tuple[Tensor, Tensor]:
        rotated = self.moments.rotated(values)
        weight = self.moments.weights(self.sign * torch.cholesky_solve(rotated[self.terms :], self.cholesky))
        rest = self.moments.rotated(values - self.kernel @ weight)[: self.terms]
        return weight, self.moments.directions @ torch.linalg.solve_triangular(self.moments.triangle, rest, upper=True)
