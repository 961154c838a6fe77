"""Build a run from a config."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.loggers import Logger

from rbfnet.config import require_config, several
from rbfnet.kernels import Kernel
from rbfnet.problems import Problem
from rbfnet.solvers import Solver
from rbfnet.training._choose_solver import choose_solver
from rbfnet.training._isolated import ProcessState, isolated, seed_everything
from rbfnet.training._local_model import chosen_network
from rbfnet.training._model import DTYPES, build_model
from rbfnet.training._prepare import prepare
from rbfnet.training.callbacks import Adaptive, Checkpoints, FitProgress
from rbfnet.training.foreign import logger, require_inside
from rbfnet.training.runs._auto_kernel import TARGET, AutoKernel
from rbfnet.training.runs._construct import construct
from rbfnet.training.runs._run import Run
from rbfnet.training.verdict import accuracy_for


def build(config: Mapping[str, Any], *, fresh: bool = True, trust: Iterable[str] | None = None) -> Run:
    """Build problem, kernel, solver, network and Trainer from a resolved config (see ``configs/train.yaml``).

    Args:
        config: a resolved config as plain data.
        fresh: whether the run directory must be empty or missing.
        trust: None trusts the config, which the user typed. For a config from a run directory: the user's modules that may be
            imported in addition to what rbfnet exports.

    Raises:
        InputError: any mistake in the config; nothing has been written.
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
        solver = construct(plain["solver"], Solver, "solvers", trust)
        if trust is None and plain["kernel"].get("_target_") == TARGET:
            plain["kernel"] = AutoKernel().chosen_for(problem, plain["network"], solver, dtype)
        kernel = construct(plain["kernel"], Kernel, "kernels", trust)
        callbacks = [_callback(node, trust) for node in several("callbacks", plain).values()]
        solver = choose_solver(solver, problem, kernel, plain["network"], dtype, plain["trainer"], callbacks)
        plain["network"] = chosen_network(problem, plain["network"], solver)
        model = build_model(problem, kernel, plain["network"], solver, dtype)
        loggers = [_logger(node, trust) for node in several("logger", plain).values()]
        checkpoints = Checkpoints(directory / "checkpoints" / "last.ckpt")
        prepared = prepare(problem, model, solver, plain["trainer"], loggers, [checkpoints, FitProgress(), *callbacks], plain)
        return Run(plain, directory, model, prepared, started, accuracy, ProcessState.now(), checkpoints)


def _callback(node: Mapping[str, Any], trust: Iterable[str] | None) -> pl.Callback:
    """Build a callback of rbfnet, of the user or of Lightning."""
    ours = str(node["_target_"]).startswith("rbfnet.")
    return construct(node, Adaptive if ours else pl.Callback, "training", trust)


def _logger(node: Mapping[str, Any], trust: Iterable[str] | None) -> Any:
    if trust is not None:
        return logger(node)
    if node["_target_"] == "lightning.pytorch.loggers.CSVLogger":
        node = {**node, "_target_": "rbfnet.training.storage.Metrics"}
    return construct(node, Logger, "training")
