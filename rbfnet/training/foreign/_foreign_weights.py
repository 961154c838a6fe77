"""Validation of untrusted weights before a network is built for them."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from rbfnet.errors import InputError
from rbfnet.memory import budget

HEADER = 1 << 20
"""Maximum size of a safetensors header in bytes; real ones have a few thousand."""


def require_weights(file: Path) -> None:
    """Raise InputError for a ``.safetensors`` file whose header is too large, or which is too large for this machine.

    safetensors itself checks that the tensors match the bytes in the file.
    """
    size = file.stat().st_size
    with file.open("rb") as lines:
        header = int.from_bytes(lines.read(8), "little")
    if size >= 8 and header > min(HEADER, size - 8):
        raise InputError(
            f"The weights {str(file)!r} cannot be read: their header claims {header:,} bytes; the maximum is {HEADER:,}."
        )
    if 4 * size > budget():
        raise InputError(
            f"{str(file)!r} has {size / 1e9:,.0f} GB; at most {budget() / 4e9:,.0f} GB, an eighth of the memory, are read."
        )


def require_shapes(centers: Tensor, weight: Tensor) -> None:
    """Raise InputError if the shapes of centres and weights do not match."""
    if centers.ndim != 2 or weight.ndim != 2 or 0 in centers.shape or 0 in weight.shape or len(centers) != len(weight):
        raise InputError(
            f"centres (N, D) and weights (N, O) are needed, but they are {tuple(centers.shape)} and {tuple(weight.shape)}."
        )
