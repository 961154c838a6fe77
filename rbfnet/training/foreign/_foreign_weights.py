"""Weights that somebody else may have written, looked at before a network is made for them."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from rbfnet.errors import InputError
from rbfnet.memory import budget

HEADER = 1 << 20
"""Bytes that name the tensors of a file: honest ones have some thousand."""


def require_weights(file: Path) -> None:
    """Raise InputError for a ``.safetensors`` file whose header, or all of it, is beyond any honest one or this machine.

    That the tensors are those bytes which the file has, and no more, safetensors sees to.
    """
    size = file.stat().st_size
    with file.open("rb") as lines:
        header = int.from_bytes(lines.read(8), "little")
    if size >= 8 and header > min(HEADER, size - 8):
        raise InputError(
            f"The weights {str(file)!r} cannot be read: their header claims {header:,} bytes; at most {HEADER:,} do."
        )
    if 4 * size > budget():
        raise InputError(
            f"{str(file)!r} has {size / 1e9:,.0f} GB; at most {budget() / 4e9:,.0f} GB do, an eighth of this machine's memory."
        )


def require_shapes(centers: Tensor, weight: Tensor) -> None:
    """Raise InputError where what is made anew for a network would not be as large as what is stored of it."""
    if centers.ndim != 2 or weight.ndim != 2 or 0 in centers.shape or 0 in weight.shape or len(centers) != len(weight):
        raise InputError(
            f"centres (N, D) and weights (N, O) are needed, but they are {tuple(centers.shape)} and {tuple(weight.shape)}."
        )
