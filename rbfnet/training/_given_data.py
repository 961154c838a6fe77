"""The data that ``fit`` is given, as a problem."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rbfnet.errors import InputError
from rbfnet.operators import default_coords
from rbfnet.problems import DataProblem
from rbfnet.problems.conditions import Law, cells_of, centers_of
from rbfnet.training._arrays import Columns, as_columns
from rbfnet.training._gradients import as_gradients
from rbfnet.training._isolated import isolated, seed_everything

MEASURED = ("also", "noise", "gradient_noise", "bounds", "equation", "equation_noise", "domain", "scale", "periodic", "sphere")
"""Arguments of a :class:`rbfnet.problems.DataProblem` that are passed on to it."""


def data_problem(
    x: Any,
    y: Any,
    gradients: Any,
    coords: Sequence[str] | None,
    outputs: Sequence[str] | None,
    seed: int,
    test: float,
    weights: Any,
    options: dict[str, Any],
) -> tuple[DataProblem, Tensor]:
    """The problem, and which rows are masked; takes from the options those in ``MEASURED``.

    Args:
        x, y, gradients, coords, outputs, seed, test, weights, options: see :func:`rbfnet.fit`.
    """
    cells = cells_of(x)
    rows, columns, masked = _rows(x if cells is None else centers_of(cells), y)
    points, values = rows.values[~masked], columns.values[~masked]
    values = torch.cat([values.real, values.imag], dim=1) if values.is_complex() else values
    known_names = rows.names if cells is None else cells[0].coords
    names = tuple(coords or known_names or default_coords(points.shape[1]))
    known = None if weights is None else per_row("weights", weights, masked)
    slopes = None if gradients is None else as_gradients(gradients, rows, columns, masked)
    measured = {name: options.pop(name) for name in MEASURED if name in options}
    if cells is not None:
        measured["cells"] = [cell for cell, left_out in zip(cells, masked.tolist(), strict=True) if not left_out]
    with isolated():
        seed_everything(seed)
        problem = DataProblem(
            points, values, names, _outputs(outputs, columns), test=test, weights=known, gradients=slopes, **measured
        )
    problem.is_complex = columns.values.is_complex()
    problem.notes = [f"{int(masked.sum()):,} of {len(masked):,} rows are masked and were left out."] if masked.any() else []
    return problem, masked


def _rows(x: Any, y: Any) -> tuple[Columns, Columns, Tensor]:
    """Check that points and values fit together; returns both, and the mask of masked rows."""
    rows, columns = as_columns("x", x), as_columns("y", y)
    if rows.values.is_complex():
        raise InputError("x must be real, but holds complex numbers; give real and imaginary parts as two columns.")
    if len(rows.values) != len(columns.values):
        raise InputError(f"x and y must have one row per point, but x has {len(rows.values)} and y {len(columns.values)}.")
    masked = rows.masked | columns.masked
    if masked.all():
        raise InputError(f"All {len(masked)} rows are masked; at least one is needed.")
    for name, given in (("x", rows.values), ("y", columns.values)):
        if (bad := ~(torch.isfinite(given).all(dim=1) | masked)).any():
            row = int(bad.nonzero()[0])
            raise InputError(f"Data must be finite, but row {row} of {name} is {given[row].tolist()}.")
    return rows, columns, masked


def default_kernel(problem: DataProblem, vector: str | None = None) -> str:
    """The kernel of a fit: as smooth as what is fitted asks for."""
    if vector is not None:
        return "multiquadric"
    if any(isinstance(condition, Law) for condition in problem.also):
        return "gaussian"
    return "quintic" if problem.also or problem.bounds() else "thin_plate_spline"


def per_row(name: str, each: Any, masked: Tensor) -> Tensor:
    """The number of each row that is not masked."""
    given = as_columns(name, each).values
    if given.shape != (len(masked), 1) or given.is_complex():
        raise InputError(f"{name} must have one value for each of the {len(masked)} rows, but has shape {tuple(np.shape(each))}.")
    return given[~masked, 0]


def _outputs(outputs: Sequence[str] | None, columns: Columns) -> tuple[str, ...]:
    """The name of each real output."""
    count = columns.values.shape[1]
    names = tuple(outputs or columns.names or (("u",) if count == 1 else (f"u{o + 1}" for o in range(count))))
    if not columns.values.is_complex():
        return names
    return tuple(f"{name}_{part}" for part in ("real", "imag") for name in names)
