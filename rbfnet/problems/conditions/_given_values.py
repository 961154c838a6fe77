"""Given values: numbers, functions of the coordinates, or columns of a file."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rbfnet.annotations import as_number
from rbfnet.domains import Domain, read_columns
from rbfnet.errors import InputError, number
from rbfnet.given import call, one_each
from rbfnet.operators import Arithmetic
from rbfnet.tables import FILES

Function = Callable[..., Tensor | float]
"""Of the coordinates, each (B,), in their order; gives (B,) or a number."""

Value = float | Tensor | Function
"""A number, a tensor with one number in it (an unknown), or a function."""

FileValue = str | Path
"""A ``.csv`` or ``.npz`` file: its rows are the points, its columns coordinates and values."""


def checked(value: Any, name: str, *, file: bool = False) -> Any:
    """``value``, once it is known to be what a condition can be given; a text that is a number as one."""
    value = as_number(value)
    if callable(value) or (isinstance(value, Tensor) and value.ndim == 0):
        return value
    if file and isinstance(value, (str, Path)) and str(value).lower().endswith(FILES):
        return value
    given = number(value)
    if given is None or not math.isfinite(given):
        kinds = "a finite number, a function of the coordinates or a file (.csv, .npz)"
        kinds = kinds if file else "a finite number or a function of the coordinates"
        raise InputError(f"The value of condition {name!r} is {kinds}, but got {value!r}.")
    return value


def evaluate(value: Value, columns: Sequence[Tensor], name: str) -> Tensor | float:
    """The value at points with these coordinates: (B,) or a number.

    Raises:
        InputError: a function of another number of coordinates, or one that gives something else.
    """
    if isinstance(value, Arithmetic):
        return value.value
    if not callable(value):
        return value
    what = f"A function in condition {name!r}"
    # Copies, which it may change in place.
    found = call(value, what, *[column.clone() for column in columns])
    return one_each(found, columns[0], f"{what} must give one number a point")


def from_file(path: str | Path, domain: Domain, coords: Sequence[str], values: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Points (N, len(coords)) and values (N, len(values)) from the columns with these names.

    Raises:
        InputError: whatever :func:`rbfnet.domains.read_columns` refuses; points outside the domain, where all its coordinates
            are given.
    """
    columns = read_columns(path, [*coords, *values])
    x = columns[:, : len(coords)]
    if len(coords) == len(domain.coords):
        require_inside(domain, x, f"The file {str(path)!r}")
    return x, columns[:, len(coords) :]


def require_inside(domain: Domain, x: Tensor, what: str) -> None:
    """Raise InputError where a point is not finite, or outside the domain."""
    if x.ndim != 2 or x.shape[1] != len(domain.coords):
        raise InputError(
            f"{what} has points of shape {tuple(x.shape)}, but the domain has the coordinates {', '.join(domain.coords)}."
        )
    outside = ~(torch.isfinite(x).all(dim=1) & domain.contains(x))
    if outside.any():
        row = int(outside.nonzero()[0])
        raise InputError(
            f"{what} has {int(outside.sum())} of {len(x)} points outside the domain, the first in row {row}: "
            f"{at(domain.coords, x[row])}."
        )


def at(coords: Sequence[str], point: Tensor) -> str:
    """A point in words: x = 0.5, y = 1."""
    return ", ".join(f"{name} = {value:g}" for name, value in zip(coords, point.tolist(), strict=True))
