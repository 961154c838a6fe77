"""From a config to a run, and from a run to a run directory."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from hydra.utils import instantiate
from lightning.pytorch.callbacks import ModelCheckpoint

from rbfnet.config import require_config, several
from rbfnet.errors import InputError
from rbfnet.kernels import Kernel
from rbfnet.problems import Problem
from rbfnet.solvers import Solver
from rbfnet.training._adaptive import Adaptive
from rbfnet.training._construct import construct
from rbfnet.training._finite import Diverged
from rbfnet.training._isolated import ProcessState, isolated, seed_everything
from rbfnet.training._launcher import LEAVE, ProcessLost, launched_here
from rbfnet.training._model import Network, build_model
from rbfnet.training._progress import FitProgress
from rbfnet.training._run_directory import write_config, write_model, write_solution
from rbfnet.training._solution import Solution
from rbfnet.training._stopping import Stop, Stopped, watched
from rbfnet.training._train import DTYPES, Prepared, as_it_is, fit, measured, prepare, quiet
from rbfnet.training._verdict import accuracy_for

LOGGERS = {"lightning.pytorch.loggers.CSVLogger", "lightning.pytorch.loggers.TensorBoardLogger"}
"""Those a config that was read from a run directory may name."""

CHECKPOINTS = 20
"""About how many times a fit rewrites its checkpoint."""


@dataclass(frozen=True)
class Run:
    """Everything a config describes, built and looked at, with nothing done or written yet.

    ``state`` is that of the process as building has left it, for the run to go on from.
    """

    config: dict[str, Any]
    directory: Path
    model: Network
    prepared: Prepared
    started: float
    accuracy: float
    state: ProcessState
    checkpoint: Path | None = None

    def execute(self, stop: Stop | None = None) -> Solution:
        """Train, and write the run directory.

        Args:
            stop: what signals ask; None for one that nobody else looks at.

        Raises:
            Interrupted, Terminated: the process got SIGINT or SIGTERM; the run can go on from its last checkpoint.
            Diverged: a loss that is not finite.
            ProcessLost: another process of the run has ended.
        """
        stop = stop or Stop()
        launcher = launched_here(self.prepared.trainer)
        made = [path for path in (self.directory, *self.directory.parents) if not path.exists()]

        def abandon() -> None:
            if launcher is not None:
                launcher.end()
            self._leave_nothing_of_no_use(made)

        stop.abandon = abandon
        with isolated(), watched(stop):
            self.state.restore()
            try:
                solution = self._execute(stop)
            except Exception as error:
                lost = None if launcher is None else launcher.lost_to(error)
                if launcher is not None and lost is None:
                    # The others have come to the same end.
                    launcher.end(LEAVE)
                abandon()
                if lost is not None:
                    raise lost from error
                raise
            except Stopped:
                stop.leaves()
                if launcher is not None and stop.broken is None:
                    launcher.end(LEAVE)
                abandon()
                raise stop.error(as_it_is(self.prepared, self.config["seed"], self._seconds)) from None
            stop.leaves()
            if launcher is not None:
                launcher.end(LEAVE)
            return solution

    def on_loss(self, give_up: Callable[[ProcessLost], object]) -> None:
        """Have ``give_up`` called in a thread where another process of the run is lost, and the main thread waits for it."""
        if (launcher := launched_here(self.prepared.trainer)) is not None:
            launcher.give_up = give_up

    @property
    def last(self) -> Path:
        """The checkpoint that the run would go on from."""
        return self.directory / "checkpoints" / "last.ckpt"

    @property
    def _seconds(self) -> float:
        return time.perf_counter() - self.started

    def _leave_nothing_of_no_use(self, made: list[Path]) -> None:
        """Remove what was made, the directories above too, where nothing that has been trained is kept."""
        if self.prepared.trainer.is_global_zero and not self.last.exists():
            shutil.rmtree(self.directory, ignore_errors=True)
            for path in made[1:]:
                with suppress(OSError):
                    path.rmdir()

    def _execute(self, stop: Stop) -> Solution:
        trainer, seed, figures = self.prepared.trainer, self.config["seed"], self.config["figures"]
        first = trainer.is_global_zero
        if first:
            write_config(self.directory, self.config)
        with quiet():
            try:
                fit(self.prepared, stop, self.checkpoint)
            except Diverged as error:
                trainer.save_checkpoint(self.last)
                error.solution = measured(self.prepared, seed, self._seconds, self.accuracy)
                error.solution.summary["stopped"] = str(error)
                if first:
                    write_solution(self.directory, error.solution, figures=figures)
                raise
            except Stopped:
                # Where a step was broken into, the last checkpoint stays.
                if stop.broken is None and trainer.global_step:
                    stop.leaves()
                    trainer.save_checkpoint(self.last)
                raise
            # From here on nothing that was trained can be lost.
            seconds = self._seconds
            trainer.save_checkpoint(self.last)
            if first:
                write_model(self.directory, self.model, self.prepared.module.problem)
            solution = measured(self.prepared, seed, seconds, self.accuracy)
            if first:
                write_solution(self.directory, solution, figures=figures)
        return solution


def build(config: Mapping[str, Any], *, fresh: bool = True, trust: Iterable[str] | None = None) -> Run:
    """Build problem, kernel, solver, network and Trainer from a resolved config (see ``configs/train.yaml``).

    Args:
        config: plain data, nothing left to resolve.
        fresh: the run directory must not hold anything yet.
        trust: None trusts the config, for the user typed it. For one that was read from a run directory, the user's own
            modules that may be imported beside what rbfnet exports; nothing else is.

    Raises:
        InputError: whatever does not fit, in one sentence; nothing has been written then.
    """
    started = time.perf_counter()
    plain = dict(config)
    require_config(plain, fresh=fresh)
    directory = Path(plain["run_dir"])
    dtype = DTYPES[plain["dtype"]]
    with isolated(dtype):
        seed_everything(plain["seed"])
        problem = construct(plain["problem"], Problem, "problems", trust)
        accuracy = accuracy_for(problem, plain.get("accuracy"))
        kernel = construct(plain["kernel"], Kernel, "kernels", trust)
        solver = construct(plain["solver"], Solver, "solvers", trust)
        model = build_model(problem, kernel, plain["network"], solver, dtype)
        loggers = [_logger(node, trust) for node in several("logger", plain).values()]
        checkpoint = ModelCheckpoint(
            dirpath=directory / "checkpoints",
            filename="last",
            every_n_epochs=max(1, solver.max_epochs // CHECKPOINTS),
            save_on_train_epoch_end=True,
            enable_version_counter=False,
        )
        callbacks = [_callback(node, trust) for node in several("callbacks", plain).values()]
        prepared = prepare(problem, model, solver, plain["trainer"], loggers, [FitProgress(), checkpoint, *callbacks], plain)
        return Run(plain, directory, model, prepared, started, accuracy, ProcessState.now())


def _callback(node: Mapping[str, Any], trust: Iterable[str] | None) -> pl.Callback:
    """One of rbfnet's, which move points, or any of the user's or of Lightning's own."""
    ours = str(node["_target_"]).startswith("rbfnet.")
    return construct(node, Adaptive if ours else pl.Callback, "training", trust)


def _logger(node: Mapping[str, Any], trust: Iterable[str] | None) -> Any:
    if trust is not None and (
        node.get("_target_") not in LOGGERS
        or not all(isinstance(value, (str, int, float, bool, type(None))) for value in node.values())
    ):
        raise InputError(f"The config names the logger {node!r}; in a config from elsewhere it is one of {', '.join(LOGGERS)}.")
    return instantiate(node)
