"""The semidiscrete system near a state."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from rbfnet.solvers.time._constraints import Constraints


@dataclass(frozen=True)
class Linearised:
    """The system near a state.

    Attributes:
        constraints: by the boundary conditions.
        tests: from residuals to those that are made zero, of boundary conditions with a derivative in time and of the equations.
        free, held: the derivatives of those in y, y', y'' along what is free and what is held.
    """

    constraints: Constraints
    tests: tuple[Float[Tensor, "R g"], Float[Tensor, "Q h"]]
    free: Float[Tensor, "p+1 f f"]
    held: Float[Tensor, "p+1 f r"]
