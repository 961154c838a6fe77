"""A lock that allows one run at a time in a directory."""

from __future__ import annotations

import errno
import os
import weakref
from pathlib import Path

from rbfnet.errors import InputError

try:
    import fcntl
except ImportError:
    # Windows cannot lock directories: nothing is locked there.
    fcntl = None  # type: ignore[assignment]

TAKEN = {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES}


class Lock:
    """A lock on a directory, without a lock file. :meth:`release` or the end of the process, however it ends, frees it.

    On file systems without such locks (some network file systems) nothing is locked.

    Args:
        directory: an existing directory.

    Raises:
        InputError: another run, in this process or another, holds the lock.
    """

    def __init__(self, directory: Path) -> None:
        self._close = lambda: None
        if fcntl is None:
            return
        # Not inherited by child processes.
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
        """Release the lock; a second call does nothing."""
        self._close()
