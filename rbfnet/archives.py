"""Check the claimed contents of a zip archive before reading it.

PyTorch's checkpoints and programs and NumPy's NPZ files are zip archives. A small file can claim any number of bytes, and a
pickle in it can name any function.
"""

from __future__ import annotations

import pickletools
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rbfnet.errors import InputError
from rbfnet.memory import budget

MEMBERS = 100_000
"""More members than any valid archive has."""

STORAGES = ("Double", "Float", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool")

NAMES = {
    "collections OrderedDict", "torch._utils _rebuild_tensor_v2", "torch._utils _rebuild_parameter", "torch Size",
    *(f"torch {name}Storage" for name in STORAGES),
}  # fmt: skip
"""All that tensors and plain data name in a pickle. ``weights_only`` of PyTorch allows more, such as a bytearray of any size."""

PICKLED = 1 << 22
"""Bytes of the pickle without its tensors: honest ones have some ten thousand."""


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
        raise InputError(f"{str(file)!r} is compressed, unlike files of PyTorch: it was not written by rbfnet.")
    # Overlapping members claim more data than the file has.
    if stored and claimed > file.stat().st_size:
        raise InputError(f"{str(file)!r} claims more data than it holds: it was not written by rbfnet.")


def _room() -> str:
    return f"at most {budget() / 1e9:,.0f} GB (half of this machine's memory) are read"


def require_plain(what: str, found: zipfile.ZipFile) -> None:
    """Raise InputError unless an archive of PyTorch's holds tensors and plain data alone; nothing of it is unpickled.

    Args:
        what: the file, for the message.
        found: the archive.
    """
    pickles = [member for member in found.infolist() if member.filename.endswith(".pkl")]
    if len(pickles) != 1 or pickles[0].filename.count("/") != 1 or not pickles[0].filename.endswith("/data.pkl"):
        raise InputError(f"{what!r} cannot be read: it must hold one data.pkl, but has {len(pickles)}.")
    if pickles[0].file_size > PICKLED:
        raise InputError(f"{what!r} cannot be read: its data.pkl has more than {PICKLED:,} bytes.")
    try:
        named = {
            given if code.name == "GLOBAL" else code.name
            for code, given, _ in pickletools.genops(found.read(pickles[0]))
            if code.name in ("GLOBAL", "STACK_GLOBAL", "INST", "EXT1", "EXT2", "EXT4")
        }
    except (ValueError, OverflowError, RuntimeError, zipfile.BadZipFile) as error:
        raise InputError(f"{what!r} cannot be read: {(str(error).splitlines() or ['it is damaged'])[0].rstrip('.')}.") from None
    if strange := sorted(map(str, named - NAMES)):
        raise InputError(f"{what!r} cannot be read: {strange[0][:100]!r} is not data.")
