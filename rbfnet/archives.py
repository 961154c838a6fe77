"""What a zip archive claims to hold, looked at before any of it is read.

PyTorch's checkpoints and programs and NumPy's NPZ files are zip archives. A small file can claim any number of bytes.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rbfnet.errors import InputError
from rbfnet.memory import budget

MEMBERS = 100_000
"""More than any honest archive has."""


@contextmanager
def archive(file: Path, *, stored: bool) -> Iterator[zipfile.ZipFile]:
    """A zip archive whose members fit into half of this machine's memory.

    Args:
        file: of the archive.
        stored: its members must be stored as they are, not compressed, as PyTorch writes them.

    Raises:
        InputError: no zip archive, or one that claims more than there is room for.
    """
    if file.stat().st_size > budget():
        raise InputError(f"{str(file)!r} has {file.stat().st_size / 1e9:,.1f} GB; {_room()}.")
    try:
        with zipfile.ZipFile(file) as found:
            _require_room(file, found, stored)
            yield found
    except (zipfile.BadZipFile, OSError, NotImplementedError, UnicodeDecodeError) as error:
        raise InputError(f"{str(file)!r} cannot be read: {str(error).rstrip('.')}.") from None


def _require_room(file: Path, found: zipfile.ZipFile, stored: bool) -> None:
    members = found.infolist()
    if len(members) > MEMBERS:
        raise InputError(f"{str(file)!r} has {len(members):,} members; at most {MEMBERS:,} are read.")
    claimed = sum(member.file_size for member in members)
    if claimed > budget():
        raise InputError(f"{str(file)!r} claims to hold {claimed / 1e9:,.1f} GB; {_room()}.")
    if stored and any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise InputError(f"{str(file)!r} is compressed, which PyTorch does not do: it was not written by rbfnet.")
    # Members that lie over each other stand for more than the file has.
    if stored and claimed > file.stat().st_size:
        raise InputError(f"{str(file)!r} claims to hold more than it has: it was not written by rbfnet.")


def _room() -> str:
    return f"at most {budget() / 1e9:,.0f} GB are read, half of this machine's memory"
