"""The smoothing fit of a vector field for every strength of its penalty."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
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
        scaled, right: V as scaled (right^T root(squares)), for other centres than the sites.

    Attributes:
        spectrum: of the fits, for one output.
        definite: whether the kernel is, within rounding.
        little: so weak a penalty that it does what interpolation does, to six digits, or as much as rounding does where the
            kernel is not definite within it.
    """

    def __init__(
        self,
        rows: Rows,
        left: Float[Tensor, "R K"],
        squares: Float[Tensor, " K"],
        native: Float[Tensor, "U K"],
        scaled: Float[Tensor, "U U"] | None = None,
        right: Float[Tensor, "K U"] | None = None,
    ) -> None:
        self.rows, self.left, self.native, self.scaled, self.right = rows, left, native, scaled, right
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
        return cls(rows, basis @ left, singular.square(), scaled @ (right.T * singular), scaled, right)

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
        lost = self._lost(strength)
        residual = (self.left @ (lost * self.spectrum.along[:, 0]) + self.beyond).reshape(self.rows.components, -1).T
        block, alone = self._blocks(lost)
        return torch.linalg.solve(block, residual).masked_fill(alone, torch.nan)

    def left_out_variance(self, strength: float) -> Float[Tensor, "S d"]:
        """The variances of these errors for values with errors of variance ``strength``: strength times (1 - H)_ii^-1."""
        block, alone = self._blocks(self._lost(strength))
        found = torch.linalg.inv(block).diagonal(dim1=1, dim2=2).masked_fill(alone, torch.nan)
        return found if self.complete else strength * found

    def variance(self, features: Float[Tensor, "B U"], strength: float) -> Float[Tensor, " B"]:
        """That of linear functionals of the weights, whose prior is the penalty, given values with errors of this variance."""
        assert self.scaled is not None and self.right is not None
        inner = features @ self.scaled
        seen, length = (inner @ self.right.T).square(), inner.square().sum(dim=1)
        unseen = length - seen.sum(dim=1)
        unseen = unseen.where(unseen > inner.shape[1] * torch.finfo(inner.dtype).eps * length, 0.0)
        return seen @ (strength / (self.spectrum.values + strength)) + unseen

    def _lost(self, strength: float) -> Float[Tensor, " K"]:
        """1 - H along the directions; where they span all rows divided by the strength, so that it does not vanish with it."""
        return (1.0 if self.complete else strength) / (self.spectrum.values + strength)

    def _blocks(self, lost: Float[Tensor, " K"]) -> tuple[Float[Tensor, "S d d"], Bool[Tensor, "S 1"]]:
        """(1 - H)_ii of each site, likewise; the identity for sites that alone determine something, and which these are."""
        d = self.rows.components
        known = self.left.reshape(d, -1, self.left.shape[1])
        block = torch.einsum("isk,jsk->sij", known * (lost if self.complete else lost - 1.0), known)
        one = torch.eye(d, dtype=block.dtype, device=block.device)
        if self.complete:
            return block, torch.zeros_like(block[:, :1, 0], dtype=torch.bool)
        alone = torch.linalg.eigvalsh(one + block)[:, :1] < torch.finfo(block.dtype).eps ** 0.5
        return torch.where(alone[..., None], one, one + block), alone
