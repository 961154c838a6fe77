"""The smoothing fit of a vector field for every strength of its penalty."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.solvers.scattered._choose_smoothing import Spectrum

ROUNDING = 4.0
"""Rounding error of the eigenvalues, in units of rounding of the largest one."""


@dataclass(frozen=True)
class Rows:
    """Vectors at sites.

    Attributes:
        target: (S d,), component by component. root: (S d,), of their weights.
        within: the weighted squares of values about the mean of their site.
        measured: how many values there are.
        components: d.
    """

    target: Float[Tensor, " R"]
    root: Float[Tensor, " R"]
    within: float
    measured: int
    components: int


class Smoothed:
    """The weights V (along / (values + strength)) for every strength of a penalty.

    Args:
        rows: the vectors.
        left: orthonormal directions of the rows times the root of their weights.
        squares: how far a unit of the penalty reaches along each of them.
        native: V.

    Attributes:
        spectrum: of the fits, for one output.
        definite: whether the kernel is, within rounding.
        little: so weak a penalty that it does what interpolation does, to six digits, or as much as rounding does where the
            kernel is not definite within it.
    """

    def __init__(
        self, rows: Rows, left: Float[Tensor, "R K"], squares: Float[Tensor, " K"], native: Float[Tensor, "U K"]
    ) -> None:
        self.rows, self.left, self.native = rows, left, native
        self.values = rows.root * rows.target
        rounding = ROUNDING * torch.finfo(squares.dtype).eps * float(squares.max())
        self.definite = bool((squares > rounding).all())
        self.little = 1e-6 * float(squares.min()) if self.definite else rounding
        along = left.T @ self.values
        self.beyond = torch.zeros_like(self.values) if self.complete else self.values - left @ along
        beyond = self.beyond.square().sum() + rows.within
        self.spectrum = Spectrum(squares.clamp(min=rounding), along[:, None], beyond[None], rows.measured, 0)

    @classmethod
    def at_centers(cls, kernel: Float[Tensor, "R R"], rows: Rows) -> Smoothed:
        """Where the centres are the sites, for the positive definite kernel between them."""
        squares, left = torch.linalg.eigh(rows.root[:, None] * kernel * rows.root)
        return cls(rows, left, squares, rows.root[:, None] * left)

    @classmethod
    def elsewhere(cls, kernel: Float[Tensor, "U U"], matrix: Float[Tensor, "R U"], rows: Rows) -> Smoothed:
        """For other centres: the kernel between them, and the matrix from weights to rows."""
        values, vectors = torch.linalg.eigh(kernel)
        size = values.abs()
        scaled = vectors / size.clamp(min=torch.finfo(size.dtype).eps * len(size) * float(size.max())).sqrt()
        basis, corner = torch.linalg.qr(rows.root[:, None] * (matrix @ scaled))
        left, singular, right = torch.linalg.svd(corner, full_matrices=False)
        return cls(rows, basis @ left, singular.square(), scaled @ (right.T * singular))

    @property
    def complete(self) -> bool:
        """Whether the directions span all rows."""
        return self.left.shape[0] <= self.left.shape[1]

    def weights(self, strength: float) -> Float[Tensor, " U"]:
        """V (along / (values + strength))."""
        return self.native @ (self.spectrum.along[:, 0] / (self.spectrum.values + strength))

    def left_out(self, strength: float) -> Float[Tensor, "S d"]:
        """The error of each site if all of its components are left out, times the root of its weight.

        (1 - H)_ii^-1 (y - H y)_i with the block of a site, H taking y to the fit; NaN for a site that alone determines something.
        """
        d = self.rows.components
        known = self.left.reshape(d, -1, self.left.shape[1])
        # Where the directions span all rows, 1 - H may be divided by the strength, and does not vanish with it.
        lost = (1.0 if self.complete else strength) / (self.spectrum.values + strength)
        residual = (self.left @ (lost * self.spectrum.along[:, 0]) + self.beyond).reshape(d, -1).T
        block = torch.einsum("isk,jsk->sij", known * (lost if self.complete else lost - 1.0), known)
        if self.complete:
            return torch.linalg.solve(block, residual)
        one = torch.eye(d, dtype=block.dtype, device=block.device)
        alone = torch.linalg.eigvalsh(one + block)[:, :1] < torch.finfo(block.dtype).eps ** 0.5
        return torch.linalg.solve(torch.where(alone[..., None], one, one + block), residual).masked_fill(alone, torch.nan)
