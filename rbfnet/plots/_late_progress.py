"""Progress of figures that take long."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

from rbfnet.progress import Steps

PATIENCE = 3.0
"""Seconds after which progress is shown."""


@contextmanager
def late_steps(what: str, total: int, shown: bool) -> Iterator[Callable[[int], None]]:
    """Progress on standard error that begins to be shown when the computation has taken a while; gives what tells the step."""
    started, bar = time.perf_counter(), None

    def step(done: int) -> None:
        nonlocal bar
        if shown and bar is None and time.perf_counter() - started > PATIENCE:
            bar = Steps(what, total, Console(stderr=True))
        if bar is not None:
            bar.at(done)

    try:
        yield step
    finally:
        if bar is not None:
            bar.stop()
