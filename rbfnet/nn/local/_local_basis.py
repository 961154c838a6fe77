"""The interpolants of the patches: kernels at the nodes plus polynomials, many small systems at once."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from rbfnet.kernels import Kernel
from rbfnet.nn._tail import PolynomialTail
from rbfnet.nn.blocks import IsotropicGeometry, Pairs, radial_columns
from rbfnet.nn.local._multi_index import Index
from rbfnet.operators import Operator

PIVOT = 1e-11
"""Below this ratio of pivots the polynomials of a patch may be dependent at its nodes."""

RANK = 1e-10
"""Polynomials are dependent at the nodes of a patch below this ratio of singular values."""


class LocalBasis:
    """s(z) = sum_j phi(epsilon^2 |z - z_j|^2) w_j + sum_t p_t(z) a_t for many patches at once, in coordinates of each patch.

    The coefficients solve [[Phi, P], [P^T, 0]] [w; a] = [f; 0]. Where the polynomials are dependent at the nodes (nodes on a
    line, say), a is the least one.

    Args:
        kernel: phi, without gradients in its own parameters.
        degree: of the polynomials.
        dims: D.
    """

    def __init__(self, kernel: Kernel, degree: int, dims: int) -> None:
        self.kernel = kernel
        ends = torch.ones((2, dims), dtype=torch.float64)
        ends[0] = -1.0
        self.tail = PolynomialTail(dims, degree, ends)

    def columns(self, z: Tensor, nodes: Tensor, epsilon: Tensor, indices: Sequence[Index]) -> list[tuple[Tensor, Tensor]]:
        """Derivatives of the basis functions at points z (C, K, D) of C patches with nodes (C, n, D) and shapes (C,).

        Returns:
            For each multi-index, kernels (C, K, n) and polynomials (C, K, T).
        """
        patches, count, dims = z.shape
        flat = z.reshape(-1, dims)
        ops = [Operator.d(*index) for index in indices]
        pairs = _InPatch(patches, count, nodes.shape[1])
        shapes = epsilon.repeat_interleave(nodes.shape[1])
        geometry = IsotropicGeometry(flat, nodes.reshape(-1, dims), pairs, shapes)
        kernels = radial_columns(self.kernel.derivatives, ops, geometry)
        tail = self.tail.to(z.device)
        return [(column, tail.features(flat, op).view(patches, count, -1)) for column, op in zip(kernels, ops, strict=True)]

    def solve(self, nodes: Tensor, epsilon: Tensor, right: Tensor) -> Tensor:
        """[[Phi, P], [P^T, 0]] X = right, (C, n + T, R); right (C, n, R) stands for zeros below."""
        ((phi, polynomials),) = self.columns(nodes, nodes, epsilon, [()])
        size, terms = phi.shape[1], polynomials.shape[2]
        matrix = phi.new_zeros((len(phi), size + terms, size + terms))
        matrix[:, :size, :size] = phi
        matrix[:, :size, size:] = polynomials
        matrix[:, size:, :size] = polynomials.mT
        if right.shape[1] == size:
            right = torch.nn.functional.pad(right, (0, 0, 0, terms))
        factor, pivots, bad = _factored(matrix)
        if not bad.any():
            return torch.linalg.lu_solve(factor, pivots, right)
        found = torch.empty_like(right)
        good = ~bad
        found[good] = torch.linalg.lu_solve(factor[good], pivots[good], right[good])
        found[bad] = _pseudo_inverse(phi[bad], polynomials[bad]) @ right[bad]
        return found


def _factored(matrix: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """LU factors of matrices (C, n, n), their pivots, and which of the matrices are too near to a singular one, (C,)."""
    factor, pivots, info = torch.linalg.lu_factor_ex(matrix)
    diagonal = factor.diagonal(dim1=1, dim2=2).abs()
    return factor, pivots, ~(diagonal.amin(dim=1) > PIVOT * diagonal.amax(dim=1)) | (info != 0)


def _pseudo_inverse(phi: Tensor, polynomials: Tensor) -> Tensor:
    """The inverse of [[Phi, P], [P^T, 0]] where P has full rank, and the one of least polynomials where not, (C, n + T, n + T).

    With P = U S V^T, T = U S^-1 V^T and the projection Q onto what is orthogonal to P, the blocks are B = (Q Phi Q)^+,
    (I - B Phi) T, and -T^T (Phi - Phi B Phi) T.
    """
    if not polynomials.shape[2]:
        return torch.linalg.pinv(phi, hermitian=True)
    u, s, vt = torch.linalg.svd(polynomials, full_matrices=False)
    kept = s > RANK * s[:, :1]
    u = torch.where(kept[:, None, :], u, 0.0)
    taken = u @ (torch.where(kept, s, 1.0).reciprocal()[:, :, None] * vt)
    along = u @ u.mT
    eye = torch.eye(phi.shape[1], dtype=phi.dtype, device=phi.device)
    off = eye - along
    size = phi.abs().amax(dim=(1, 2), keepdim=True)
    within = off @ phi @ off + size * along
    factor, pivots, bad = _factored(within)
    inverse = torch.linalg.lu_solve(factor, pivots, off)
    # Nodes that all but coincide, seen from the patch: what cannot be told apart gets no weight.
    inverse[bad] = torch.linalg.pinv(within[bad], hermitian=True)
    block = off @ inverse @ off
    side = taken - block @ phi @ taken
    corner = -taken.mT @ (phi @ side)
    return torch.cat([torch.cat([block, side], dim=2), torch.cat([side.mT, corner], dim=2)], dim=1)


class _InPatch(Pairs):
    """Each of the K points of a patch with each of its n nodes: arrays (C, K, n)."""

    def __init__(self, patches: int, points: int, nodes: int) -> None:
        self.patches, self.points, self.nodes = patches, points, nodes

    def of_points(self, value: Tensor) -> Tensor:
        return value.view(self.patches, self.points, 1)

    def of_centers(self, value: Tensor) -> Tensor:
        return value.view(self.patches, 1, self.nodes)

    def contract(self, column: Tensor, weight: Tensor) -> Tensor:
        return (column @ weight.view(self.patches, self.nodes, -1)).flatten(0, 1)
