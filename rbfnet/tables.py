"""Tables in the user's files, read without PyTorch: what their columns are called, and their rows."""

from __future__ import annotations

import csv
import gzip
import itertools
import math
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from rbfnet.arrays import arrays_in, require_arrays
from rbfnet.errors import InputError, unknown
from rbfnet.errors import path as named
from rbfnet.extras import require
from rbfnet.memory import budget

TEXTS = (".csv", ".tsv", ".txt")
FILES = (*TEXTS, *(f"{ending}.gz" for ending in TEXTS), ".npz", ".parquet")
"""How the names of tables end."""

LONGEST = 1 << 20
"""Letters that a line is read by: names of columns have fewer."""

PARSED = 8
"""So many times as much memory as the text of a table its numbers take."""

MARKS = ("#", "%", "//")
"""What a line begins with that is a comment."""

ABSENT = {"", "na", "n/a", "#n/a", "nan", "null", "none", "-", "--", "?", "."}
"""Cells in which there is nothing, in small letters."""

Column = str | int
"""A column by its name, or by its position: 0 is the first, -1 the last."""


@dataclass(frozen=True)
class Form:
    """How a text file is written.

    Attributes:
        decimal: ``"."`` or ``","``.
        units_row: the row below the header holds units, and is skipped.

    Raises:
        InputError: another decimal sign.
    """

    decimal: str = "."
    units_row: bool = False

    def __post_init__(self) -> None:
        if self.decimal not in (".", ","):
            raise InputError(f"decimal is '.' or ',', but got {self.decimal!r}.")
        if not isinstance(self.units_row, bool):
            raise InputError(f"units_row must be true or false, but got {self.units_row!r}.")


PLAIN = Form()


def require_file(path: object) -> Path:
    """The path, once there is a file; files of the same kind beside it are named where there is none."""
    file = named("The path of a file", path)
    if not file.is_file():
        near = [p.name for p in sorted(file.parent.iterdir()) if p.suffix == file.suffix][:5] if file.parent.is_dir() else []
        raise InputError(f"There is no file {str(path)!r}{'; here are: ' + ', '.join(near) if near else ''}.")
    return file


def kind_of(file: Path) -> str:
    """``"text"``, ``"npz"`` or ``"parquet"``.

    Raises:
        InputError: another kind of file.
    """
    name = file.name.lower()
    if not name.endswith(FILES):
        raise InputError(
            f"Tables are read from .csv or .npz files, but got {str(file)!r}; .tsv, .txt, .parquet and packed texts like "
            ".csv.gz are read too."
        )
    return "npz" if name.endswith(".npz") else "parquet" if name.endswith(".parquet") else "text"


def require_columns(path: object, columns: Sequence[Column], form: Form = PLAIN) -> Path:
    """The path of a table, once it has the columns.

    Raises:
        InputError: no such file, another kind of file, or a column that is missing or there twice.
    """
    return located(path, columns, form)[0]


def located(path: object, columns: Sequence[Column], form: Form = PLAIN) -> tuple[Path, list[int], tuple[str, ...]]:
    """The path of a table, where its columns are, and what they are called.

    Raises:
        InputError: see :func:`require_columns`.
    """
    file = require_file(path)
    header = columns_in(file, form)
    found = places(file, header, columns)
    names = tuple(header[at] for at in found)
    if kind_of(file) == "npz":
        require_arrays(file, names)
    return file, found, names


def require_room(path: object) -> None:
    """Raise InputError for a text whose numbers would not fit into this machine's memory all at once."""
    file = require_file(path)
    if kind_of(file) == "text" and (size := file.stat().st_size) > budget() // PARSED:
        most = budget() / PARSED / 1e9
        raise InputError(f"{str(file)!r} has {size / 1e9:,.1f} GB; at most {most:,.1f} GB of text are read on this machine.")


def columns_in(file: Path, form: Form = PLAIN) -> list[str]:
    """The names of the columns of a table."""
    kind = kind_of(file)
    if kind == "npz":
        return arrays_in(file)
    if kind == "parquet":
        return [str(name) for name in parquet(file).schema_arrow.names]
    with rows(file, form) as reader:
        return next(reader, [])


def places(file: Path, header: Sequence[str], columns: Sequence[Column]) -> list[int]:
    """Where in the header the columns are.

    Raises:
        InputError: a column that is missing, or there twice.
    """
    found = []
    for column in columns:
        if isinstance(column, int) and not isinstance(column, bool):
            if not -len(header) <= column < len(header):
                raise InputError(
                    f"There is no column {column} in {str(file)!r}, which has {len(header)}, counted from 0: {', '.join(header)}."
                )
            found.append(column % len(header))
            continue
        if column not in header:
            raise unknown(f"column in {str(file)!r} called", column, header)
        if header.count(str(column)) > 1:
            raise InputError(
                f"{str(file)!r} has {header.count(str(column))} columns called {column!r}; give them different names."
            )
        found.append(header.index(str(column)))
    return found


