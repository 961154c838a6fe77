"""From a config to a run, and from a run to a run directory."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from hydra.utils import instantiate
from lightning.pytorch.callbacks import ModelCheckpoint

from rbfnet.errors import InputError, flag, unknown
from rbfnet.kernels import Kernel
from rbfnet.problems import Problem
from rbfnet.solvers import Solver
from rbfnet.training._adaptive import Adaptive
from rbfnet.training._construct import construct
from rbfnet.training._finite import Diverged
from rbfnet.training._isolated import ProcessState, isolated, seed_everything
from rbfnet.training._model import Network, build_model
from rbfnet.training._progress import FitProgress
from rbfnet.training._run_directory import require_fresh, write_config, write_solution
from rbfnet.training._solution import Solution
from rbfnet.training._train import DTYPES, Prepared, prepare, quiet, train
from rbfnet.training._verdict import accuracy_for

LOGGERS = {"lightning.pytorch.loggers.CSVLogger", "lightning.pytorch.loggers.TensorBoardLogger"}
"""Those a config that was read from a run directory may name."""

KEYS = {
    "problem", "kernel", "network", "solver", "trainer", "logger", "callbacks", "seed", "dtype", "accuracy", "run_dir", "figures",
}  # fmt: skip

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
        with isolated():
            self.state.restore()
            if trainer.is_global_zero:
                write_config(self.directory, self.config)
            try:
                return self._execute(trainer)
            except BaseException:
                if trainer.is_global_zero and not trainer.global_step and self.checkpoint is None:
                    # Nothing has been trained: nothing is left.
                    shutil.rmtree(self.directory, ignore_errors=True)
                raise

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
                    write_solution(self.directory, error.solution, figures=self.config["figures"])
                raise
            finally:
                # Also where the process was told to stop: what has been trained is not lost.
                if trainer.global_step:
                    trainer.save_checkpoint(self.directory / "checkpoints" / "last.ckpt")
            if trainer.is_global_zero:
                write_solution(self.directory, solution, figures=self.config["figures"])
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
    for key in plain.keys() - KEYS:
        raise unknown("config key", key, KEYS)
    for key in KEYS - {"logger", "callbacks", "accuracy"} - plain.keys():
        raise InputError(f"The config lacks {key!r}; put it back.")
    for key in ("problem", "kernel", "network", "solver", "trainer"):
        if not isinstance(plain[key], Mapping):
            raise InputError(f"{key} must be a choice from its group, as in {key}=..., but got {plain[key]!r}.")
    flag("figures", plain["figures"])
    if not isinstance(plain["run_dir"], str):
        raise InputError(f"run_dir must be a path, but got {plain['run_dir']!r}.")
    directory = Path(plain["run_dir"])
    if fresh:
        require_fresh(directory)
    if not isinstance(plain["dtype"], str) or plain["dtype"] not in DTYPES:
        raise unknown("dtype", plain["dtype"], DTYPES)
    dtype = DTYPES[plain["dtype"]]
    with isolated(dtype):
        seed_everything(plain["seed"])
        problem = construct(plain["problem"], Problem, "problems", trust)
        accuracy = accuracy_for(problem, plain.get("accuracy"))
        kernel = construct(plain["kernel"], Kernel, "kernels", trust)
        solver = construct(plain["solver"], Solver, "solvers", trust)
        model = build_model(problem, kernel, plain["network"], solver, dtype)
        logger = _logger(plain["logger"], trust) if plain.get("logger") else False
        checkpoint = ModelCheckpoint(
            dirpath=directory / "checkpoints",
            filename="last",
            every_n_epochs=max(1, solver.max_epochs // CHECKPOINTS),
            save_on_train_epoch_end=True,
            save_on_exception=True,
            enable_version_counter=False,
        )
        callbacks: list[pl.Callback] = [FitProgress(), checkpoint]
        if plain.get("callbacks"):
            callbacks.append(construct(plain["callbacks"], Adaptive, "training", trust))
        prepared = prepare(problem, model, solver, plain["trainer"], logger, callbacks, plain)
        return Run(plain, directory, model, prepared, started, accuracy, ProcessState.now())


def _logger(node: Mapping[str, Any], trust: Iterable[str] | None) -> Any:
    if trust is not None and (
        node.get("_target_") not in LOGGERS
        or not all(isinstance(value, (str, int, float, bool, type(None))) for value in node.values())
    ):
        raise InputError(f"The config names the logger {node!r}; in a config from elsewhere it is one of {', '.join(LOGGERS)}.")
    return instantiate(node)
