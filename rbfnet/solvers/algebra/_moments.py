"""The moment conditions of a polynomial tail."""

from __future__ import annotations

import copy

import torch
from jaxtyping import Float
from torch import Tensor


def determined(tail: Float[Tensor, "R T"]) -> Float[Tensor, "T K"]:
    """Orthonormal directions of the coefficients of a tail that its values at points determine.

    For example, points on a line do not determine the slope across it; undetermined coefficients stay zero.
    """
    if not tail.numel():
        return tail.new_zeros((tail.shape[1], 0))
    _, values, right = torch.linalg.svd(tail, full_matrices=False)
    return right[values > torch.finfo(tail.dtype).eps ** 0.5 * values[0]].T


class Moments:
    """Weights w of M centres with P^T w = 0, P the tail's monomials at the centres: w = Q_2 v for any v.

    Without them a sum of growing kernels, such as thin plates, grows between and beyond the points as fast as the kernels do.
    With P V = Q [R; 0], V the directions that the centres determine, Q_2 are all columns of Q but the first.

    Source: Wendland, Scattered Data Approximation (2004), section 8.5; Golub and Van Loan, Matrix Computations (2013), ch. 5.

    Args:
        tail: P, (M, T).

    Attributes:
        directions: V, (T, K). triangle: R, (K, K). size: M.
    """

    def __init__(self, tail: Float[Tensor, "M T"]) -> None:
        self.directions, self.size = determined(tail), len(tail)
        self.terms = self.directions.shape[1]
        self._factor, self._tau = torch.geqrf(tail @ self.directions)
        self.triangle = self._factor[: self.terms].triu()
        self._compensation = tail.new_zeros((self.size, 0))

    def grown(self, tail: Float[Tensor, "C T"]) -> Moments | None:
        """The conditions with C further centres; None if only these determine some coefficients of the tail.

        w = [Q_2 v - E u; u], E = Q_1 R^-T V^T P_c^T the weights that reproduce polynomials at the further centres: Q_2 stays as
        it is, and the basis is no longer orthonormal.

        Args:
            tail: P_c, the monomials at the further centres.
        """
        known = tail @ self.directions
        rest = (tail - known @ self.directions.T).norm(dim=1)
        if (rest > torch.finfo(tail.dtype).eps ** 0.5 * tail.norm(dim=1)).any():
            return None
        found = copy.copy(self)
        first = len(self._compensation)
        reproduced = self.polynomial(torch.linalg.solve_triangular(self.triangle.T, known.T, upper=False))[:first]
        found._compensation = torch.cat([self._compensation, reproduced], dim=1)
        found.size = self.size + len(tail)
        return found

    def rotated(self, values: Float[Tensor, "M C"]) -> Float[Tensor, "M C"]:
        """Q^T values; for a basis that has grown, Q_1^T values and the transpose of the basis times values."""
        first, last = values.tensor_split([len(self._compensation)])
        turned = torch.ormqr(self._factor, self._tau, first, left=True, transpose=True) if self.terms else first
        return torch.cat([turned, last - self._compensation.T @ first]) if len(last) else turned

    def weights(self, free: Float[Tensor, "M-K C"]) -> Float[Tensor, "M C"]:
        """Q_2 v."""
        free, last = free.tensor_split([len(self._compensation) - self.terms])
        found = free
        if self.terms:
            padded = torch.cat([free.new_zeros((self.terms, free.shape[1])), free])
            found = torch.ormqr(self._factor, self._tau, padded, left=True)
        return torch.cat([found - self._compensation @ last, last]) if len(last) else found

    def polynomial(self, terms: Float[Tensor, "K C"]) -> Float[Tensor, "M C"]:
        """Q_1 t, the weights in the span of the tail."""
        padded = torch.cat([terms, terms.new_zeros((self.size - self.terms, terms.shape[1]))])
        if self.terms:
            first = padded[: len(self._compensation)]
            first.copy_(torch.ormqr(self._factor, self._tau, first, left=True))
        return padded

    def columns(self, kernel: Float[Tensor, "R M"]) -> Float[Tensor, "R M-K"]:
        """K Q_2, the matrix that multiplies v."""
        first, last = kernel.tensor_split([len(self._compensation)], dim=1)
        found = torch.ormqr(self._factor, self._tau, first, left=False)[:, self.terms :] if self.terms else first
        return torch.cat([found, last - first @ self._compensation], dim=1) if last.shape[1] else found

    def inner(self, kernel: Float[Tensor, "M M"]) -> Float[Tensor, "M-K M-K"]:
        """Q_2^T K Q_2 of a symmetric K. With Q = I - V T V^T it is K - V W^T - W V^T: a change of low rank, in one pass."""
        if not self.terms:
            return kernel
        if self._compensation.shape[1]:
            return self.columns(self.columns(kernel).T)
        v = self._factor.tril(-1)
        v.diagonal()[:] = 1.0
        t = torch.zeros_like(self.triangle)
        for k, tau in enumerate(self._tau):
            t[:k, k] = -tau * (t[:k, :k] @ (v[:, :k].T @ v[:, k]))
            t[k, k] = tau
        y = kernel @ v @ t
        w = y - v @ (t.T @ (v.T @ y)) / 2
        changed = torch.addmm(kernel, torch.cat([v, w], dim=1), torch.cat([w, v], dim=1).T, alpha=-1.0)
        return changed[self.terms :, self.terms :]
