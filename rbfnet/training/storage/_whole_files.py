"""Atomic file writes: after a failure at any time there is either the old file or the new one."""

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
    """Write a temporary file and rename it atomically; a link at the destination is replaced.

    The directory is created but not its parents, so that a deleted run directory is not recreated with a single file.

    Raises:
        WriteError: the write failed; the previous content is unchanged.
    """
    content = data.encode("utf-8") if isinstance(data, str) else data
    # In the same directory, because a rename is atomic only within a file system. Only one run writes there.
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
    """Append to an existing file, completely or not at all.

    Raises:
        WriteError: the write failed; the previous content is unchanged.
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
    """The error for a failed write."""
    ways = {
        "free some space": FULL,
        "make the directory writable": FORBIDDEN,
        "restore the directory or start a new run": GONE,
    }
    way = next((f"; {way}" for way, numbers in ways.items() if error.errno in numbers), "")
    return WriteError(f"{str(path)!r} cannot be written: {error.strerror or error}{way}.")


def read(path: Path) -> bytes:
    """Read the content of a file.

    Raises:
        InputError: the file cannot be read or is larger than half of this machine's memory.
    """
    try:
        if (size := path.stat().st_size) > budget():
            raise InputError(f"{str(path)!r} has {size / 1e9:,.1f} GB; the limit is {budget() / 1e9:,.1f} GB.")
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{str(path)!r} cannot be read: {error.strerror or error}.") from None


def _sync(directory: Path) -> None:
    """Make a rename survive a power loss, if directories can be synchronised."""
    with suppress(OSError):
        file = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)
