"""Validate the arguments of geometries: finite numbers of the right shape, and names."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from types import NoneType

import numpy as np
import torch
from torch import Tensor

from rbfnet.errors import InputError

LARGEST = 1e100
"""The squares or volumes of larger numbers would overflow."""


def finite(what: str, values: object, shape: tuple[int | None, ...]) -> Tensor:
    """The values as float64 of this shape; None stands for any length.

    Raises:
        InputError: another shape, or values that are not finite numbers.
    """
    found = _table(values)
    if (
        found is None
        or found.ndim != len(shape)
        or any(want not in (None, have) for want, have in zip(shape, found.shape, strict=True))
    ):
        wanted = "(" + ", ".join("N" if n is None else str(n) for n in shape) + ("," if len(shape) == 1 else "") + ")"
        must = f"of shape {wanted}" if shape else "a number"
        shown = f"{values!r}, which is not an array of numbers" if found is None and shape else repr(values)
        raise InputError(f"{what} must be {must}, but got {tuple(found.shape) if found is not None and found.ndim else shown}.")
    if not torch.isfinite(found).all():
        raise InputError(f"{what} must be finite, but got {found[~torch.isfinite(found)][0].item()}.")
    if (found.abs() > LARGEST).any():
        raise InputError(
            f"{what} must be at most {LARGEST:g} in absolute value, but got {found[found.abs() > LARGEST][0].item()}."
        )
    return found


def _table(values: object) -> Tensor | None:
    """What is given as float64; None where it is no table of real numbers. A text is none, nor is true or false."""
    try:
        given = np.array(values)
        if given.dtype.kind not in "iufO" or any(isinstance(v, (str, bytes, bool, NoneType)) for v in _flat(values)):
            return None
        return torch.from_numpy(given.astype(np.float64))
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return None


def _flat(values: object) -> Iterator[object]:
    """What is in lists, and in lists of lists."""
    if isinstance(values, (list, tuple)):
        for value in values:
            yield from _flat(value)
    else:
        yield values


def interval(what: str, ends: object) -> tuple[float, float]:
    """The two ends, once they are known to be finite and rising."""
    low, high = finite(what, ends, (2,)).tolist()
    if not low < high:
        raise InputError(f"{what} must go from a lower to a higher number, but got ({low:g}, {high:g}).")
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
    text = not isinstance(coords, str) and all(isinstance(name, str) for name in coords)
    if not text or len(coords) != dims or len(set(coords)) != dims:
        raise InputError(f"{dims} coordinates need {dims} different names, as in coords={names(None, dims)}, but got {coords!r}.")
    return tuple(coords)
