"""Columns of numbers from the user's files, by name or by position."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.annotations import held
from rbfnet.errors import InputError
from rbfnet.memory import require_memory
from rbfnet.tables import PLAIN, Form, complaint, kind_of, located, number_in, parquet, require_room, rows

BATCH = 2**14
"""Number of rows read at a time."""

MISSING = ("refuse", "drop")
"""Options for rows with missing values."""

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Rows:
    """Some columns of a table.

    Attributes:
        values: (N, C), float64.
        names: the names of the columns.
        total: the number of rows in the file, including those that were left out.

    Example:
        >>> import torch
        >>> from rbfnet.domains import Rows
        >>> Rows(torch.zeros(8, 2), ("x", "y"), total=10).dropped
        2
    """

    values: Float[Tensor, "N C"]
    names: tuple[str, ...]
    total: int

    @property
    def dropped(self) -> int:
        """The number of rows that were left out."""
        return self.total - len(self.values)


@held
def read_columns(path: str | Path, names: Sequence[str | int], form: Form = PLAIN) -> Float[Tensor, "N C"]:
    """Columns of a text file with a header (comma, semicolon or tab), or one-dimensional arrays of an NPZ or Parquet file.

    NPZ files are read without unpickling anything.

    Args:
        path: the file.
        names: of the columns, or their positions from 0 on.
        form: how a text file is written.

    Raises:
        InputError: no such file, another kind of file, a missing column, no rows, or a cell that is not a finite number; row
            (counted from 1 below the header) and column are named.

    Example:
        >>> import numpy as np
        >>> from rbfnet.domains import read_columns
        >>> np.savez("points.npz", x=[0.0, 1.0], y=[0.0, 2.0], z=[1.0, 3.0])
        >>> read_columns("points.npz", ["x", "z"]).tolist()
        [[0.0, 1.0], [1.0, 3.0]]
    """
    return read_rows(path, names, form).values


@held
def read_rows(path: str | Path, names: Sequence[str | int], form: Form = PLAIN, missing: str = "refuse") -> Rows:
    """The same, with the names of the columns; ``missing="drop"`` skips rows in which a cell is empty or n/a.

    Example:
        >>> import numpy as np
        >>> from rbfnet.domains import read_rows
        >>> np.savez("gaps.npz", x=[0.0, 1.0, 2.0], y=[0.0, np.nan, 2.0])
        >>> found = read_rows("gaps.npz", ["x", "y"], missing="drop")
        >>> found.values.tolist(), found.dropped
        ([[0.0, 0.0], [2.0, 2.0]], 1)
    """
    if missing not in MISSING:
        raise InputError(f"missing is {' or '.join(MISSING)}, but got {missing!r}.")
    require_room(path)
    file, chosen, told = located(path, names, form)
    parts, total = [], 0
    for part in _batches(file, chosen, told, form, keep=missing == "drop"):
        absent = np.isnan(part).any(axis=1)
        total += len(part)
        # A packed text tells its size at the end only.
        require_memory(f"The number of entries of {str(file)!r}", total * len(told), each=3 * 8)
        parts.append(part[~absent])
    if not total:
        said = "has a header but no rows" if kind_of(file) == "text" else "has no rows"
        raise InputError(f"{str(file)!r} {said}; at least one is needed.")
    values = np.concatenate(parts)
    if not len(values):
        raise InputError(f"In each of the {total:,} rows of {str(file)!r} a cell of {', '.join(told)} is missing.")
    return Rows(torch.from_numpy(values), told, total)


def batches(path: str | Path, names: Sequence[str | int], form: Form = PLAIN) -> Iterator[Array]:
    """The same columns in blocks of some thousand rows (n, C), so that memory does not grow with the file.

    Example:
        >>> import numpy as np
        >>> from rbfnet.domains import batches
        >>> np.savez("many.npz", x=np.zeros(7), y=np.ones(7))
        >>> [part.shape for part in batches("many.npz", ["x", "y"])]
        [(7, 2)]
    """
    file, chosen, told = located(path, names, form)
    return _batches(file, chosen, told, form, keep=False)


def _batches(file: Path, chosen: Sequence[int], names: Sequence[str], form: Form, keep: bool) -> Iterator[Array]:
    """Rows; with ``keep`` NaN stands where something is missing, and what is no number is refused."""
    read = {"text": _from_text, "npz": _from_npz, "parquet": _from_parquet}[kind_of(file)]
    yield from read(file, chosen, names, form, keep)


def _from_text(file: Path, chosen: Sequence[int], names: Sequence[str], form: Form, keep: bool) -> Iterator[Array]:
    with rows(file, form) as reader:
        next(reader, None)
        part: list[list[float]] = []
        for line, row in enumerate((row for row in reader if row), start=1):
            values = []
            for at, name in zip(chosen, names, strict=True):
                found = number_in(row, at, form)
                if isinstance(found, float):
                    values.append(found)
                elif found is None and keep:
                    values.append(np.nan)
                else:
                    raise complaint(file, line, name, row[at].strip() if at < len(row) else "", form)
            part.append(values)
            if len(part) == BATCH:
                yield np.array(part)
                part = []
        if part:
            yield np.array(part)


def _from_npz(file: Path, chosen: Sequence[int], names: Sequence[str], form: Form, keep: bool) -> Iterator[Array]:
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
    yield _finite(file, names, np.stack([column.astype(np.float64) for column in columns.values()], axis=1), 0, keep)


def _from_parquet(file: Path, chosen: Sequence[int], names: Sequence[str], form: Form, keep: bool) -> Iterator[Array]:
    start = 0
    for batch in parquet(file).iter_batches(batch_size=BATCH, columns=list(names)):
        columns = []
        for name in names:
            try:
                columns.append(np.asarray(batch.column(name).to_numpy(zero_copy_only=False), dtype=np.float64))
            except (ValueError, TypeError):
                kind = batch.schema.field(name).type
                raise InputError(f"Column {name!r} of {str(file)!r} holds {kind}; real numbers are needed.") from None
        yield _finite(file, names, np.stack(columns, axis=1), start, keep)
        start += len(batch)


def _finite(file: Path, names: Sequence[str], part: Array, start: int, keep: bool) -> Array:
    """The rows, once they are known to be finite, or to be kept for a while where something is missing."""
    bad = ~np.isfinite(part) & ~(np.isnan(part) & keep)
    if bad.any():
        row, column = (int(at[0]) for at in np.nonzero(bad))
        raise complaint(file, start + row + 1, names[column], str(part[row, column]), in_text=False)
    return part
