"""Points in any array-like form, and results in the same form."""

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
"""Results by name, each of shape (N,)."""


@dataclass(frozen=True)
class Points:
    """Converted points, with functions that convert results back to the form of the input.

    Attributes:
        x: (N, D), in the dtype and on the device of the model.
        labelled: whether results are named, in a dict or a frame, rather than columns of an array or tensor.
        give: converts named results to the form of the points.
        form: converts an array or tensor (N, ...) to that form.
    """

    x: Float[Tensor, "N D"]
    labelled: bool
    give: Callable[[Named], Any]
    form: Callable[[Tensor], Any]

    def results(self, found: Float[Tensor, "N K"], names: Sequence[str], what: Any, alone: bool) -> Any:
        """Results in the form of the points; a single column has no axis of its own unless it was requested in a list.

        Args:
            found: the columns.
            names: their names.
            what: the request, None for all outputs.
            alone: whether a single quantity was requested outside a list.
        """
        if self.labelled or isinstance(what, dict):
            results = self.give(dict(zip(names, found.unbind(dim=1), strict=True)))
            return results[names[0]] if alone else results
        return self.form(found[:, 0] if alone or (what is None and found.shape[1] == 1) else found)


def as_given(given: Any, coords: Sequence[str], like: Tensor) -> Points:
    """Read points from an array, list, tensor, data frame or series, or from a dict with the values of each coordinate.

    The columns of a frame and the keys of a dict are matched by name, in any order; other columns of a frame are ignored.
    In a dict a number is broadcast to all points, and multidimensional arrays give results of the same shape.

    Raises:
        InputError: a wrong number of coordinates, wrong names, or entries that are not numbers.
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
        # A series, or numbered columns.
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
        raise InputError(f"The shapes of the coordinates do not broadcast: {shapes}.") from None
    columns = []
    for name, part in zip(coords, parts, strict=True):
        column = as_columns(f"The coordinate {name}", part.reshape(-1)).values[:, 0]
        columns.append(column.reshape(part.shape or (1,)).expand(shape or (1,)).reshape(-1))
    x = as_points(torch.stack(columns, dim=1), len(coords), like)
    tensors = any(isinstance(v, Tensor) for v in values)

    def form(column: Tensor) -> Any:
        # Scalars give a vector of length one.
        shaped = column.reshape((*(shape or (1,)), *column.shape[1:]))
        return shaped if tensors else _array(shaped)

    return Points(x, True, lambda named: {name: form(column) for name, column in named.items()}, form)


def _array(values: Tensor) -> np.ndarray:
    return values.cpu().numpy()


def _arrays(named: Named) -> dict[str, np.ndarray]:
    return {name: _array(values) for name, values in named.items()}
