"""The moment conditions of a polynomial tail."""

from __future__ import annotations

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

    def rotated(self, values: Float[Tensor, "M C"]) -> Float[Tensor, "M C"]:
        """Q^T values."""
        return torch.ormqr(self._factor, self._tau, values, left=True, transpose=True) if self.terms else values

    def weights(self, free: Float[Tensor, "M-K C"]) -> Float[Tensor, "M C"]:
        """Q_2 v."""
        if not self.terms:
            return free
        padded = torch.cat([free.new_zeros((self.terms, free.shape[1])), free])
        return torch.ormqr(self._factor, self._tau, padded, left=True)

    def polynomial(self, terms: Float[Tensor, "K C"]) -> Float[Tensor, "M C"]:
        """Q_1 t, the weights in the span of the tail."""
        padded = torch.cat([terms, terms.new_zeros((self.size - self.terms, terms.shape[1]))])
        return torch.ormqr(self._factor, self._tau, padded, left=True) if self.terms else padded

    def columns(self, kernel: Float[Tensor, "R M"]) -> Float[Tensor, "R M-K"]:
        """K Q_2, the matrix that multiplies v."""
        return torch.ormqr(self._factor, self._tau, kernel, left=False)[:, self.terms :] if self.terms else kernel

    def inner(self, kernel: Float[Tensor, "M M"]) -> Float[Tensor, "M-K M-K"]:
        """Q_2^T K Q_2 of a symmetric K. With Q = I - V T V^T it is K - V W^T - W V^T: a change of low rank, in one pass."""
        if not self.terms:
            return kernel
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
