"""Interpolation and smoothing at the centres: a square symmetric system with the moment conditions of the tail."""

from __future__ import annotations

import copy

import torch
from jaxtyping import Float, Int
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
        # Values, and what `_once` found for them: leave-one-out errors are mostly of those that were solved for.
        self._latest: tuple[Tensor, Tensor, Tensor] | None = None
        # The diagonal of B in leave_one_out, NaN where nobody asked for it and zero where it vanishes.
        self._diagonal = kernel.new_full((len(kernel),), torch.nan)

    @property
    def safe(self) -> bool:
        """Whether the kernel is definite by more than rounding; points that coincide are not noticed otherwise."""
        pivots = self.cholesky.diagonal().square()
        rounding = len(pivots) * torch.finfo(pivots.dtype).eps
        return not self.failed and (not len(pivots) or bool(pivots.min() > rounding * pivots.max()))

    def grown(
        self,
        kernel: Float[Tensor, "C M+C"],
        tail: Float[Tensor, "C T"],
        smoothing: Float[Tensor, " C"] | float = 0.0,
    ) -> Interpolation | None:
        """The system with C further centres, by C rows more of the Cholesky factor: M^2 C operations rather than M^3 / 3.

        Known leave-one-out errors stay known: B grows to [B, 0; 0, 0] + G S^-1 G^T, S the Schur complement. None if only the
        further centres determine some coefficients of the tail (:meth:`Moments.grown`).

        Source: Golub and Van Loan (2013), sections 3.2.11 and 6.5.

        Args:
            kernel: K between the further centres and all of them.
            tail: P at the further centres. smoothing: of these.
        """
        moments, old, new = self.moments.grown(tail), len(self.kernel), len(tail)
        if moments is None:
            return None
        found = copy.copy(self)
        found._latest = None
        ridge = self.sign * torch.as_tensor(smoothing, dtype=kernel.dtype, device=kernel.device).expand(new)
        rows = torch.cat([kernel[:, :old], kernel[:, old:] + torch.diag(ridge)], dim=1)
        found.moments, found.tail = moments, torch.cat([self.tail, tail])
        found.kernel = torch.cat([torch.cat([self.kernel, rows[:, :old].T], dim=1), rows])
        one = torch.eye(new, dtype=kernel.dtype, device=kernel.device)
        last = moments.weights(torch.cat([kernel.new_zeros((len(self.cholesky), new)), one]))
        before, after = (self.sign * moments.rotated(found.kernel @ last)[self.terms :]).tensor_split([len(self.cholesky)])
        across = torch.linalg.solve_triangular(self.cholesky, before, upper=False)
        corner, failed = torch.linalg.cholesky_ex(after - across.T @ across)
        found.failed = bool(failed)
        found.cholesky = torch.cat(
            [torch.cat([self.cholesky, torch.zeros_like(before)], dim=1), torch.cat([across.T, corner], dim=1)]
        )
        lost = moments.weights(torch.cat([-torch.linalg.solve_triangular(self.cholesky.T, across, upper=True), one]))
        gained = torch.linalg.solve_triangular(corner, lost.T, upper=False).square().sum(dim=0)
        found._diagonal = torch.cat([self._diagonal, gained.new_zeros(new)]) + gained
        return found

    def solve(self, target: Float[Tensor, "M O"]) -> Float[Tensor, "M+T O"]:
        """Weights and coefficients of the tail."""
        weight, coefficients = self._unrefined(target)
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
        weight, _ = self._unrefined(target)
        rows = torch.arange(len(target), device=target.device) if rows is None else rows
        diagonal = self._inverse_diagonal(rows)[:, None]
        return (self.sign * weight[rows] / diagonal).masked_fill(diagonal == 0, torch.nan)

    def _inverse_diagonal(self, rows: Int[Tensor, " R"]) -> Float[Tensor, " R"]:
        """B_kk; zero where the other centres do not determine the tail."""
        new = rows[torch.isnan(self._diagonal[rows])]
        if len(new):
            units = torch.zeros((self.moments.size, len(new)), dtype=self.kernel.dtype, device=self.kernel.device)
            units[new, torch.arange(len(new), device=new.device)] = 1.0
            rotated = self.moments.rotated(units)[self.terms :]
            left = rotated.square().sum(dim=0)
            found = torch.linalg.solve_triangular(self.cholesky, rotated, upper=False).square().sum(dim=0)
            self._diagonal[new] = found.masked_fill(left < torch.finfo(left.dtype).eps ** 0.5, 0.0)
        return self._diagonal[rows]

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
        weight, _ = self._unrefined(target)
        found = self.sign * self.leave_one_out(target, rows) * (weight if rows is None else weight[rows])
        return found.nanmean(dim=0)

    def _unrefined(self, target: Tensor) -> tuple[Tensor, Tensor]:
        """`_once`, remembered for the latest target."""
        if self._latest is None or not torch.equal(self._latest[0], target):
            self._latest = (target, *self._once(target))
        return self._latest[1:]

    def _once(self, values: Tensor) -> tuple[Tensor, Tensor]:
        rotated = self.moments.rotated(values)
        # `cholesky_solve` copies the factor first, which for few values takes most of its time.
        halfway = torch.linalg.solve_triangular(self.cholesky, rotated[self.terms :], upper=False)
        weight = self.moments.weights(self.sign * torch.linalg.solve_triangular(self.cholesky.mT, halfway, upper=True))
        rest = self.moments.rotated(values - self.kernel @ weight)[: self.terms]
        return weight, self.moments.directions @ torch.linalg.solve_triangular(self.moments.triangle, rest, upper=True)
