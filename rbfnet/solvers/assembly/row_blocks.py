"""The rows of a problem, linearised, in a form that fits into memory."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet import memory
from rbfnet.solvers.algebra import processes, triangle
from rbfnet.solvers.assembly._parameter_vector import Unknowns
from rbfnet.solvers.assembly._posed_problem import Posed

COPIES = 4
"""How many times a matrix is held at the peak: its parts, itself, scaled, and factored."""

COPIES_OF_TRIANGLE = 10
"""The same for a triangle, which is put on top of others and of the damping before it is factored again."""


def whole_fits(posed: Posed, unknowns: Unknowns) -> bool:
    """Whether the rows of all processes can be held at once by each; those that infer a prior have to be."""
    return posed.prior is not None or COPIES * processes.count() * posed.num_rows * _row(unknowns) <= memory.budget()


def triangle_fits(unknowns: Unknowns) -> bool:
    """Whether the triangles of all processes can be held."""
    return (COPIES_OF_TRIANGLE + processes.count()) * len(unknowns) * _row(unknowns) <= memory.budget()


def linearization(unknowns: Unknowns, posed: Posed, linear: bool = False) -> tuple[Float[Tensor, " K"], Float[Tensor, "K U"]]:
    """The weighted residuals r and their derivatives J, or fewer rows with the same |J z + r| for every z: see :func:`triangle`.

    Args:
        unknowns: in which they are derived.
        posed: the problem, with the rows of this process; all processes return what belongs to the rows of all.
        linear: the derivatives in the coefficients alone.
    """
    whole = whole_fits(posed, unknowns)
    if whole and processes.count() == 1:
        return unknowns.linearization(posed, linear)

    def blocks() -> Iterator[Tensor]:
        for part in [posed] if whole else posed.parts(len(unknowns)):
            residual, jacobian = unknowns.linearization(part, linear)
            yield torch.cat([jacobian, residual[:, None]], dim=1)

    rows = triangle(blocks())
    return rows[:, -1], rows[:, :-1]


def _row(unknowns: Unknowns) -> int:
    """Bytes of one."""
    return len(unknowns) * unknowns.model.coefficients.element_size()
