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


def interpolate(
    kernel: Float[Tensor, "M M"], tail: Float[Tensor, "M T"], target: Float[Tensor, "M O"]
) -> Float[Tensor, "M+T O"] | None:
    """Solve [K P; P^T 0] [w; a] = [y; 0] for a conditionally positive definite kernel; None where that fails in rounding.

    With P = Q [R; 0], the weights are Q_2 v, for the moment conditions say that they are orthogonal to Q_1; and Q_2^T K Q_2,
    up to its sign, is positive definite: one Cholesky factorisation, half the work of a general one. One step of iterative
    refinement takes the residual down to rounding.

    Source: Wendland, Scattered Data Approximation (2004), sections 8.5 and 12.3; Golub and Van Loan, Matrix Computations
    (2013), section 6.2.
    """
    terms = tail.shape[1]
    if terms:
        factor, tau = torch.geqrf(tail)
        triangle = factor[:terms].triu()
        if triangle.diagonal().abs().min() <= 1e-12 * triangle.diagonal().abs().max():
            return None  # The points lie on a set where the tail is not unique.
        projected = torch.ormqr(factor, tau, kernel, left=True, transpose=True)
        projected = torch.ormqr(factor, tau, projected, left=False, transpose=False)[terms:, terms:]
    else:
        projected = kernel
    sign = 1.0 if projected.diagonal().sum() >= 0 else -1.0
    cholesky, failed = torch.linalg.cholesky_ex(sign * projected)
    if failed:
        return None

    def solve(values: Tensor) -> tuple[Tensor, Tensor]:
        rotated = torch.ormqr(factor, tau, values, left=True, transpose=True) if terms else values
        inner = sign * torch.cholesky_solve(rotated[terms:], cholesky)
        if not terms:
            return inner, values.new_zeros((0, values.shape[1]))
        weight = torch.ormqr(factor, tau, torch.cat([torch.zeros_like(rotated[:terms]), inner]), left=True)
        rest = torch.ormqr(factor, tau, values - kernel @ weight, left=True, transpose=True)[:terms]
        return weight, torch.linalg.solve_triangular(triangle, rest, upper=True)

    weight, coefficients = solve(target)
    change, shift = solve(target - kernel @ weight - tail @ coefficients)
    return torch.cat([weight + change, coefficients + shift])
