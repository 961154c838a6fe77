from __future__ import annotations

from collections.abc import Sequence

from rbfnet.domains import read_columns
from rbfnet.errors import InputError
from rbfnet.problems._data_problem import DataProblem


class Table(DataProblem):
    """The user's own data: columns of a CSV file with a header, or arrays of an NPZ file.

    Args:
        path: the file, ``.csv`` or ``.npz``.
        inputs: the columns that are the coordinates; a string is one name.
        outputs: the columns to predict.
        validation, test: rows held back, a fraction of all below 1 or a number of rows. By default the model is fitted to all
            rows, and its errors are measured by leaving rows out.

    Raises:
        InputError: a file or column that is not there, cells that are no finite numbers (row and column named), no rows,
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
        self, path: str, inputs: Sequence[str] | str, outputs: Sequence[str] | str, validation: float = 0.0, test: float = 0.0
    ) -> None:
        inputs, outputs = _names("inputs", inputs), _names("outputs", outputs)
        if not inputs or not outputs:
            raise InputError(
                f"A table needs at least one input and one output column, but got inputs={inputs}, outputs={outputs}."
            )
        names = [*inputs, *outputs]
        twice = next((n for n in names if names.count(n) > 1), None)
        if twice is not None:
            raise InputError(f"Column {twice!r} is named twice among the inputs {inputs} and outputs {outputs}.")
        columns = read_columns(path, names)
        x, y = columns[:, : len(inputs)], columns[:, len(inputs) :]
        super().__init__(x, y, coords=inputs, outputs=outputs, validation=validation, test=test)


def _names(key: str, given: Sequence[str] | str) -> list[str]:
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
        raise InputError(f"{key} must be names of columns, as in {key}=[x,y], but got {given!r}.")
    return list(names)
