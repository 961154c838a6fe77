"""Restore the state of the process after a command, for callers from Python."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

VARIABLES = ("HYDRA_FULL_ERROR", "OMP_WAIT_POLICY")
"""Environment variables that commands set."""


@contextmanager
def left_as_found() -> Iterator[None]:
    """Restore ``sys.argv``, ``sys.path``, environment variables and the garbage collector."""
    arguments, paths, variables = sys.argv, list(sys.path), {name: os.environ.get(name) for name in VARIABLES}
    none_spared = not gc.get_freeze_count()
    try:
        yield
    finally:
        if none_spared:
            gc.unfreeze()
        sys.argv, sys.path[:] = arguments, paths
        for name, value in variables.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def spared_by_the_collector() -> Iterator[None]:
    """Disable the garbage collector during imports, and exclude the imported objects from collection while the command runs.

    PyTorch and Lightning create hundreds of thousands of permanent objects. Scanning them repeatedly during the import, and
    once more at exit, takes about as long as importing PyTorch.
    """
    collects, modules = gc.isenabled(), len(sys.modules)
    gc.disable()
    try:
        yield
    finally:
        # If nothing was imported, as in the second run of a sweep, there may be garbage from the first.
        if len(sys.modules) > modules:
            gc.freeze()
        if collects:
            gc.enable()
