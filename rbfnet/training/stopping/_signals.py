"""Stop a run on SIGINT or SIGTERM: after the current step, or by undoing the step if it takes too long.

All code that changes Lightning's signal handling is here.
"""

from __future__ import annotations

import _thread
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any, cast

import lightning.pytorch as pl

if TYPE_CHECKING:
    from rbfnet.training._solution import Solution

GRACE = 5.0
"""Seconds that the current step has to finish; after that it is undone."""

ONCE = 1.0
"""Repeated SIGTERMs within this many seconds count as one: ``timeout`` signals both the process and its group."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, or SIGINT, during a run.

    Attributes:
        solution: the model after the last complete step, without a verdict; None if no step was completed.

    Example:
        ``try: solution = rbfnet.solve(problem)``, ``except rbfnet.Interrupted as stop: solution = stop.solution``
    """

    solution: Solution | None = None


class Terminated(SystemExit):
    """SIGTERM during a run; if it is not caught, the process exits with code 143.

    Attributes:
        solution: as in :class:`Interrupted`.
    """

    solution: Solution | None = None

    def __init__(self) -> None:
        super().__init__(128 + signal.SIGTERM)


class Stopped(BaseException):
    """Raised to stop a run. Lightning exits the process on a KeyboardInterrupt, but lets this exception propagate."""


class Stop:
    """The signal handler of a run, and what the signals requested.

    Args:
        told: called once with the signal number if the current step is still to be finished.
        replaces: handlers that may be replaced, besides Python's own.

    Attributes:
        number: the first signal; None if there was none.
        waits: whether the current step may take a few seconds to finish.
        broken: the ``time.monotonic`` at which a step was interrupted; None if none was.
        leaving: whether the run is ending, so that signals have no further effect.
        abandon: stops what the run has started, such as worker processes, and removes useless files.
    """

    def __init__(self, told: Callable[[int], object] = lambda number: None, replaces: tuple[Any, ...] = ()) -> None:
        self.told, self.replaces = told, replaces
        self.number: int | None = None
        self.waits = False
        self.broken: float | None = None
        self.abandon: Callable[[], object] = lambda: None
        self.leaving = False
        self._since = 0.0
        self._timer: threading.Timer | None = None

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """The handler: after the first signal the step may finish; a second signal or a timeout interrupts it."""
        now, first = time.monotonic(), self.number is None
        if first:
            self.number, self._since = number, now
        elif number == signal.SIGTERM and now - self._since < ONCE:
            return
        # An exception raised inside a finalizer is lost, so a later signal raises it again.
        if self.leaving or (self.broken is not None and now - self.broken < GRACE):
            return
        if first and self.waits:
            self._timer = threading.Timer(GRACE, lambda: _again(number))
            self._timer.daemon = True
            self._timer.start()
            self.told(number)
            return
        self.broken = now
        raise Stopped

    def leaves(self) -> None:
        """The run is ending: there is no step left to interrupt."""
        self.leaving = True
        if self._timer is not None:
            self._timer.cancel()

    def error(self, solution: Solution | None = None) -> Interrupted | Terminated:
        """The exception for the caller of the run."""
        error = Interrupted() if self.number == signal.SIGINT else Terminated()
        error.solution = solution
        return error


def _again(number: int) -> None:
    """Send the signal again to the main thread, to wake it if it sleeps."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, number)
    else:
        _thread.interrupt_main(signal.Signals(number))


@contextmanager
def watched(stop: Stop) -> Iterator[None]:
    """Handle signals with ``stop`` inside the context; the previous handlers are restored afterwards.

    A handler set by the user is kept. Outside the main thread, which alone receives signals, nothing is done.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        for number, handler in before.items():
            if handler in (signal.default_int_handler, signal.SIG_DFL, *stop.replaces):
                signal.signal(number, stop)
        yield
    finally:
        stop.leaves()
        for number, handler in before.items():
            if handler is not None:
                signal.signal(number, handler)


def keep_quiet(trainer: pl.Trainer) -> None:
    """Disable Lightning's SIGTERM handler, which communicates between processes in the middle of a step and deadlocks."""
    cast(Any, trainer)._signal_connector._sigterm_notifier_fn = lambda number, frame: None


def end_after_this_epoch(trainer: pl.Trainer) -> None:
    """Make Lightning exit with a SIGTERMException once it has logged the epoch that just ended."""
    cast(Any, trainer)._signal_connector.received_sigterm = True
