"""Communication between the processes of a run, each with its own rows; a single process sends nothing."""

from __future__ import annotations

import torch
from torch import Tensor
from torch import distributed as dist


def count() -> int:
    """The number of processes."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """The rank of this process."""
    return dist.get_rank() if count() > 1 else 0


def total(values: Tensor) -> Tensor:
    """The sum over all processes, bitwise identical in each."""
    if count() > 1:
        values = values.clone()
        dist.all_reduce(values)
    return values


def gathered(rows: Tensor) -> Tensor:
    """The stacked rows of all processes, which have the same number each."""
    if count() == 1:
        return rows
    parts = [torch.empty_like(rows) for _ in range(count())]
    dist.all_gather(parts, rows.contiguous())
    return torch.cat(parts)


def dealt(rows: int) -> Tensor:
    """The indices of this process's rows: every n-th, repeating the first ones if the number is not divisible."""
    return torch.arange(rank(), -(-rows // count()) * count(), count()) % rows


def collected(rows: Tensor) -> Tensor:
    """The distributed rows in their original order, with repeated rows at the end."""
    if count() == 1:
        return rows
    parts = [torch.empty_like(rows) for _ in range(count())]
    dist.all_gather(parts, rows.contiguous())
    return torch.stack(parts, dim=1).flatten(0, 1)


def agreed(values: Tensor) -> Tensor:
    """Broadcast from the first process: different machines round differently and must not diverge."""
    if count() > 1:
        values = values.clone()
        dist.broadcast(values, 0)
    return values
