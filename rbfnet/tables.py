"""The names of the columns in a user's CSV or NPZ file, read without PyTorch."""

from __future__ import annotations

import csv
import math
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rbfnet.archives import archive
from rbfnet.errors import InputError, unknown
from rbfnet.errors import path as named
from rbfnet.memory import budget, require_memory

FILES = (".csv", ".npz")

HEADER = 1 << 20
"""Letters that the names of columns have at most."""

PARSED = 8
"""So many times as much memory as the text of a table its numbers take."""


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
    header = _arrays(file, names) if kind == ".npz" else _header(file)
    for name in names:
        if name not in header:
            raise unknown(f"column in {str(file)!r} called", name, header)
        if header.count(name) > 1:
            raise InputError(f"{str(file)!r} has {header.count(name)} columns called {name!r}; give them different names.")
    return file


@contextmanager
def rows(file: Path) -> Iterator[Iterator[list[str]]]:
    """The rows of a CSV file, the header first; comma, semicolon or tab, whichever the header has most of."""
    if (size := file.stat().st_size) > budget() // PARSED:
        most = budget() / PARSED / 1e9
        raise InputError(f"{str(file)!r} has {size / 1e9:,.1f} GB; at most {most:,.1f} GB can be read on this machine.")
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            if len(first := lines.readline(HEADER)) == HEADER:
                raise InputError(f"The header of {str(file)!r} has more than {HEADER:,} characters; it is not a table.")
            lines.seek(0)
            yield csv.reader(lines, delimiter=max(",;\t", key=first.count))
    except UnicodeDecodeError as error:
        raise InputError(f"{str(file)!r} is not a text file in UTF-8 (byte {error.start}); save it as CSV in UTF-8.") from None
    except csv.Error as error:
        raise InputError(f"{str(file)!r} cannot be read as CSV: {error}.") from None


def _header(file: Path) -> list[str]:
    with rows(file) as reader:
        return [cell.strip() for cell in next(reader, [])]


def _arrays(file: Path, names: Sequence[str]) -> list[str]:
    """The names of all arrays; those asked for must not claim more rows than they have, or than there is room for."""
    with archive(file, stored=False) as found:
        members = {member.filename.removesuffix(".npy"): member for member in found.infolist()}
        for name in members.keys() & set(names):
            _require_rows(file, name, found, members[name])
        return [member.filename.removesuffix(".npy") for member in found.infolist()]


def _require_rows(file: Path, name: str, found: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    from numpy.lib import format as npy

    try:
        with found.open(member) as array:
            read = npy.read_array_header_1_0 if npy.read_magic(array) == (1, 0) else npy.read_array_header_2_0
            shape, _, dtype = read(array)
            stored = member.file_size - array.tell()
    except (ValueError, OSError, EOFError, RuntimeError, NotImplementedError, zlib.error) as error:
        raise InputError(f"Array {name!r} of {str(file)!r} cannot be read: {str(error).splitlines()[0].rstrip('.')}.") from None
    require_memory(f"The number of entries of array {name!r} of {str(file)!r}", math.prod(shape))
    if not dtype.hasobject and math.prod(shape) * dtype.itemsize != stored:
        raise InputError(f"Array {name!r} of {str(file)!r} claims {math.prod(shape):,} entries, but has {stored:,} bytes.")
