"""Many rows as few that say the same."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.solvers.algebra import processes


def triangle(blocks: Iterable[Float[Tensor, "B C"]]) -> Float[Tensor, "K C"]:
    """R of the QR factorisation of all rows, those of all processes: |M y| = |R y| for every y.

    For M = (J | r) least squares with R are those with M. It takes the rows block by block, in the memory of one block and
    of R; processes factor their own rows, and then their triangles, one below the other (TSQR). The normal equations say the
    same in as little memory, with half the digits. Rows that are fewer than the columns stay as they are. NaN stays NaN, so
    that processes agree on it.

    Source: Demmel, Grigori, Hoemmen and Langou, Communication-optimal parallel and sequential QR and LU factorizations, SIAM J.
    Sci. Comput. 34 (2012).
    """
    found: Tensor | None = None
    for block in blocks:
        found = stacked(found, block)
    assert found is not None
    return shared(found)


def stacked(found: Float[Tensor, "K C"] | None, block: Float[Tensor, "B C"]) -> Float[Tensor, "L C"]:
    """The triangle of the rows found so far and of a block more."""
    rows = block if found is None else torch.cat([found, block])
    columns = rows.shape[1]
    return rows if len(rows) <= columns else torch.geqrf(rows)[0][:columns].triu()


def shared(found: Float[Tensor, "K C"]) -> Float[Tensor, "L C"]:
    """The triangle of those of all processes."""
    return found if processes.count() == 1 else stacked(None, processes.gathered(found))
