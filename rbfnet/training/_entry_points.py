"""Read the entry points of installed packages once per process."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from lightning.fabric.utilities import registry

_REGISTRY = cast(Any, registry)
_LOCK = threading.Lock()
_once = functools.cache(_REGISTRY.entry_points)


@contextmanager
def known_entry_points() -> Iterator[None]:
    """Within the context, a new Trainer finds the entry points that the first one found.

    Lightning looks for callbacks in the metadata of all installed packages for each Trainer, which takes longer than a small fit.
    """
    with _LOCK:
        before, _REGISTRY.entry_points = _REGISTRY.entry_points, _once
        try:
            yield
        finally:
            _REGISTRY.entry_points = before
