"""Progress of a long computation: a live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

LINES = 10
"""Approximate number of lines that a computation prints without a terminal."""


class Steps:
    """Steps done of a known number, time and a status: one live line on a terminal, about ten plain lines otherwise.

    A context manager, which leaves the terminal as it was however the computation ends.

    Args:
        what: is counted.
        total: the number of steps.
        console: where it is shown; standard output if None.
        done: the number already done.
    """

    def __init__(self, what: str, total: int, console: Console | None = None, done: int = 0) -> None:
        self.what, self.total, self.done = what, total, done
        self.console = console or Console()
        self.started = time.perf_counter()
        self._bar: Progress | None = None
        if self.console.is_terminal:
            columns = BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn()
            self._bar = Progress(
                TextColumn("{task.description}", "bold", markup=False),
                *columns,
                TextColumn("{task.fields[status]}", markup=False),
                console=self.console,
            )
            self._task = self._bar.add_task(what, total=total, completed=done, status="")
            self._bar.start()

    def at(self, done: int, status: str = "") -> None:
        """``done`` steps are done now."""
        before, self.done = self.done, done
        step = max(1, self.total // LINES)
        if self._bar is not None:
            self._bar.update(self._task, completed=done, status=status)
        elif done // step > before // step or done == self.total:
            took = f"{time.perf_counter() - self.started:.1f} s"
            text = f"{self.what} {done}/{self.total}  {status or took}"
            self.console.print(text, highlight=False, markup=False, emoji=False, soft_wrap=True)

    def stop(self) -> None:
        """Leave the terminal as it was."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def __enter__(self) -> Steps:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
