"""Growth that is not the equation's but the discretisation's, taken out of a linear system."""

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
"""A mode that grows is believed to be one of the equation if it grows by as many times its own residual."""

ROUNDING = 1e-12
"""Of the largest eigenvalue: what is not told from zero."""


@dataclass(frozen=True)
class Damping:
    """What is added to A_0 of A_p y^(p) + A_0 y = 0, ``rows @ along.T``, for nothing to grow that does not in the equation.

    Write K = A_p^-1 A_0 for the projected system. Each eigenvector v of K has a residual r = (A_0 - mu A_p) v at the points: it
    is what the projection has hidden: an eigenvalue is known up to ||r|| / ||A_p v||. Where it grows by less than
    :data:`BELIEVED` times that, it is not believed. The left eigenvectors of those eigenvalues, made orthonormal, U, take a block
    B = U' K U out of K: U' K = B U'. In its Schur form eigenvalues are replaced by ones that do not grow, |Re mu| + i Im mu for
    p = 1 and |mu| for p = 2. All other eigenvalues stay, and so do their eigenvectors, as U' v = 0: a solution made of modes
    that are resolved is not changed at all. By construction the eigenvalues are the believed ones and those of
    the new block, which are not in the right half plane.

    Source: Trefethen and Embree, Spectra and Pseudospectra (2005), section 2, for how far an eigenvalue is known by a residual;
    Golub and Van Loan, Matrix Computations (2013), section 7.6, for the blocks.

    Attributes:
        rows: at the points. along: directions of y.
        modes: how many were replaced.
    """

    rows: Float[Tensor, "Q k"]
    along: Float[Tensor, "On k"]

    @property
    def modes(self) -> int:
        """How many modes were replaced."""
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
        """For A_p and A_0 at the points, on what boundary conditions leave free, and what they are tested with.

        Where most modes that are resolved grow, as those of heat that goes backwards, nothing is taken out.

        Args:
            highest, value, tested, free: A_p, A_0, their tests, and the directions of y that are free.
            order: p.
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
    """A real Schur form whose eigenvalues mu are changed to those that do not grow: |Re mu| + i Im mu, or |mu|."""
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
