"""Files that are written whole or not at all: whatever happens meanwhile, there is the old one or the new one."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

from rbfnet.errors import InputError, WriteError
from rbfnet.memory import budget

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
GONE = {errno.ENOENT, errno.ENOTDIR}


def write_whole(path: Path, data: bytes | memoryview | str) -> None:
    """Write a file beside its place and put it there, in one step of the file system; a link at its place is replaced.

    The directory is made, but not those above it: a run directory that has gone is not made again with one file in it.

    Raises:
        WriteError: the file system refuses; what was there is still there.
    """
    content = data.encode("utf-8") if isinstance(data, str) else data
    # In the same directory, for only within one file system a file is replaced in one step. Only one run writes there.
    part = path.with_name(f"{path.name}.part")
    try:
        if not path.parent.exists():
            path.parent.mkdir(exist_ok=True)
        part.unlink(missing_ok=True)
        try:
            with part.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
        except BaseException:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise write_error(path, error) from error
    _sync(path.parent)


def append_whole(path: Path, data: bytes) -> None:
    """Add to a file that is there; where not all can be added, nothing is.

    Raises:
        WriteError: the file system refuses; what was there is still there.
    """
    try:
        file = os.open(path, os.O_WRONLY | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
        try:
            size, rest = os.fstat(file).st_size, memoryview(data)
            try:
                while rest:
                    rest = rest[os.write(file, rest) :]
            except BaseException:
                os.ftruncate(file, size)
                raise
        finally:
            os.close(file)
    except OSError as error:
        raise write_error(path, error) from error


def write_error(path: Path, error: OSError) -> WriteError:
    """The error for a file that the file system refuses to write."""
    ways = {
        "free some space": FULL,
        "make the directory writable": FORBIDDEN,
        "put the directory back, or start another run": GONE,
    }
    way = next((f"; {way}" for way, numbers in ways.items() if error.errno in numbers), "")
    return WriteError(f"{str(path)!r} cannot be written: {error.strerror or error}{way}.")


def read(path: Path) -> bytes:
    """The content of a file.

    Raises:
        InputError: it cannot be read, or is larger than half of this machine's memory.
    """
    try:
        if (size := path.stat().st_size) > budget():
            raise InputError(f"{str(path)!r} has {size / 1e9:,.1f} GB; at most {budget() / 1e9:,.1f} GB are read.")
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{str(path)!r} cannot be read: {error.strerror or error}.") from None


def _sync(directory: Path) -> None:
    """Have the new name of a file survive a loss of power, where directories can be synchronised."""
    with suppress(OSError):
        file = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)
