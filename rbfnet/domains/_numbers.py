"""What a geometry is given: finite numbers of the right shape, and names."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from rbfnet.errors import InputError


def finite(what: str, values: object, shape: tuple[int | None, ...]) -> Tensor:
    """The values as float64 of this shape; None stands for any length.

    Raises:
        InputError: another shape, or values that are not finite numbers.
    """
    try:
        found = torch.tensor(np.array(values, dtype=np.float64))
    except (TypeError, ValueError):
        found = torch.empty(())
        values = f"{values!r}, which is no table of numbers"
    if found.ndim != len(shape) or any(want not in (None, have) for want, have in zip(shape, found.shape, strict=True)):
        wanted = "(" + ", ".join("N" if n is None else str(n) for n in shape) + ("," if len(shape) == 1 else "") + ")"
        raise InputError(f"{what} must be of shape {wanted}, but got {tuple(found.shape) if found.ndim else values}.")
    if not torch.isfinite(found).all():
        raise InputError(f"{what} must be finite, but got {found[~torch.isfinite(found)][0].item()}.")
    return found


def interval(what: str, ends: object) -> tuple[float, float]:
    """The two ends, once they are known to be finite and rising."""
    low, high = finite(what, ends, (2,)).tolist()
    if not low < high:
        raise InputError(f"{what} goes from a lower to a higher number, but got ({low:g}, {high:g}).")
    return low, high


def above_zero(what: str, value: object) -> float:
    """The value, once it is known to be positive and finite."""
    number = finite(what, value, ()).item()
    if not 0 < number < math.inf:
        raise InputError(f"{what} must be positive, but got {number:g}.")
    return number


def names(coords: Sequence[str] | None, dims: int) -> tuple[str, ...]:
    """The names of the coordinates; by default x, y, z, and x1, x2, ... beyond three.

    Raises:
        InputError: another number of names, or a name given twice.
    """
    if coords is None:
        return ("x", "y", "z")[:dims] if dims <= 3 else tuple(f"x{i + 1}" for i in range(dims))
    if isinstance(coords, str) or len(coords) != dims or len(set(coords)) != dims:
        raise InputError(f"{dims} coordinates need {dims} different names, as in coords={names(None, dims)}, but got {coords!r}.")
    return tuple(coords)
