"""Pairs of points and patches in rectangular batches: as many points for each patch of one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from rbfnet.nn.blocks import PAIRS
from rbfnet.nn.local._patches import Pairing


class Batch(NamedTuple):
    """Some patches and the same number K of their pairs each.

    Attributes:
        patches: (C,). pairs: (C, K), numbers of pairs. there: (C, K), false where a pair is repeated to fill a row.
    """

    patches: Tensor
    pairs: Tensor
    there: Tensor


def batches(pairing: Pairing, size: int, device: torch.device) -> Iterator[Batch]:
    """The pairs, in batches of about ``PAIRS`` pairs of a point and one of the ``size`` functions of its patch."""
    most = max(1, PAIRS // size)
    patches, starts, counts = np.unique(pairing.patches, return_index=True, return_counts=True)
    pieces = -(-counts // most)
    patches, first, last = (np.repeat(values, pieces) for values in (patches, starts, starts + counts))
    begin = first + most * (np.arange(len(first)) - np.repeat(np.cumsum(pieces) - pieces, pieces))
    length = np.minimum(last - begin, most)
    order = np.argsort(-length, kind="stable")
    at = 0
    while at < len(order):
        width = int(length[order[at]])
        chosen = order[at : at + max(1, most // max(width, size))]
        steps = np.arange(width)[None, :]
        pairs = begin[chosen, None] + np.minimum(steps, length[chosen, None] - 1)
        there = steps < length[chosen, None]
        yield Batch(*(torch.from_numpy(np.ascontiguousarray(part)).to(device) for part in (patches[chosen], pairs, there)))
        at += len(chosen)
