"""The worker processes of a run on this machine: started by Lightning, monitored here, and always cleaned up."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import lightning.pytorch as pl
import torch.distributed as dist
from lightning.fabric.utilities.distributed import _set_num_threads_if_needed
from lightning.pytorch.strategies.launchers import _SubprocessScriptLauncher

from rbfnet.errors import InputError

EVERY, PATIENCE = 0.2, 4.0
"""Seconds between checks of the processes, and the time that the first one has to notice a failure by itself."""

LEAVE = 10.0
"""Seconds that the workers have to exit once the first process is done."""


class ProcessLost(RuntimeError):
    """A worker process ended before the run did.

    Attributes:
        code: the exit code of the run: 143 if the process was terminated, 2 for wrong input, else 1.
    """

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


def _lost(number: int, count: int, returned: int) -> ProcessLost:
    how = f"was killed by {signal.Signals(-returned).name}" if returned < 0 else f"ended with code {returned}"
    stopped = returned in (-signal.SIGTERM, 128 + signal.SIGTERM)
    code = 128 + signal.SIGTERM if stopped else 2 if returned == 2 else 1
    return ProcessLost("terminated" if stopped else f"process {number} of {count} {how}; the run was stopped", code)


def _end_at_once(error: ProcessLost) -> None:
    print(f"rbfnet: {error}.", file=sys.stderr, flush=True)
    os._exit(error.code)


class Launcher(_SubprocessScriptLauncher):
    """Lightning's launcher without its observer, which would silently kill the first process too.

    Attributes:
        give_up: called in a thread when a process is lost and the first process, waiting for it, does not notice.
    """

    give_up: Callable[[ProcessLost], object] = staticmethod(_end_at_once)

    def launch(self, function: Callable[..., Any], *args: Any, trainer: pl.Trainer | None = None, **kwargs: Any) -> Any:
        """Start the other processes and call ``function``."""
        self.cluster_environment.validate_settings(num_devices=self.num_processes, num_nodes=self.num_nodes)
        if not self.cluster_environment.creates_processes_externally:
            self._call_children_scripts()
            threading.Thread(target=self._watch, daemon=True, name="further-processes").start()
        _set_num_threads_if_needed(num_processes=self.num_processes)
        return function(*args, **kwargs)

    def require_port(self) -> None:
        """Raise InputError if the rendezvous port of the processes is in use."""
        environment = self.cluster_environment
        if environment.creates_processes_externally or "MASTER_PORT" not in os.environ:
            return
        port = os.environ["MASTER_PORT"]
        if not port.isdecimal() or not 0 < int(port) < 2**16:
            raise InputError(f"MASTER_PORT must be a port number, but is {port!r}.")
        with socket.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                one.bind((environment.main_address, int(port)))
            except OSError as error:
                if error.errno in (errno.EADDRINUSE, errno.EACCES):
                    raise InputError(
                        f"Port {port}, set by MASTER_PORT, is in use or not permitted; choose another or unset MASTER_PORT."
                    ) from None

    def lost_to(self, error: Exception) -> ProcessLost | None:
        """The error for the lost process that caused this error; None if the error is the run's own."""
        broken = isinstance(error, dist.DistError) or (isinstance(error, RuntimeError) and "gloo" in str(error))
        if not broken:
            return None
        # A worker only sees that the connection is broken.
        return self.lost() or (None if self.procs else ProcessLost("another process ended; the run was stopped"))

    def lost(self, within: float = PATIENCE) -> ProcessLost | None:
        """The error for a process that has failed or fails within the next seconds."""
        until = time.monotonic() + within
        while self.procs:
            for number, process in enumerate(self.procs):
                if process.poll():
                    return _lost(number + 2, self.num_processes, process.returncode)
            if time.monotonic() >= until or all(process.poll() == 0 for process in self.procs):
                break
            time.sleep(EVERY)
        return None

    def end(self, patience: float = 0.0) -> None:
        """Wait for all processes, then kill those that are still running."""
        until = time.monotonic() + patience
        for process in self.procs:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, until - time.monotonic()))
            process.kill()
            process.wait()
        self.procs = []

    def _watch(self) -> None:
        while self.procs and any(process.poll() is None for process in self.procs):
            time.sleep(EVERY)
            if error := self.lost(0.0):
                time.sleep(PATIENCE)
                # By now the first process has ended, if it noticed.
                if self.procs:
                    self.give_up(error)
                return


def launched_here(trainer: pl.Trainer) -> Launcher | None:
    """The launcher that replaces Lightning's; None for a run with one process or one launched by a cluster."""
    strategy: Any = trainer.strategy
    if type(strategy.launcher) is _SubprocessScriptLauncher:
        strategy._launcher = Launcher(strategy.cluster_environment, strategy.num_processes, strategy.num_nodes)
    return strategy.launcher if isinstance(strategy.launcher, Launcher) else None
