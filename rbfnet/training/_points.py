"""Points as people have them, and results in the same form."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError, unknown
from rbfnet.training._arrays import as_columns, as_points

Named = dict[str, Tensor]
"""Results by name, (N,) each."""


@dataclass(frozen=True)
class Points:
    """Points that were given in some form.

    Attributes:
        x: (N, D), in the dtype and on the device of the model.
        labelled: results go by name, in a dict or a frame; else they are the columns of an array or a tensor.
        give: from results by name to the form in which the points were given.
        form: from an array or tensor (N, ...) to that form.
    """

    x: Float[Tensor, "N D"]
    labelled: bool
    give: Callable[[Named], Any]
    form: Callable[[Tensor], Any]


def as_given(given: Any, coords: Sequence[str], like: Tensor) -> Points:
    """Points in whatever form: an array, a list, a tensor, a data frame or series, or a dict with the values of each coordinate.

    The columns of a frame and the keys of a dict are found by name, in any order; further columns of a frame are not looked at.
    In a dict a number goes with all points, and arrays of several dimensions give results of their shape.

    Raises:
        InputError: another number of coordinates, other names, or entries that are no numbers.
    """
    if isinstance(given, Mapping):
        return _of_mapping(given, coords, like)
    if isinstance(given, Tensor):
        return Points(as_points(given, len(coords), like), False, lambda named: named, lambda values: values)
    if callable(getattr(given, "to_numpy", None)):
        return _of_frame(given, coords, like)
    return Points(as_points(given, len(coords), like), False, _arrays, _array)


def _of_frame(frame: Any, coords: Sequence[str], like: Tensor) -> Points:
    if len(coords) > 1 and callable(getattr(frame, "to_frame", None)) and getattr(frame, "index", None) is not None:
        # A row of a frame: one point, whose coordinates are in its index.
        frame = frame.to_frame().T
    names = list(getattr(frame, "columns", ()))
    if all(isinstance(name, str) for name in names) and names:
        if missing := [name for name in coords if name not in names]:
            raise unknown("column in the data frame called", missing[0], names)
        x = as_points(frame[list(coords)], len(coords), like)
    else:
        # A series, or columns that are numbered.
        x = as_points(frame, len(coords), like)
    index = getattr(frame, "index", None)
    if not hasattr(frame, "columns") and not callable(getattr(frame, "to_frame", None)):
        return Points(x, False, _arrays, _array)
    kind = type(frame) if hasattr(frame, "columns") else type(frame.to_frame())

    def give(named: Named) -> Any:
        columns = {name: _array(values) for name, values in named.items()}
        return kind(columns) if index is None or callable(index) else kind(columns, index=index)

    return Points(x, True, give, _array)


def _of_mapping(given: Mapping[str, Any], coords: Sequence[str], like: Tensor) -> Points:
    for name in given:
        if name not in coords:
            raise unknown("coordinate", name, coords)
    if missing := [name for name in coords if name not in given]:
        raise InputError(f"The points need all coordinates {', '.join(coords)}, but {missing[0]!r} is not given.")
    values = [given[name] for name in coords]
    parts = [np.asarray(v.detach().cpu() if isinstance(v, Tensor) else v) for v in values]
    try:
        shape = np.broadcast_shapes(*(part.shape for part in parts))
    except ValueError:
        shapes = ", ".join(f"{name} {part.shape}" for name, part in zip(coords, parts, strict=True))
        raise InputError(f"The coordinates have shapes that do not fit each other: {shapes}.") from None
    columns = []
    for name, part in zip(coords, parts, strict=True):
        column = as_columns(f"The coordinate {name}", part.reshape(-1)).values[:, 0]
        columns.append(column.reshape(part.shape or (1,)).expand(shape or (1,)).reshape(-1))
    x = as_points(torch.stack(columns, dim=1), len(coords), like)
    tensors = any(isinstance(v, Tensor) for v in values)

    def form(column: Tensor) -> Any:
        # What is given for single numbers is a vector of one.
        shaped = column.reshape((*(shape or (1,)), *column.shape[1:]))
        return shaped if tensors else _array(shaped)

    return Points(x, True, lambda named: {name: form(column) for name, column in named.items()}, form)


def _array(values: Tensor) -> np.ndarray:
    return values.cpu().numpy()


def _arrays(named: Named) -> dict[str, np.ndarray]:
    return {name: _array(values) for name, values in named.items()}
