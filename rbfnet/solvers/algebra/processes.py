"""The processes of a run, each with rows of its own; where there is one, nothing is sent."""

from __future__ import annotations

import torch
from torch import Tensor
from torch import distributed as dist


def count() -> int:
    """How many there are."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Which of them this is."""
    return dist.get_rank() if count() > 1 else 0


def total(values: Tensor) -> Tensor:
    """The sum over them, the same in each to the last bit."""
    if count() > 1:
        values = values.clone()
        dist.all_reduce(values)
    return values


def gathered(rows: Tensor) -> Tensor:
    """The rows of all of them, which have equally many, one below the other."""
    if count() == 1:
        return rows
    parts = [torch.empty_like(rows) for _ in range(count())]
    dist.all_gather(parts, rows.contiguous())
    return torch.cat(parts)


def dealt(rows: int) -> Tensor:
    """Which of so many rows are those of this one: every n-th; the first come again where they do not go round."""
    return torch.arange(rank(), -(-rows // count()) * count(), count()) % rows


def collected(rows: Tensor) -> Tensor:
    """What was dealt out, in its order; with rows at the end that come again."""
    if count() == 1:
        return rows
    parts = [torch.empty_like(rows) for _ in range(count())]
    dist.all_gather(parts, rows.contiguous())
    return torch.stack(parts, dim=1).flatten(0, 1)


def agreed(values: Tensor) -> Tensor:
    """What the first of them has: machines that are not alike round differently, and must not drift apart."""
    if count() > 1:
        values = values.clone()
        dist.broadcast(values, 0)
    return values
