"""Build and check everything a run needs before it starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.loggers import Logger

from rbfnet.annotations import as_number
from rbfnet.catalogue import snake_case
from rbfnet.errors import InputError, unknown
from rbfnet.nn import Evolving
from rbfnet.operators import LinearModel
from rbfnet.problems import Problem
from rbfnet.solvers import Solver, require_pointwise
from rbfnet.training._callbacks_of_others import check_callbacks
from rbfnet.training._data_module import ProblemData
from rbfnet.training._entry_points import known_entry_points
from rbfnet.training._gradient_check import check_gradient
from rbfnet.training._model import Network
from rbfnet.training._module import TrainingModule
from rbfnet.training._quiet import quiet
from rbfnet.training.callbacks import Adaptive, CheckpointFiles
from rbfnet.training.stopping import launched_here

OPTIONS = {
    "accelerator", "strategy", "devices", "num_nodes", "max_epochs", "max_time", "check_val_every_n_epoch", "log_every_n_steps",
    "gradient_clip_val", "gradient_clip_algorithm", "deterministic", "detect_anomaly", "profiler",
}  # fmt: skip
"""Trainer arguments that the user may set; the others follow from the run or do not apply."""


@dataclass(frozen=True)
class Prepared:
    """Everything a fit needs, checked and not yet started."""

    module: TrainingModule
    data: ProblemData
    trainer: pl.Trainer


def prepare(
    problem: Problem,
    model: Network,
    solver: Solver,
    trainer: Mapping[str, Any],
    loggers: Sequence[Logger] = (),
    callbacks: Sequence[pl.Callback] = (),
    config: dict[str, Any] | None = None,
) -> Prepared:
    """Check everything that can be checked before any work is done or anything is written."""
    dtype = model.weight.dtype
    problem.to(dtype)
    adaptive = [callback for callback in callbacks if isinstance(callback, Adaptive)]
    problem.follow(max([model.num_centers, *(c.most_centers(model) for c in adaptive)]), in_space=isinstance(model, Evolving))
    data = ProblemData(problem, dtype, solver.batch_size, solver.resample)
    module = TrainingModule(model, problem, solver, config)
    module.check(data.samples)
    solver.check(model, problem, data.samples)
    if isinstance(model, LinearModel) and any(stage.solves for stage in solver.stages):
        require_pointwise(model, problem, data.samples)
    module.weigh(data.samples)
    if not all(stage.solves for stage in solver.stages):
        check_gradient(module, data.samples)
    options = _options(trainer, problem, model, solver)
    _require_one_adaptive(adaptive, model, solver)
    check_callbacks(callbacks, problem.named_conditions(), data.validation is not None)
    return Prepared(module, data, _trainer(options, data, solver, loggers, callbacks))


def _options(trainer: Mapping[str, Any], problem: Problem, model: Network, solver: Solver) -> dict[str, Any]:
    """The user's Trainer options, with the solver's number of epochs as default."""
    options = {"max_epochs": solver.max_epochs, **{k: v for k, v in trainer.items() if k != "max_epochs" or v is not None}}
    # Convert to Lightning's types: whole numbers may be written as 2.0 or as text.
    for key in ("max_epochs", "check_val_every_n_epoch", "log_every_n_steps"):
        if key in options:
            options[key] = int(as_number(options[key]))
    if "gradient_clip_val" in options:
        options["gradient_clip_val"] = as_number(options["gradient_clip_val"])
    for stage in solver.stages if options.get("gradient_clip_val") else ():
        if stage.solves or isinstance(stage.optimizer(model, problem), torch.optim.LBFGS):
            raise InputError(
                f"gradient_clip_val breaks {snake_case(type(stage).__name__)}, which needs the true gradient; remove it."
            )
    devices, nodes = options.get("devices", 1), options.get("num_nodes", 1)
    if not solver.distributes(problem) and (nodes != 1 or devices not in (1, "1", "auto")):
        raise InputError(
            f"{snake_case(type(solver).__name__)} runs in one process, but got devices={devices}, num_nodes={nodes}."
        )
    for key in options:
        if key not in OPTIONS:
            raise unknown("option of the trainer called", key, OPTIONS)
    return options


def _require_one_adaptive(adaptive: Sequence[Adaptive], model: Network, solver: Solver) -> None:
    """Raise InputError for callbacks that conflict with each other or with the solver."""
    if len(adaptive) > 1:
        raise InputError("Only one callback may move the points of a run, but two are given; remove one.")
    for callback in adaptive:
        callback.check(model, solver)
    if adaptive and any(stage.balance is not None and stage.balance.per_point for stage in solver.stages):
        raise InputError("A weight per point needs fixed points; use callbacks=none or solver.balance=gradient_norm.")


def _trainer(
    options: Mapping[str, Any], data: ProblemData, solver: Solver, loggers: Sequence[Logger], callbacks: Sequence[pl.Callback]
) -> pl.Trainer:
    # A stage may take other batches than the one before it. (Every `period` epochs is not enough for points that move: a run
    # that is resumed would count from there.)
    moving = any(stage.resample for stage in solver.stages) or any(isinstance(c, Adaptive) for c in callbacks)
    reload = int(moving or len({stage.batch_size for stage in solver.stages}) > 1)
    try:
        with quiet(), known_entry_points():
            trainer = pl.Trainer(
                **options,
                reload_dataloaders_every_n_epochs=reload,
                limit_val_batches=0 if data.validation is None else 1.0,
                precision="64-true" if data.dtype == torch.float64 else "32-true",
                logger=list(loggers) or False,
                callbacks=list(callbacks),
                plugins=[CheckpointFiles()],
                enable_checkpointing=any(isinstance(c, pl.callbacks.Checkpoint) for c in callbacks),
                enable_progress_bar=False,
                enable_model_summary=False,
                num_sanity_val_steps=0,
                use_distributed_sampler=False,
                inference_mode=False,
            )
    except (MisconfigurationException, ValueError, TypeError) as error:
        raise InputError(f"The Trainer cannot be set up with these options: {' '.join(str(error).split())}") from None
    if (launcher := launched_here(trainer)) is not None:
        launcher.require_port()
    return trainer