@contextmanager
def rows(file: Path, form: Form = PLAIN) -> Iterator[Iterator[list[str]]]:
    """The rows of a text file, the header first; comma, semicolon or tab, whichever the header has most of.

    Comments and empty lines are left out. Where numbers follow upon comments at once, the last of these is the header.
    """
    try:
        with _opened(file) as stream:
            lines = (line for line in iter(partial(stream.readline, LONGEST), "") if line.strip())
            head, rest = _head(lines)
            if len(head) == LONGEST:
                raise InputError(f"The header of {str(file)!r} has more than {LONGEST:,} characters; it is not a table.")
            signs = ";\t" if form.decimal == "," else ",;\t"
            delimiter = max(signs, key=head.count)
            reader: Iterator[list[str]] = csv.reader(
                itertools.chain([head], (line for line in rest if not line.lstrip().startswith(MARKS))), delimiter=delimiter
            )
            header = [cell.strip() for cell in next(reader, [])]
            if _is_row(header, form):
                # There is no header: columns are called by their positions.
                reader, header = itertools.chain([header], reader), [str(n) for n in range(len(header))]
            elif form.units_row:
                next(reader, None)
            yield itertools.chain([header] if header else [], reader)
    except UnicodeDecodeError as error:
        raise InputError(f"{str(file)!r} is not a text file in UTF-8 (byte {error.start}); save it as CSV in UTF-8.") from None
    except csv.Error as error:
        raise InputError(f"{str(file)!r} cannot be read as CSV: {error}.") from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"{str(file)!r} cannot be unpacked: {error}.") from None


def _opened(file: Path) -> TextIO:
    if file.name.lower().endswith(".gz"):
        return gzip.open(file, "rt", newline="", encoding="utf-8-sig")
    return file.open(newline="", encoding="utf-8-sig")


def _head(lines: Iterator[str]) -> tuple[str, Iterator[str]]:
    """The line that names the columns, and those after it."""
    comment = ""
    for line in lines:
        if not line.lstrip().startswith(MARKS):
            if comment and _is_number(line.replace(";", ",").replace("\t", ",").split(",")[0]):
                return comment.lstrip().lstrip("#%/").lstrip(), itertools.chain([line], lines)
            return line, lines
        comment = line
    return "", lines


def _is_row(header: Sequence[str], form: Form) -> bool:
    """Whether the first line has numbers that name no columns: not years, nor the positions that pandas writes."""
    found = [number_in(header, at, form) for at in range(len(header))]
    names = all(cell.isdigit() for cell in header) and len(set(header)) == len(header)
    return bool(found) and all(isinstance(value, float) for value in found) and not names


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def number_in(row: Sequence[str], at: int, form: Form = PLAIN) -> float | str | None:
    """The number in a cell; None where there is nothing in it, and the text of a cell that holds no finite number."""
    cell = row[at].strip() if at < len(row) else ""
    if cell.lower() in ABSENT:
        return None
    text = cell
    if form.decimal == ",":
        # With decimal commas 1.234 may well be a thousand.
        text = "" if "." in cell else cell.replace(",", ".")
    try:
        # Python takes 1_000 for a number.
        value = math.nan if "_" in text else float(text)
    except ValueError:
        return cell
    return value if math.isfinite(value) else cell


def complaint(file: Path, line: int, name: str, found: str | None, form: Form = PLAIN, in_text: bool = True) -> InputError:
    """The error for a cell without a finite number; rows are counted from 1 below the header."""
    holds = "is empty" if not found else f"holds {found!r}" if in_text else f"holds {found}"
    hint = "mend or remove the row"
    if (
        found
        and form.decimal == "."
        and "." not in found.rpartition(",")[2]
        and _is_number(found.replace(".", "").replace(",", "."))
    ):
        hint = "a decimal comma is asked for by decimal=','"
    elif not found or found.lower() in ABSENT:
        hint += ", or leave such rows out by missing=drop"
    return InputError(f"Row {line}, column {name!r} of {str(file)!r} {holds}; a finite number is needed: {hint}.")


def parquet(file: Path) -> Any:
    """A Parquet file, opened.

    Raises:
        InputError: the package that reads it is missing, or it is no such file.
    """
    require("pyarrow.parquet", "parquet", "A Parquet file")
    import pyarrow.parquet

    try:
        return pyarrow.parquet.ParquetFile(file)
    except (OSError, ValueError) as error:
        raise InputError(f"{str(file)!r} cannot be read as Parquet: {str(error).splitlines()[0]}.") from None
