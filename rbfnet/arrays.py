"""Check NPZ files before reading them: the names of their arrays, and whether they hold the rows they claim."""

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
    """Raise InputError if an array claims more rows than it holds or than fit into memory."""
    with archive(file, stored=False) as found:
        members = {member.filename.removesuffix(".npy"): member for member in found.infolist()}
        for name in dict.fromkeys(names):
            _require_rows(file, name, found, members[name])


def length(file: Path) -> int:
    """The number of entries that the first array of an NPZ file claims."""
    with archive(file, stored=False) as found:
        member = found.infolist()[0]
        return math.prod(_header(file, member.filename.removesuffix(".npy"), found, member)[0])


def _require_rows(file: Path, name: str, found: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    shape, dtype, stored = _header(file, name, found, member)
    require_memory(f"The number of entries of array {name!r} of {str(file)!r}", math.prod(shape))
    if not dtype.hasobject and math.prod(shape) * dtype.itemsize != stored:
        raise InputError(f"Array {name!r} of {str(file)!r} claims {math.prod(shape):,} entries, but has {stored:,} bytes.")


def _header(file: Path, name: str, found: zipfile.ZipFile, member: zipfile.ZipInfo) -> tuple[tuple[int, ...], Any, int]:
    """The claimed shape of an array, its dtype and its size in bytes."""
    from numpy.lib import format as npy

    try:
        with found.open(member) as array:
            read = npy.read_array_header_1_0 if npy.read_magic(array) == (1, 0) else npy.read_array_header_2_0
            shape, _, dtype = read(array)
            return shape, dtype, member.file_size - array.tell()
    except (ValueError, OSError, EOFError, RuntimeError, NotImplementedError, zlib.error) as error:
        raise InputError(f"Array {name!r} of {str(file)!r} cannot be read: {str(error).splitlines()[0].rstrip('.')}.") from None
