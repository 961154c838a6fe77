"""Ctrl-C: at once while nothing is to lose, after the step that is being made while a run trains."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

INTERRUPTED = 128 + signal.SIGINT
TERMINATED = 128 + signal.SIGTERM
"""The exit codes after Ctrl-C, and of a process that was told to stop."""

WORD = "rbfnet: interrupted."


def leave_at_once() -> None:
    """Ctrl-C ends the process with a word: while libraries are imported, some of which would make something else of it."""
    _handle(_leave)


def _leave(number: int, frame: FrameType | None) -> None:
    with suppress(OSError):
        os.write(2, f"{WORD}\n".encode())
    os._exit(INTERRUPTED)


def raise_from_now_on() -> None:
    """Ctrl-C raises KeyboardInterrupt again, after :func:`leave_at_once`."""
    if signal.getsignal(signal.SIGINT) is _leave:
        _handle(signal.default_int_handler)


class Presses:
    """How often Ctrl-C was pressed."""

    def __init__(self) -> None:
        self.count = 0


@contextmanager
def after_the_step(trainer: Trainer) -> Iterator[Presses]:
    """Within, the first Ctrl-C lets the step be finished, as SIGTERM does, and what is trained be written; the second raises.

    A run of a single step has nothing to go on from, and several processes are hard to stop together: there the first one raises.
    """
    presses = Presses()

    def stop(number: int, frame: FrameType | None) -> None:
        presses.count += 1
        # Lightning has a handler of its own for SIGTERM while it trains.
        trains = callable(signal.getsignal(signal.SIGTERM)) and trainer.max_epochs != 1 and trainer.world_size == 1
        if presses.count > 1 or not (trains or trainer.state.finished):
            raise KeyboardInterrupt
        print("rbfnet: interrupted; finishing what is being done. Ctrl-C again stops at once.", file=sys.stderr)
        if trains:
            signal.raise_signal(signal.SIGTERM)

    before = _handle(stop)
    try:
        yield presses
    finally:
        if before is not None:
            signal.signal(signal.SIGINT, before)


def left_to_the_first_process() -> None:
    """Ctrl-C reaches all processes of a run; those that Lightning has started are told by the first."""
    if os.environ.get("LOCAL_RANK", "0") != "0":
        signal.signal(signal.SIGINT, signal.SIG_IGN)


Handler = Callable[[int, FrameType | None], object]


def _handle(handler: Handler) -> Handler | int | None:
    """Set the handler; gives the one before, or None where it stays: outside of the main thread, and where Ctrl-C is ignored."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) in (None, signal.SIG_IGN):
        return None
    return signal.signal(signal.SIGINT, handler)
