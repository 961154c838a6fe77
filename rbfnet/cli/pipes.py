"""Discard output that cannot be written, as after ``rbfnet list | head`` or on a full disk; a run continues."""

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
    """A file descriptor that becomes the null device once nothing can be written to it any more."""

    failure: OSError | None = None
    """Why, but for a reader that has left."""

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if not isinstance(error, BrokenPipeError):
                self.failure = error
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.fileno())
            os.close(null)
            return memoryview(data).nbytes


@contextmanager
def dropped_if_unread() -> Iterator[None]:
    """Within the context, writing to standard output or standard error never fails.

    At the end, if standard output could not be written, a sentence goes to standard error and ``SystemExit`` is raised, since a
    program that relies on the output must be told. A reader that has closed its pipe knows already.
    """
    before = sys.stdout, sys.stderr
    (sys.stdout, printed), (sys.stderr, _) = _over(sys.stdout), _over(sys.stderr)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        if printed is not None and printed.failure is not None:
            print(f"rbfnet: Standard output cannot be written: {printed.failure.strerror}.", file=sys.stderr)
        sys.stdout, sys.stderr = before
        if printed is not None and printed.failure is not None:
            raise SystemExit(1)


def _over(stream: TextIO | None) -> tuple[TextIO, _Pipe | None]:
    if stream is None:
        # Closed by the caller, as by >&-. The null device takes its number, which the next file opened would have had otherwise.
        number, encoding, errors = os.open(os.devnull, os.O_WRONLY), "utf-8", None
    else:
        encoding, errors = stream.encoding, stream.errors
        try:
            number = stream.fileno()
        except (AttributeError, OSError):
            # No file at all.
            return stream, None
    pipe = _Pipe(number, "w", closefd=False)
    over = io.TextIOWrapper(io.BufferedWriter(pipe), encoding=encoding, errors=errors, line_buffering=True)
    return cast(TextIO, over), pipe
