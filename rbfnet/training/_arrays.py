"""Convert array-likes: lists, NumPy and masked arrays, pandas objects, tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError, number
from rbfnet.problems import DataProblem, Problem
from rbfnet.training._model import Network


@dataclass(frozen=True)
class Columns:
    """A table of numbers.

    Attributes:
        values: (N, C), float64 or complex128.
        names: column names, if the input has any.
        masked: (N,), which rows contain a masked entry.
    """

    values: Tensor
    names: tuple[str, ...] | None
    masked: Tensor


def as_columns(what: str, given: Any) -> Columns:
    """Copy numbers of shape (N, C) or (N,) into a table; no memory is shared with the input.

    Args:
        what: the name of the input in error messages.
        given: a tensor, anything ``numpy.asarray`` accepts, a masked array, or a data frame or series with ``to_numpy()``.

    Raises:
        InputError: a wrong shape, no rows, or entries that are not numbers.
    """
    names = _names(given)
    if isinstance(given, Tensor):
        tensor = given.detach().cpu().resolve_conj()
        # NumPy has no bfloat16.
        given = (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
    elif callable(convert := getattr(given, "to_numpy", None)):
        given = convert()
    mask = np.ma.getmaskarray(given) if isinstance(given, np.ma.MaskedArray) else None
    array = _numbers(what, np.ma.getdata(given) if mask is not None else _array(what, given))
    if array.ndim not in (1, 2) or not array.size:
        raise InputError(f"{what} must have one row per point, (N, columns) or (N,), but got {tuple(array.shape)}.")
    array = array.reshape(len(array), -1)
    masked = np.zeros(len(array), dtype=bool) if mask is None else mask.reshape(len(array), -1).any(axis=1)
    if masked.any():
        # Masked entries are often not numbers.
        array[masked] = 0.0
    return Columns(torch.from_numpy(array), names if names and len(names) == array.shape[1] else None, torch.from_numpy(masked))


def predict(model: Network, problem: Problem, x: Any) -> Any:
    """What :meth:`rbfnet.training.Solution.predict` gives."""
    points = as_points(x, len(problem.domain.coords), model.weight)
    with torch.no_grad():
        values = model(points)
    if isinstance(problem, DataProblem) and problem.is_complex:
        values = torch.complex(*values.chunk(2, dim=1))
    values = values[:, 0] if values.shape[1] == 1 else values
    return values if isinstance(x, Tensor) else values.cpu().numpy()


def as_points(given: Any, dims: int, like: Tensor) -> Float[Tensor, "N D"]:
    """Points to evaluate a model at, in its dtype, on its device.

    Raises:
        InputError: input that :func:`as_columns` rejects, complex or masked entries, or a wrong number of coordinates.
    """
    columns = as_columns("x", given)
    if columns.values.is_complex() or columns.masked.any():
        raise InputError("x must hold real points, but some are complex or masked; remove them.")
    values = columns.values.reshape(1, -1) if dims > 1 and np.ndim(given) == 1 else columns.values
    if values.shape[1] != dims:
        raise InputError(f"x must have {dims} columns, one per coordinate, but has {values.shape[1]}.")
    return values.to(like)


def _names(given: Any) -> tuple[str, ...] | None:
    """The column names of a data frame, or the name of a series."""
    if isinstance(given, Tensor) or not callable(getattr(given, "to_numpy", None)):
        return None
    found = getattr(given, "columns", None)
    names = list(found) if found is not None else [getattr(given, "name", None)]
    texts = tuple(name for name in names if isinstance(name, str) and name)
    return texts if len(texts) == len(names) else None


def _array(what: str, given: Any) -> np.ndarray:
    try:
        return np.asarray(given)
    except (ValueError, TypeError):
        raise InputError(f"{what} must have rows of the same length, but they differ.") from None


def _numbers(what: str, array: np.ndarray) -> np.ndarray:
    """A contiguous copy in native float64 or complex128, whatever the byte order, strides and flags of the array."""
    kind = array.dtype.kind
    if kind == "O":
        for at, entry in np.ndenumerate(array):
            if number(entry) is None and not isinstance(entry, (complex, np.complexfloating)):
                raise InputError(f"{what} must hold numbers, but row {at[0] if at else 0} holds {entry!r}.")
        kind = "c" if any(isinstance(entry, (complex, np.complexfloating)) for entry in array.flat) else "f"
    if kind in "Mm":
        raise InputError(f"{what} holds times ({array.dtype}); use numbers, as in (t - t[0]) / numpy.timedelta64(1, 's').")
    if kind not in "fiuc":
        raise InputError(f"{what} must hold numbers, but its entries are {array.dtype}.")
    return np.array(array, dtype=np.complex128 if kind == "c" else np.float64, order="C")
