"""Gradients that are given beside values."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError
from rbfnet.training._arrays import Columns, as_columns


def as_gradients(given: Any, rows: Columns, columns: Columns, masked: Tensor) -> Float[Tensor, "N O D"]:
    """The gradient of each real output at each point that is not masked.

    Args:
        given: (N, D) for one output, (N,) if it has one coordinate, or (N, O, D).
        rows, columns: the points and values.
        masked: which of the points are left out.

    Raises:
        InputError: another shape, or entries that are not finite numbers.
    """
    wanted = (len(rows.values), columns.values.shape[1], rows.values.shape[1])
    shape = tuple(np.shape(given))
    if shape != wanted and (shape != wanted[:1] + wanted[2:] or wanted[1] > 1) and (shape != wanted[:1] or wanted[1:] != (1, 1)):
        one = f" or {wanted[:1] + wanted[2:]}" if wanted[1] == 1 else ""
        raise InputError(f"gradients must be (N, outputs, coordinates), here {wanted}{one}, but has shape {shape}.")
    flat = given.reshape(len(given), -1) if len(shape) == 3 and hasattr(given, "reshape") else given
    flat = np.asarray(given).reshape(len(given), -1) if len(shape) == 3 and flat is given else flat
    found = as_columns("gradients", flat)
    values = found.values[~masked].reshape(-1, *wanted[1:])
    if found.masked[~masked].any() or not torch.isfinite(values).all():
        bad = (~torch.isfinite(found.values).all(dim=1) | found.masked) & ~masked
        raise InputError(f"gradients must be finite, but row {int(bad.nonzero()[0])} is {found.values[bad][0].tolist()}.")
    if not columns.values.is_complex():
        if values.is_complex():
            raise InputError("gradients are complex, but the values y are real; give both as complex or both as real.")
        return values
    return torch.cat([values.real, values.imag if values.is_complex() else torch.zeros_like(values)], dim=1)
