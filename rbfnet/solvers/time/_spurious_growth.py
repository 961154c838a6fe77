"""Remove spurious growth, due to the discretisation and not to the equation, from a linear system."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.linalg
import torch
from jaxtyping import Float
from torch import Tensor

Array = npt.NDArray[np.float64]

BELIEVED = 10.0
"""A growing mode is attributed to the equation if its growth rate exceeds its residual by this factor."""

ROUNDING = 1e-12
"""Relative to the largest eigenvalue: smaller values count as zero."""


@dataclass(frozen=True)
class Damping:
    """The term ``rows @ along.T`` added to A_0 in A_p y^(p) + A_0 y = 0 to remove growth that the equation does not have.

    Let K = A_p^-1 A_0 be the projected system. An eigenvector v of K has a residual r = (A_0 - mu A_p) v at the points, which the
    projection does not see: the eigenvalue is known only up to ||r|| / ||A_p v||. A growth rate below :data:`BELIEVED` times this
    is spurious. An orthonormal basis U of the left eigenvectors of these eigenvalues splits off a block B = U' K U with
    U' K = B U'. In its Schur form the eigenvalues are replaced by ones that do not grow, |Re mu| + i Im mu for p = 1 and |mu| for
    p = 2. All other eigenvalues and their eigenvectors v stay, since U' v = 0. So with homogeneous boundary conditions a solution
    made of the remaining modes is not changed; the part that boundary data prescribe is not orthogonal to U and may change by as
    much as the removed modes contribute. Residuals and the error estimate are those of the equation without this term.

    Source: Trefethen and Embree, Spectra and Pseudospectra (2005), section 2, for how far an eigenvalue is known by a residual;
    Golub and Van Loan, Matrix Computations (2013), section 7.6, for the blocks.

    Attributes:
        rows: the values at the points, for each removed mode.
        along: the direction in y of each removed mode.
    """

    rows: Float[Tensor, "Q k"]
    along: Float[Tensor, "On k"]

    @property
    def modes(self) -> int:
        """The number of modes that were replaced."""
        return self.along.shape[1]

    @classmethod
    def of(
        cls,
        highest: Float[Tensor, "Q f"],
        value: Float[Tensor, "Q f"],
        tested: Float[Tensor, "Q f"],
        free: Float[Tensor, "On f"],
        order: int,
    ) -> Damping:
        """The damping of a system; none if most resolved modes grow, as for the backward heat equation.

        Args:
            highest, value: A_p and A_0 at the points, on the subspace that the boundary conditions leave free.
            tested: the test functions.
            free: the basis of that subspace.
            order: p, the order in time.
        """
        projected = torch.linalg.solve(tested.T @ highest, tested.T @ value).numpy()
        mu, left, right = scipy.linalg.eig(projected, left=True, right=True)
        grows = np.where(mu.real < 0, -mu.real if order == 1 else abs(mu), 0.0 if order == 1 else abs(mu.imag))
        moved = highest.numpy() @ right
        residual = value.numpy() @ right - moved * mu
        known = BELIEVED * np.linalg.norm(residual, axis=0) / np.linalg.norm(moved, axis=0) + ROUNDING * abs(mu).max(initial=0.0)
        resolved = known < abs(mu)
        itself = resolved.any() and np.mean((grows > known)[resolved]) > 0.5
        bad = np.flatnonzero((grows > 0) & (grows < known) & (not itself))
        # A pair of complex eigenvalues goes together.
        spanned = np.concatenate([left[:, bad].real, left[:, bad].imag], axis=1)
        vectors, sizes, _ = np.linalg.svd(spanned, full_matrices=False)
        u = vectors[:, sizes > 1e-8 * sizes.max(initial=0.0)]
        block = u.T @ projected @ u
        shape, axes = scipy.linalg.schur(block, output="real")
        wanted = axes @ _still(shape, order) @ axes.T
        along = free @ torch.from_numpy(u)
        return cls(highest @ torch.from_numpy(u @ (wanted - block)), along)


def _still(shape: Array, order: int) -> Array:
    """The real Schur form with each eigenvalue mu replaced by one that does not grow: |Re mu| + i Im mu, or |mu|."""
    found, n = shape.copy(), 0
    while n < len(shape):
        pair = n + 1 < len(shape) and shape[n + 1, n] != 0
        ends = slice(n, n + 2) if pair else slice(n, n + 1)
        if order == 1 or not pair:
            found[ends, ends][np.diag_indices(1 + pair)] = abs(shape[n, n])
        else:
            found[ends, ends] = np.eye(2) * np.sqrt(abs(np.linalg.det(shape[ends, ends])))
        n += 1 + pair
    return found
