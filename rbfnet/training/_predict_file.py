"""Evaluate a solution at the points in a file, block by block, and write the values to another file."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from rbfnet.domains import batches
from rbfnet.errors import InputError
from rbfnet.extras import require
from rbfnet.tables import PLAIN, Form, kind_of
from rbfnet.training._asked import What
from rbfnet.training._solution import Solution
from rbfnet.training._value_files import VTK, Cells, columns_at, require_space, vertices_and_cells, write_mesh

MESHES = (".vtu", ".vtk", ".msh", ".mesh", ".xdmf", ".inp", ".stl", ".off", ".bdf", ".med", ".su2")
"""Extensions of mesh files whose vertices can be used as points."""

BATCH = 2**14
"""Number of vertices per batch."""

Write = Callable[[dict[str, np.ndarray]], None]


def predict_file(
    solution: Solution,
    source: str | Path,
    path: str | Path,
    what: What | None = None,
    form: Form = PLAIN,
    done: Callable[[int, int | None], None] | None = None,
) -> int:
    r"""Write coordinates and values for each row of a table or each vertex of a mesh; returns the number of points.

    For CSV and Parquet files memory use does not depend on the size. The output replaces an existing file once it is complete.

    Args:
        solution: the solution to evaluate.
        source: ``.csv`` and the like, ``.npz`` or ``.parquet`` with a column for each coordinate; or a mesh.
        path: ``.csv``, ``.npz`` or ``.parquet``; ``.vtu`` or ``.vtk``.
        what: as in :meth:`Solution.predict`.
        form: the format of a text file.
        done: called with the number of points done so far and, for a mesh, their total number.

    Raises:
        InputError: input that :func:`rbfnet.domains.read_columns` or :meth:`Solution.predict` rejects.

    Example:
        >>> import numpy as np, rbfnet, tempfile
        >>> from pathlib import Path
        >>> from rbfnet.training import predict_file
        >>> solution = rbfnet.fit(np.linspace(0, 1, 20), np.linspace(0, 2, 20), coords=["x"], outputs=["u"])
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     points, out = Path(directory, "points.csv"), Path(directory, "out.csv")
        ...     written = points.write_text("x\n0.5\n0.25\n")
        ...     count = predict_file(solution, points, out, ["u_x"])
        ...     header = out.read_text().splitlines()[0]
        >>> count, header
        (2, 'x,u_x')
    """
    file, given, names = Path(path), Path(source), solution.names.coords
    part = file.with_name(f".{os.getpid()}.part{''.join(file.suffixes[-1:])}")
    if file.suffix.lower() in VTK:
        require_space(names)
    count, cells, of = 0, None, None
    parts: Iterator[np.ndarray]
    if is_mesh(given):
        vertices, cells = vertices_and_cells(given, names)
        of, parts = len(vertices), (vertices[start : start + BATCH] for start in range(0, len(vertices), BATCH))
    else:
        parts = batches(given, names, form)
    try:
        with _writer(part, names, cells) as write:
            for values in parts:
                write(columns_at(solution, values, what, progress=False))
                count += len(values)
                if done is not None:
                    done(count, of)
            if not count:
                raise InputError(f"{str(source)!r} has a header but no rows; at least one is needed.")
        os.replace(part, file)
    finally:
        part.unlink(missing_ok=True)
    return count


def is_mesh(file: Path) -> bool:
    """Whether a file has the extension of a mesh."""
    return file.suffix.lower() in MESHES


@contextmanager
def _writer(part: Path, coords: Sequence[str], cells: Cells | None) -> Iterator[Write]:
    """A function that writes some rows; NPZ files and meshes are written at the end, for they are made of whole columns."""
    ending = part.suffix.lower()
    if ending in (*VTK, ".npz"):
        parts: list[dict[str, np.ndarray]] = []
        yield parts.append
        whole = {name: np.concatenate([one[name] for one in parts]) for name in parts[0]}
        if ending in VTK:
            write_mesh(part, coords, whole, cells)
        else:
            np.savez(part, **whole)  # type: ignore[arg-type]
    elif kind_of(part) == "text":
        with part.open("w", newline="", encoding="utf-8") as out:
            writer = csv.writer(out)

            def write_text(columns: dict[str, np.ndarray]) -> None:
                if not out.tell():
                    writer.writerow(columns)
                writer.writerows(zip(*(map(repr, column.tolist()) for column in columns.values()), strict=True))

            yield write_text
    else:
        require("pyarrow.parquet", "parquet", "A Parquet file")
        import pyarrow
        import pyarrow.parquet

        opened: list[Any] = []

        def write_parquet(columns: dict[str, np.ndarray]) -> None:
            table = pyarrow.table(columns)
            if not opened:
                opened.append(pyarrow.parquet.ParquetWriter(part, table.schema))
            opened[0].write_table(table)

        try:
            yield write_parquet
        finally:
            for writer in opened:
                writer.close()
