"""The linearised rows of a problem, in a form that fits into memory."""

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
"""Peak memory as a multiple of the matrix: its parts, the matrix, its scaled copy, and its factors."""

COPIES_OF_TRIANGLE = 10
"""The same for a triangle, which is stacked on others and on the damping before it is factored again."""


def whole_fits(posed: Posed, unknowns: Unknowns) -> bool:
    """Whether each process can hold the rows of all processes, as inference of a prior requires."""
    return posed.prior is not None or COPIES * processes.count() * posed.num_rows * _row(unknowns) <= memory.budget()


def triangle_fits(unknowns: Unknowns) -> bool:
    """Whether the triangles of all processes fit into memory."""
    return (COPIES_OF_TRIANGLE + processes.count()) * len(unknowns) * _row(unknowns) <= memory.budget()


def linearization(unknowns: Unknowns, posed: Posed, linear: bool = False) -> tuple[Float[Tensor, " K"], Float[Tensor, "K U"]]:
    """The weighted residuals r and their derivatives J, or fewer rows with the same |J z + r| for every z: see :func:`triangle`.

    Args:
        unknowns: the unknowns of the derivatives.
        posed: the problem, with the rows of this process; every process returns the result for the rows of all.
        linear: only derivatives with respect to the coefficients.
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
