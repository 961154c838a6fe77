"""How a run is stopped: by SIGINT and SIGTERM, after the step that is being made or, where that takes long, by undoing it.

All that touches Lightning's own handling of signals is here.
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
"""Seconds that a step has to be finished in; then it is undone."""

ONCE = 1.0
"""Signals to terminate that are less than so many seconds apart are one: ``timeout`` sends it to the process and to its group."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, or SIGINT, during a run.

    Attributes:
        solution: the model after the last whole step, which has not been judged; None where there was none.

    Example:
        ``try: solution = rbfnet.solve(problem)``, ``except rbfnet.Interrupted as stop: solution = stop.solution``
    """

    solution: Solution | None = None


class Terminated(SystemExit):
    """SIGTERM during a run; where nobody catches it the process ends with exit code 143.

    Attributes:
        solution: as that of :class:`Interrupted`.
    """

    solution: Solution | None = None

    def __init__(self) -> None:
        super().__init__(128 + signal.SIGTERM)


class Stopped(BaseException):
    """Raised where a run stops. Lightning exits from the process where it sees a KeyboardInterrupt; this it lets pass."""


class Stop:
    """What signals have asked of a run, whose handler it is.

    Args:
        told: called once with the number of the signal, where a step is still to be finished.
        replaces: handlers that it may take the place of, beside Python's own.

    Attributes:
        number: of the first signal; None if there was none.
        waits: the step that is being made may be finished, for some seconds.
        broken: when a step was broken into, as ``time.monotonic`` tells it; None if none was.
        leaving: the run is at its end, and signals change nothing any more.
        abandon: ends what the run has begun, further processes for example, and leaves nothing behind that is of no use.
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
        """The handler: the first signal lets a step be finished, a second one, or time, breaks into it."""
        now, first = time.monotonic(), self.number is None
        if first:
            self.number, self._since = number, now
        elif number == signal.SIGTERM and now - self._since < ONCE:
            return
        # An exception that is raised in the midst of a finalizer is lost, so that after a while the next one is raised again.
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
        """The run is at its end, or about to leave: there is nothing to break into any more."""
        self.leaving = True
        if self._timer is not None:
            self._timer.cancel()

    def error(self, solution: Solution | None = None) -> Interrupted | Terminated:
        """What is raised to whoever has started the run."""
        error = Interrupted() if self.number == signal.SIGINT else Terminated()
        error.solution = solution
        return error


def _again(number: int) -> None:
    """The signal once more, to the main thread, such that it wakes up if it sleeps."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, number)
    else:
        _thread.interrupt_main(signal.Signals(number))


@contextmanager
def watched(stop: Stop) -> Iterator[None]:
    """Within, signals ask ``stop``; afterwards their handlers are what they were.

    A handler that somebody has set stays. Outside of the main thread, which alone gets signals, nothing is done.
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
    """Lightning's own handler of SIGTERM has processes talk to each other in the midst of a step, and wait for ever."""
    cast(Any, trainer)._signal_connector._sigterm_notifier_fn = lambda number, frame: None


def end_after_this_epoch(trainer: pl.Trainer) -> None:
    """Have Lightning leave, by a SIGTERMException, once it has logged the epoch whose end it is at."""
    cast(Any, trainer)._signal_connector.received_sigterm = True
