"""From a config to a run, and from a run to a run directory."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from hydra.utils import instantiate

from rbfnet.config import require_config, require_fresh, several
from rbfnet.kernels import Kernel
from rbfnet.problems import Problem
from rbfnet.solvers import Solver
from rbfnet.training._finite import Diverged
from rbfnet.training._isolated import ProcessState, isolated, seed_everything
from rbfnet.training._model import Network, build_model
from rbfnet.training._solution import Solution
from rbfnet.training._train import DTYPES, Prepared, Terminated, prepare, quiet, train
from rbfnet.training.callbacks import Adaptive, Checkpoints, FitProgress
from rbfnet.training.foreign import logger, require_inside
from rbfnet.training.runs._construct import construct
from rbfnet.training.runs._run_directory import enter, write_config, write_solution
from rbfnet.training.storage import Lock
from rbfnet.training.verdict import accuracy_for


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
    checkpoints: Checkpoints
    checkpoint: Path | None = None
    lock: Lock | None = None

    def execute(self) -> Solution:
        """Train, and write the run directory.

        Raises:
            InputError: another run is in the directory.
            WriteError: a file cannot be written.
        """
        with isolated():
            self.state.restore()
            if not self.prepared.trainer.is_global_zero:
                return self._execute(self.prepared.trainer)
            made = [path for path in (self.directory, *self.directory.parents) if not path.exists()]
            lock = self.lock or enter(self.directory)
            try:
                if self.lock is None:
                    # Another may have been there since this one was built.
                    require_fresh(self.directory)
                return self._first(made)
            finally:
                lock.release()

    def _first(self, made: Sequence[Path]) -> Solution:
        """What the first process does; ``made`` are the directories that this run has made."""
        try:
            write_config(self.directory, self.config)
            return self._execute(self.prepared.trainer)
        except BaseException as error:
            if not self._is_kept(error) and self.lock is None:
                # Nothing that has been trained is kept: nothing is left, of the directories above neither.
                shutil.rmtree(self.directory, ignore_errors=True)
                for path in made[1:]:
                    with suppress(OSError):
                        path.rmdir()
            raise

    def _is_kept(self, error: BaseException) -> bool:
        """Whether what there is by the time of an error is worth going on from."""
        steps, trainer = self.checkpoints.steps, self.prepared.trainer
        if trainer.world_size == 1 and isinstance(error, KeyboardInterrupt):
            # The step that it breaks into is given up. (Several processes cannot wait for one another's steps.)
            return bool(steps)
        return steps is not None and bool(trainer.global_step or trainer.world_size > 1)

    @property
    def last(self) -> Path:
        """The checkpoint that the run would go on from."""
        return self.checkpoints.path

    def _execute(self, trainer: pl.Trainer) -> Solution:
        with quiet():
            try:
                solution = train(
                    self.prepared,
                    seed=self.config["seed"],
                    started=self.started,
                    checkpoint=self.checkpoint,
                    accuracy=self.accuracy,
                    keep=partial(self._keep, trainer),
                )
            except (Diverged, Terminated) as error:
                # What has been trained is not lost. A step that anything else has broken into is given up, and the last
                # checkpoint stays as it is.
                self._keep(trainer)
                if isinstance(error, Diverged) and trainer.is_global_zero:
                    write_solution(self.directory, error.solution, self.config["figures"], self.config)
                raise
            if trainer.is_global_zero:
                write_solution(self.directory, solution, self.config["figures"], self.config)
        return solution

    def _keep(self, trainer: pl.Trainer) -> None:
        """Write a checkpoint, unless there is nothing new to keep."""
        if trainer.global_step and not self.checkpoints.over:
            self.checkpoints.save(trainer)


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
    if trust is not None:
        require_inside(plain, directory)
    dtype = DTYPES[plain["dtype"]]
    with isolated(dtype):
        seed_everything(plain["seed"])
        problem = construct(plain["problem"], Problem, "problems", trust)
        accuracy = accuracy_for(problem, plain.get("accuracy"))
        kernel = construct(plain["kernel"], Kernel, "kernels", trust)
        solver = construct(plain["solver"], Solver, "solvers", trust)
        model = build_model(problem, kernel, plain["network"], solver, dtype)
        loggers = [_logger(node, trust) for node in several("logger", plain).values()]
        checkpoints = Checkpoints(directory / "checkpoints" / "last.ckpt")
        callbacks = [_callback(node, trust) for node in several("callbacks", plain).values()]
        prepared = prepare(problem, model, solver, plain["trainer"], loggers, [checkpoints, FitProgress(), *callbacks], plain)
        return Run(plain, directory, model, prepared, started, accuracy, ProcessState.now(), checkpoints)


def _callback(node: Mapping[str, Any], trust: Iterable[str] | None) -> pl.Callback:
    """One of rbfnet's, which move points, or any of the user's or of Lightning's own."""
    ours = str(node["_target_"]).startswith("rbfnet.")
    return construct(node, Adaptive if ours else pl.Callback, "training", trust)


def _logger(node: Mapping[str, Any], trust: Iterable[str] | None) -> Any:
    if trust is not None:
        return logger(node)
    if node["_target_"] == "lightning.pytorch.loggers.CSVLogger":
        node = {**node, "_target_": "rbfnet.training.storage.Metrics"}
    return instantiate(node)
