"""A command leaves the process as it was, for whoever calls it from Python."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

VARIABLES = ("HYDRA_FULL_ERROR", "OMP_WAIT_POLICY")
"""What commands set."""


@contextmanager
def left_as_found() -> Iterator[None]:
    """Put arguments, paths of modules, environment variables and the garbage collector back."""
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
    """Within, imports: the garbage collector stays away meanwhile, and from what they have made for as long as the command runs.

    PyTorch and Lightning make hundreds of thousands of objects that all stay. Looking through them again and again as they grow
    in number, and once more when the process ends, takes about as long as importing PyTorch does.
    """
    collects, modules = gc.isenabled(), len(sys.modules)
    gc.disable()
    try:
        yield
    finally:
        # Where nothing was imported, as in the second run of several, there may be garbage of the first.
        if len(sys.modules) > modules:
            gc.freeze()
        if collects:
            gc.enable()
