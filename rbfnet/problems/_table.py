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
        weights: the column with the inverse variance of each row, up to a factor.
        gradients: the columns with the derivatives of the first output by each input, then of the next output.
        noise, gradient_noise, bounds, equation, equation_noise: what is known of errors and of the fit (:class:`DataProblem`).

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
        weights: Column | None = None,
        gradients: Sequence[Column] | Column | None = None,
        noise: float | None = None,
        gradient_noise: float | None = None,
        bounds: Sequence[str] | str | None = None,
        equation: Sequence[str] | str | None = None,
        equation_noise: float = 0.0,
    ) -> None:
        inputs, outputs = _columns("inputs", inputs), _columns("outputs", outputs)
        if not inputs or not outputs:
            raise InputError(
                f"A table needs at least one input and one output column, but got inputs={inputs}, outputs={outputs}."
            )
        slopes = [] if gradients is None else _columns("gradients", gradients)
        if slopes and len(slopes) != len(inputs) * len(outputs):
            raise InputError(
                f"gradients must name a column for each output and input, here {len(outputs)} x {len(inputs)}, but got {slopes}."
            )
        own = [] if weights is None else _columns("weights", weights)[:1]
        rows = read_rows(path, [*inputs, *outputs, *slopes, *own], Form(decimal, units_row), missing)
        twice = next((n for n in rows.names if rows.names.count(n) > 1), None)
        if twice is not None:
            others = f", gradients {slopes} and weights {own}" if slopes or own else ""
            raise InputError(f"Column {twice!r} occurs twice among the inputs {inputs} and outputs {outputs}{others}.")
        x, y, dy, w = rows.values.split([len(inputs), len(outputs), len(slopes), len(own)], dim=1)
        coords, values = rows.names[: len(inputs)], rows.names[len(inputs) : len(inputs) + len(outputs)]
        super().__init__(
            x,
            y,
            coords,
            values,
            validation=validation,
            test=test,
            scale=scale,
            periodic=periodic,
            sphere=sphere,
            weights=w[:, 0] if own else None,
            noise=noise,
            gradients=dy.unflatten(1, (len(outputs), len(inputs))) if slopes else None,
            gradient_noise=gradient_noise,
            bounds=bounds or (),
            equation=equation,
            equation_noise=equation_noise,
        )
        if rows.dropped:
            self.notes = [f"{rows.dropped:,} of {rows.total:,} rows have a cell that is empty or n/a, and were left out."]


def _columns(key: str, given: Sequence[Column] | Column) -> list[Column]:
    alone = isinstance(given, str) or number(given) is not None
    columns = [given] if alone else given
    if not isinstance(columns, Sequence) or not all(isinstance(c, (str, int)) and not isinstance(c, bool) for c in columns):
        raise InputError(f"{key} must be names of columns, as in {key}=[x,y], or their positions, but got {given!r}.")
    return list(columns)  # type: ignore[arg-type]
