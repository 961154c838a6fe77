"""One run at a time in a directory."""

from __future__ import annotations

import errno
import os
import weakref
from pathlib import Path

from rbfnet.errors import InputError

try:
    import fcntl
except ImportError:
    # Windows has no lock on directories: there nothing is locked.
    fcntl = None  # type: ignore[assignment]

TAKEN = {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES}


class Lock:
    """Held on a directory, and in no file: it ends with :meth:`release`, and with the process at the latest, however that ends.

    Where the file system has no such locks (some networks) nothing is locked.

    Args:
        directory: which is there.

    Raises:
        InputError: another run holds it, in this process or another.
    """

    def __init__(self, directory: Path) -> None:
        self._close = lambda: None
        if fcntl is None:
            return
        # Not inherited by programs that are started from here.
        file = os.open(directory, os.O_RDONLY)
        self._close = weakref.finalize(self, os.close, file)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.release()
            if error.errno in TAKEN:
                raise InputError(
                    f"Another process is running in {str(directory)!r}; wait until it is done, or choose another directory."
                ) from None

    def release(self) -> None:
        """Let others in; a second time does nothing."""
        self._close()
