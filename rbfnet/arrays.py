"""NPZ files, looked at before anything is read: what their arrays are called, and whether they have the rows that they claim."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rbfnet.archives import archive
from rbfnet.errors import InputError
from rbfnet.memory import require_memory


def arrays_in(file: Path) -> list[str]:
    """The names of the arrays."""
    with archive(file, stored=False) as found:
        return [member.filename.removesuffix(".npy") for member in found.infolist()]


def require_arrays(file: Path, names: Sequence[str]) -> None:
    """Raise InputError where one of the arrays claims more rows than it has, or than there is room for."""
    with archive(file, stored=False) as found:
        members = {member.filename.removesuffix(".npy"): member for member in found.infolist()}
        for name in dict.fromkeys(names):
            _require_rows(file, name, found, members[name])


def length(file: Path) -> int:
    """How many entries the first array of an NPZ file claims to have."""
    with archive(file, stored=False) as found:
        member = found.infolist()[0]
        return math.prod(_header(file, member.filename.removesuffix(".npy"), found, member)[0])


def _require_rows(file: Path, name: str, found: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    shape, dtype, stored = _header(file, name, found, member)
    require_memory(f"The number of entries of array {name!r} of {str(file)!r}", math.prod(shape))
    if not dtype.hasobject and math.prod(shape) * dtype.itemsize != stored:
        raise InputError(f"Array {name!r} of {str(file)!r} claims {math.prod(shape):,} entries, but has {stored:,} bytes.")


def _header(file: Path, name: str, found: zipfile.ZipFile, member: zipfile.ZipInfo) -> tuple[tuple[int, ...], Any, int]:
    """The shape that an array claims, its type, and how many bytes it has."""
    from numpy.lib import format as npy

    try:
        with found.open(member) as array:
            read = npy.read_array_header_1_0 if npy.read_magic(array) == (1, 0) else npy.read_array_header_2_0
            shape, _, dtype = read(array)
            return shape, dtype, member.file_size - array.tell()
    except (ValueError, OSError, EOFError, RuntimeError, NotImplementedError, zlib.error) as error:
        raise InputError(f"Array {name!r} of {str(file)!r} cannot be read: {str(error).splitlines()[0].rstrip('.')}.") from None
