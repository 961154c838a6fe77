"""From a config to a run, and from a run to a run directory."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterable, Mapping
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
from rbfnet.training._finite import Diverged
from rbfnet.training._isolated import ProcessState, isolated, seed_everything
from rbfnet.training._model import Network, build_model
from rbfnet.training._solution import Solution
from rbfnet.training._train import DTYPES, Prepared, prepare, quiet, train
from rbfnet.training.callbacks import Adaptive, FitProgress
from rbfnet.training.runs._construct import construct
from rbfnet.training.runs._run_directory import write_config, write_solution
from rbfnet.training.runs._save import recorded
from rbfnet.training.verdict import accuracy_for

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

    def execute(self) -> Solution:
        """Train, and write the run directory."""
        trainer = self.prepared.trainer
        made = [path for path in (self.directory, *self.directory.parents) if not path.exists()]
        with isolated():
            self.state.restore()
            try:
                if trainer.is_global_zero:
                    write_config(self.directory, self.config)
                return self._execute(trainer)
            except BaseException:
                if trainer.is_global_zero and not self.last.exists():
                    # Nothing that has been trained is kept: nothing is left, of the directories above neither.
                    shutil.rmtree(self.directory, ignore_errors=True)
                    for path in made[1:]:
                        with suppress(OSError):
                            path.rmdir()
                raise

    @property
    def last(self) -> Path:
        """The checkpoint that the run would go on from."""
        return self.directory / "checkpoints" / "last.ckpt"

    def _execute(self, trainer: pl.Trainer) -> Solution:
        with quiet():
            try:
                solution = train(
                    self.prepared,
                    seed=self.config["seed"],
                    started=self.started,
                    checkpoint=self.checkpoint,
                    accuracy=self.accuracy,
                )
            except Diverged as error:
                if trainer.is_global_zero:
                    write_solution(self.directory, recorded(error.solution), figures=self.config["figures"])
                raise
            finally:
                # Also where the process was told to stop: what has been trained is not lost. A step that Ctrl-C has broken into
                # is given up, and the last checkpoint stays as it is.
                if trainer.global_step and not isinstance(sys.exc_info()[1], KeyboardInterrupt):
                    trainer.save_checkpoint(self.last)
            if trainer.is_global_zero:
                write_solution(self.directory, recorded(solution), figures=self.config["figures"])
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
