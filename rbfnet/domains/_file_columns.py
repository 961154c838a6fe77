"""Named columns of numbers from the user's files."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.annotations import held
from rbfnet.errors import InputError
from rbfnet.tables import require_columns, rows


@held
def read_columns(path: str | Path, names: Sequence[str]) -> Float[Tensor, "N C"]:
    """The named columns of a CSV file (with a header; comma, semicolon or tab) or one-dimensional arrays of an NPZ file.

    NPZ files are read without unpickling anything.

    Raises:
        InputError: no such file, another kind of file, a missing column, no rows, or a cell that is no finite number; row
            (counted from 1 below the header) and column are named.

    Example:
        >>> import numpy as np
        >>> from rbfnet.domains import read_columns
        >>> np.savez("points.npz", x=[0.0, 1.0], y=[0.0, 2.0], z=[1.0, 3.0])
        >>> read_columns("points.npz", ["x", "z"]).tolist()
        [[0.0, 1.0], [1.0, 3.0]]
    """
    file = require_columns(path, names)
    return _read_csv(file, names) if file.suffix.lower() == ".csv" else _read_npz(file, names)


def _read_csv(file: Path, names: Sequence[str]) -> Tensor:
    with rows(file) as reader:
        header = [cell.strip() for cell in next(reader, [])]
        where = [header.index(name) for name in names]
        values = [
            [_number(file, row, line, at, name) for at, name in zip(where, names, strict=True)]
            for line, row in enumerate((r for r in reader if r), start=1)
        ]
    if not values:
        raise InputError(f"{str(file)!r} has a header but no rows; at least one is needed.")
    return torch.tensor(values, dtype=torch.float64)


def _number(file: Path, row: list[str], line: int, at: int, name: str) -> float:
    cell = row[at].strip() if at < len(row) else ""
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        found = "is empty" if not cell else f"holds {cell!r}"
        raise InputError(
            f"Row {line}, column {name!r} of {str(file)!r} {found}; a finite number is needed: correct or remove the row."
        )
    return value


def _read_npz(file: Path, names: Sequence[str]) -> Tensor:
    try:
        with np.load(file, allow_pickle=False) as arrays:
            columns = {name: arrays[name] for name in names}
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        raise InputError(f"{str(file)!r} cannot be read as an NPZ file of numbers: {error}.") from None
    lengths = {name: column.shape for name, column in columns.items()}
    if any(column.ndim != 1 for column in columns.values()) or len(set(lengths.values())) > 1:
        raise InputError(f"The arrays of {str(file)!r} must be one-dimensional and of equal length, but are {lengths}.")
    if not next(iter(lengths.values()))[0]:
        raise InputError(f"The arrays of {str(file)!r} are empty; at least one row is needed.")
    for name, column in columns.items():
        if not np.issubdtype(column.dtype, np.number) or np.iscomplexobj(column):
            raise InputError(f"Array {name!r} of {str(file)!r} holds {column.dtype}; real numbers are needed.")
        bad = np.flatnonzero(~np.isfinite(column))
        if len(bad):
            raise InputError(
                f"Row {bad[0] + 1}, column {name!r} of {str(file)!r} holds {column[bad[0]]}; a finite number is needed."
            )
    return torch.from_numpy(np.stack([column.astype(np.float64) for column in columns.values()], axis=1))
