"""A command leaves the process as it was, for whoever calls it from Python."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

VARIABLES = ("HYDRA_FULL_ERROR", "OMP_WAIT_POLICY")
"""What commands set."""


@contextmanager
def left_as_found() -> Iterator[None]:
    """Put arguments, paths of modules and environment variables back."""
    arguments, paths, variables = sys.argv, list(sys.path), {name: os.environ.get(name) for name in VARIABLES}
    try:
        yield
    finally:
        sys.argv, sys.path[:] = arguments, paths
        for name, value in variables.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
