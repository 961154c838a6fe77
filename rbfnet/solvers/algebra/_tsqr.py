"""Tall-skinny QR: reduce many rows to an equivalent triangle."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.solvers.algebra import processes


def triangle(blocks: Iterable[Float[Tensor, "B C"]]) -> Float[Tensor, "K C"]:
    """R of the QR factorisation of the rows of all processes: |M y| = |R y| for every y.

    For M = (J | r), least squares with R and with M are equivalent. The rows are read block by block, so that memory is that of
    one block and R. Each process factors its own rows, then the stacked triangles are factored (TSQR). The normal equations need
    as little memory, but lose half of the digits. Fewer rows than columns are returned unchanged. NaN stays NaN, so that
    processes agree on it.

    Source: Demmel, Grigori, Hoemmen and Langou, Communication-optimal parallel and sequential QR and LU factorizations, SIAM J.
    Sci. Comput. 34 (2012).
    """
    found: Tensor | None = None
    for block in blocks:
        found = stacked(found, block)
    assert found is not None
    return shared(found)


def stacked(found: Float[Tensor, "K C"] | None, block: Float[Tensor, "B C"]) -> Float[Tensor, "L C"]:
    """Update the triangle with another block of rows."""
    rows = block if found is None else torch.cat([found, block])
    columns = rows.shape[1]
    return rows if len(rows) <= columns else torch.geqrf(rows)[0][:columns].triu()


def shared(found: Float[Tensor, "K C"]) -> Float[Tensor, "L C"]:
    """The triangle of the rows of all processes."""
    return found if processes.count() == 1 else stacked(None, processes.gathered(found))
