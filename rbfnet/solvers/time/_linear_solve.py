"""The linear systems of an implicit Runge-Kutta step."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from rbfnet.solvers.time._linearised import Linearised
from rbfnet.solvers.time._radau import Radau


@dataclass(frozen=True)
class Factored:
    """A linearised system for steps of one length: one factorisation of the size of what is free for each pair of eigenvalues.

    The matrix of the method is diagonalised, so that the unknowns at its nodes come apart.

    Source: Butcher, On the implementation of implicit Runge-Kutta methods, BIT 16 (1976).
    """

    system: Linearised
    radau: Radau
    shifts: Complex[Tensor, " H"]
    factors: tuple[Complex[Tensor, "H f f"], Tensor]

    @classmethod
    def of(cls, system: Linearised, step: float, radau: Radau) -> Factored:
        """For steps of this length."""
        shifts, order = step * radau.eigenvalues, len(system.free) - 1
        matrix = sum(shifts[:, None, None] ** (order - q) * system.free[q] for q in range(order + 1))
        assert isinstance(matrix, Tensor)
        factors, pivots = torch.linalg.lu_factor(matrix)
        return cls(system, radau, shifts, (factors, pivots))

    def change(self, held: Float[Tensor, "K r"], free: Float[Tensor, "K f"]) -> Float[Tensor, "K On"]:
        """By how much the highest derivatives at the nodes have to become less for residuals to vanish."""
        into, system, order = self.radau.into, self.system, len(self.system.free) - 1
        # What is held is a state, its highest derivative is as many times larger as the method integrates.
        known = (into @ held.to(into.dtype)) / self.shifts[:, None] ** order
        wanted = into @ free.to(into.dtype)
        for q in range(order + 1):
            wanted = wanted - self.shifts[:, None] ** (order - q) * (known @ system.held[q].to(into.dtype).T)
        solved = torch.linalg.lu_solve(*self.factors, wanted[..., None])[..., 0]
        constraints = system.constraints
        return (self.radau.back @ known).real @ constraints.held.T + (self.radau.back @ solved).real @ constraints.free.T
