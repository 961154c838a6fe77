"""The names of the columns in a user's CSV or NPZ file, read without PyTorch."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rbfnet.errors import InputError, unknown
from rbfnet.errors import path as named

FILES = (".csv", ".npz")


def require_file(path: object) -> Path:
    """The path, once there is a file; files of the same kind beside it are named where there is none."""
    file = named("The path of a file", path)
    if not file.is_file():
        near = [p.name for p in sorted(file.parent.iterdir()) if p.suffix == file.suffix][:5] if file.parent.is_dir() else []
        raise InputError(f"There is no file {str(path)!r}{'; here are: ' + ', '.join(near) if near else ''}.")
    return file


def require_columns(path: object, names: Sequence[str]) -> Path:
    """The path of a table, once it has the columns.

    Raises:
        InputError: no such file, another kind of file, or a column that is missing or there twice.
    """
    file = require_file(path)
    kind = file.suffix.lower()
    if kind not in FILES:
        raise InputError(f"Tables are read from .csv or .npz files, but got {str(path)!r}.")
    header = _arrays(file) if kind == ".npz" else _header(file)
    for name in names:
        if name not in header:
            raise unknown(f"column in {str(file)!r} called", name, header)
        if header.count(name) > 1:
            raise InputError(f"{str(file)!r} has {header.count(name)} columns called {name!r}; give each a name of its own.")
    return file


@contextmanager
def rows(file: Path) -> Iterator[Iterator[list[str]]]:
    """The rows of a CSV file, the header first; comma, semicolon or tab, whichever the header has most of."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            first = lines.readline()
            lines.seek(0)
            yield csv.reader(lines, delimiter=max(",;\t", key=first.count))
    except UnicodeDecodeError as error:
        raise InputError(f"{str(file)!r} is not a text file in UTF-8 (byte {error.start}); save it as CSV in UTF-8.") from None
    except csv.Error as error:
        raise InputError(f"{str(file)!r} cannot be read as CSV: {error}.") from None


def _header(file: Path) -> list[str]:
    with rows(file) as reader:
        return [cell.strip() for cell in next(reader, [])]


def _arrays(file: Path) -> list[str]:
    try:
        with zipfile.ZipFile(file) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist()]
    except (zipfile.BadZipFile, OSError) as error:
        raise InputError(f"{str(file)!r} cannot be read as an NPZ file of numbers: {error}.") from None
