"""Execute a run in its own directory, stop it on signals, and save its progress."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rbfnet.config import require_fresh
from rbfnet.training._finite import Diverged
from rbfnet.training._isolated import ProcessState, isolated
from rbfnet.training._model import Network
from rbfnet.training._prepare import Prepared
from rbfnet.training._quiet import quiet
from rbfnet.training._solution import Solution
from rbfnet.training._summary import as_it_is, measured
from rbfnet.training._train import fit
from rbfnet.training.callbacks import Checkpoints
from rbfnet.training.runs._run_directory import enter, write_config, write_solution, write_trained
from rbfnet.training.runs._save import recorded
from rbfnet.training.stopping import LEAVE, Launcher, ProcessLost, Stop, Stopped, launched_here, watched
from rbfnet.training.storage import Lock


@dataclass(frozen=True)
class Run:
    """A run built from a config and checked, with nothing executed or written yet.

    ``state`` is the global state after building, from which the run continues. ``lock`` locks the directory of a resumed run.
    """

    config: dict[str, Any]
    directory: Path
    model: Network
    prepared: Prepared
    started: float
    accuracy: float
    state: ProcessState
    checkpoints: Checkpoints
    checkpoint: Path | None = None
    lock: Lock | None = None

    def execute(self, stop: Stop | None = None) -> Solution:
        """Train, and write the run directory.

        Args:
            stop: the handler of signals; None creates one.

        Raises:
            Interrupted, Terminated: the process received SIGINT or SIGTERM; the run can be resumed from its last checkpoint.
            Diverged: a non-finite loss.
            ProcessLost: another process of the run ended.
            InputError: another run uses the directory.
            WriteError: a file cannot be written.
        """
        stop = stop or Stop()
        first = self.prepared.trainer.is_global_zero
        launcher = launched_here(self.prepared.trainer)
        made = [path for path in (self.directory, *self.directory.parents) if not path.exists()]

        def abandon() -> None:
            if launcher is not None:
                launcher.end()
            if first and self.lock is None and not self._is_kept(stop):
                # Nothing was trained, so remove the run directory and any parents created for it.
                shutil.rmtree(self.directory, ignore_errors=True)
                for path in made[1:]:
                    with suppress(OSError):
                        path.rmdir()

        with isolated(), watched(stop):
            self.state.restore()
            lock = (self.lock or enter(self.directory)) if first else None
            try:
                if first and self.lock is None:
                    # Another run may have used the directory since this one was built.
                    require_fresh(self.directory)
                stop.abandon = abandon
                return self._until_stopped(stop, launcher)
            finally:
                if lock is not None:
                    lock.release()

    def _until_stopped(self, stop: Stop, launcher: Launcher | None) -> Solution:
        """Execute the run; in every case, the additional processes end too."""
        try:
            solution = self._execute(stop)
        except Exception as error:
            lost = None if launcher is None else launcher.lost_to(error)
            if launcher is not None and lost is None:
                # The other processes have ended in the same way.
                launcher.end(LEAVE)
            stop.abandon()
            if lost is not None:
                raise lost from error
            raise
        except Stopped:
            stop.leaves()
            if launcher is not None and stop.broken is None:
                launcher.end(LEAVE)
            stop.abandon()
            raise stop.error(as_it_is(self.prepared, self.config["seed"], self._seconds)) from None
        stop.leaves()
        if launcher is not None:
            launcher.end(LEAVE)
        return solution

    def _is_kept(self, stop: Stop) -> bool:
        """Whether there is anything to resume."""
        steps, trainer = self.checkpoints.steps, self.prepared.trainer
        if trainer.world_size == 1 and stop.number is not None:
            # The interrupted step is discarded: with several processes they cannot wait for each other's steps.
            return bool(steps)
        return steps is not None and bool(trainer.global_step or trainer.world_size > 1)

    def on_loss(self, give_up: Callable[[ProcessLost], object]) -> None:
        """Call ``give_up`` in a thread if another process of the run is lost while the main thread waits for it."""
        if (launcher := launched_here(self.prepared.trainer)) is not None:
            launcher.give_up = give_up

    @property
    def last(self) -> Path:
        """The checkpoint to resume from."""
        return self.checkpoints.path

    @property
    def _seconds(self) -> float:
        return time.perf_counter() - self.started

    def _execute(self, stop: Stop) -> Solution:
        seed, figures, first = self.config["seed"], self.config["figures"], self.prepared.trainer.is_global_zero
        if first:
            write_config(self.directory, self.config)
        with quiet():
            try:
                fit(self.prepared, stop, self.checkpoint)
            except Diverged as error:
                self._keep()
                error.solution = measured(self.prepared, seed, self._seconds, self.accuracy)
                error.solution.summary["stopped"] = str(error)
                if first:
                    write_solution(self.directory, recorded(error.solution), figures, self.config)
                raise
            except Stopped:
                # After an interrupted step, the last checkpoint is kept.
                if stop.broken is None:
                    stop.leaves()
                    self._keep()
                raise
            # From here on no training progress can be lost.
            seconds = self._seconds
            self._keep()
            if first:
                write_trained(self.directory, self.model, self.prepared.module.problem, self.config)
            solution = measured(self.prepared, seed, seconds, self.accuracy)
            if first:
                write_solution(self.directory, recorded(solution), figures, self.config)
        return solution

    def _keep(self) -> None:
        """Write a checkpoint, unless there is nothing new."""
        if self.prepared.trainer.global_step and not self.checkpoints.over:
            self.checkpoints.save(self.prepared.trainer)
