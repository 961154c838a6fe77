"""SIGINT and SIGTERM on the command line: exit at once while there is nothing to lose, or if the run does not respond."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rbfnet.training import Stop

INTERRUPTED = 128 + signal.SIGINT
TERMINATED = 128 + signal.SIGTERM
"""The exit codes after Ctrl-C and after SIGTERM."""

ANSWER = 2.0
"""Seconds that the main thread has to respond to a signal that stops it; a library call can block it."""

LEAVE = 20.0
"""Seconds allowed for cleaning up after an interrupted step."""

NUMBERS = (signal.SIGINT, signal.SIGTERM)


def word(number: int) -> str:
    """The word for how a signal ended a run."""
    return "interrupted" if number == signal.SIGINT else "terminated"


def leave_at_once() -> None:
    """Exit with a message on a signal: some libraries would handle it differently while they are imported."""
    for number in NUMBERS:
        if _is_free(number):
            signal.signal(number, leave)


def leave(number: int, frame: FrameType | None = None) -> None:
    """The handler that exits; only the first process prints a message."""
    if _is_first():
        with suppress(OSError):
            os.write(2, f"rbfnet: {word(number)}.\n".encode())
    os._exit(128 + number)


def raise_from_now_on() -> None:
    """Ctrl-C raises KeyboardInterrupt again, after :func:`leave_at_once`."""
    if signal.getsignal(signal.SIGINT) is leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def left_to_the_first_process() -> None:
    """Ignore Ctrl-C in processes started by Lightning: the first process stops them, and they exit if it is gone."""
    if not _is_first():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        threading.Thread(target=_end_without, args=(os.getppid(),), daemon=True, name="first-process").start()


def _end_without(first: int) -> None:
    while os.getppid() == first:
        time.sleep(0.5)
    os._exit(1)


def end(code: int) -> None:
    """End the process; after a signal at once, because the shutdown of libraries takes seconds."""
    if code in (INTERRUPTED, TERMINATED) or not _is_first():
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)
    sys.exit(code)


@contextmanager
def not_kept_waiting(stop: Stop, give_up: Callable[[int], object]) -> Iterator[None]:
    """Within the context, handle signals even while the main thread is in a long library call or waits for other processes.

    Python runs signal handlers only between bytecode instructions. If that takes too long after a step should have been
    interrupted, ``give_up`` is called with the signal number, in another thread.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reads, writes = os.pipe()
    os.set_blocking(writes, False)
    before = signal.set_wakeup_fd(writes, warn_on_full_buffer=False)
    thread = threading.Thread(target=_listen, args=(reads, stop, give_up), daemon=True, name="signals")
    thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        os.close(writes)
        thread.join()
        os.close(reads)


def _listen(reads: int, stop: Stop, give_up: Callable[[int], object]) -> None:
    """Listen until the other end is closed."""
    from rbfnet.training import GRACE

    heard: list[tuple[float, int]] = []
    while True:
        ready, _, _ = select.select([reads], [], [], 0.2)
        now = time.monotonic()
        if ready:
            data = os.read(reads, 64)
            if not data:
                return
            heard += [(now, number) for number in data if number in NUMBERS]
        if not heard or stop.leaving:
            continue
        (first, number), (last, _) = heard[0], heard[-1]
        if stop.broken is not None:
            until = stop.broken + LEAVE
        elif stop.waits or stop.number is not None:
            # A second Ctrl-C does not wait for the step.
            pressed = [at for at, n in heard[1:] if n == signal.SIGINT]
            until = min([first + GRACE, *pressed]) + ANSWER
        else:
            until = last + ANSWER
        if now > until:
            give_up(number)


def _is_first() -> bool:
    return os.environ.get("LOCAL_RANK", "0") == "0"


def _is_free(number: int) -> bool:
    """Whether the handler may be replaced: only in the main thread, and only if the signal is not ignored."""
    return threading.current_thread() is threading.main_thread() and signal.getsignal(number) not in (None, signal.SIG_IGN)
