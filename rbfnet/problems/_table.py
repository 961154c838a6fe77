"""Regression problems from a table file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rbfnet.domains import read_rows
from rbfnet.errors import InputError, number
from rbfnet.problems._data_problem import DataProblem
from rbfnet.tables import Column, Form


class Table(DataProblem):
    """The user's own data: columns of a text file with a header (CSV and the like), of an NPZ or of a Parquet file.

    Columns are separated by commas, semicolons or tabs; comments, byte-order marks and ``.gz`` files are supported.

    Args:
        path: the file: ``.csv``, ``.tsv``, ``.txt``, with ``.gz`` after it or not, ``.npz``, or ``.parquet`` (needs
            ``rbfnet[parquet]``).
        inputs: the columns that are the coordinates, by name or by position (0 is the first); one may stand alone.
        outputs: the columns to predict, likewise.
        validation, test: held-out rows, a fraction of all below 1 or a number of rows. By default the model is fitted to all
            rows, and its errors are measured by leaving rows out.
        decimal: the sign in numbers, ``"."`` or ``","``.
        units_row: the row below the header holds units, and is skipped.
        missing: what to do where a cell is empty or says n/a: ``"refuse"`` the table, or ``"drop"`` the row; how many is said.
        scale, periodic, sphere: where the inputs live and in which units (:class:`DataProblem`); positions are among the inputs.

    Raises:
        InputError: a file or column that is not there, cells that are not finite numbers (row and column named), no rows,
            or columns named twice.

    Example:
        >>> import numpy as np
        >>> from rbfnet.problems import Table
        >>> x = np.linspace(0, 1, 9)
        >>> np.savez("points.npz", x=x, z=x**2)
        >>> Table("points.npz", inputs="x", outputs="z").train_set.y.shape
        torch.Size([9, 1])
    """

    def __init__(
        self,
        path: str,
        inputs: Sequence[Column] | Column,
        outputs: Sequence[Column] | Column,
        validation: float = 0.0,
        test: float = 0.0,
        decimal: str = ".",
        units_row: bool = False,
        missing: str = "refuse",
        scale: str | Sequence[float] = "each",
        periodic: Mapping[Column, float] | None = None,
        sphere: Sequence[Column] | None = None,
    ) -> None:
        inputs, outputs = _columns("inputs", inputs), _columns("outputs", outputs)
        if not inputs or not outputs:
            raise InputError(
                f"A table needs at least one input and one output column, but got inputs={inputs}, outputs={outputs}."
            )
        rows = read_rows(path, [*inputs, *outputs], Form(decimal, units_row), missing)
        twice = next((n for n in rows.names if rows.names.count(n) > 1), None)
        if twice is not None:
            raise InputError(f"Column {twice!r} occurs twice among the inputs {inputs} and outputs {outputs}.")
        count = len(inputs)
        x, y = rows.values[:, :count], rows.values[:, count:]
        coords, values = rows.names[:count], rows.names[count:]
        super().__init__(x, y, coords, values, validation=validation, test=test, scale=scale, periodic=periodic, sphere=sphere)
        if rows.dropped:
            self.notes = [f"{rows.dropped:,} of {rows.total:,} rows have a cell that is empty or n/a, and were left out."]


def _columns(key: str, given: Sequence[Column] | Column) -> list[Column]:
    alone = isinstance(given, str) or number(given) is not None
    columns = [given] if alone else given
    if not isinstance(columns, Sequence) or not all(isinstance(c, (str, int)) and not isinstance(c, bool) for c in columns):
        raise InputError(f"{key} must be names of columns, as in {key}=[x,y], or their positions, but got {given!r}.")
    return list(columns)  # type: ignore[arg-type]
