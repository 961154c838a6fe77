"""Discard output once its reader is gone, as after ``rbfnet list | head``; a run continues."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO, cast

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class _Pipe(io.FileIO):
    """A file descriptor that becomes the null device once the other end is closed."""

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.fileno())
            os.close(null)
            return memoryview(data).nbytes


@contextmanager
def dropped_if_unread() -> Iterator[None]:
    """Within the context, writing to standard output or standard error never fails because the reader is gone."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _over(sys.stdout), _over(sys.stderr)
    try:
        yield
    finally:
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()
        sys.stdout, sys.stderr = before


def _over(stream: TextIO) -> TextIO:
    try:
        number = stream.fileno()
    except (AttributeError, OSError):
        # Closed, or not a file.
        return stream
    pipe = io.BufferedWriter(_Pipe(number, "w", closefd=False))
    return cast(TextIO, io.TextIOWrapper(pipe, encoding=stream.encoding, errors=stream.errors, line_buffering=True))
