"""One training run, from a problem, a model and a solver to a solution."""

from __future__ import annotations

import logging
import signal
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import lightning.pytorch as pl
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities.exceptions import SIGTERMException

from rbfnet.arguments import as_number
from rbfnet.catalogue import snake_case
from rbfnet.config import DTYPE_NAMES
from rbfnet.errors import InputError, unknown
from rbfnet.nn import Evolving
from rbfnet.operators import LinearModel
from rbfnet.problems import DataProblem, Problem
from rbfnet.solvers import Solver, Solving, require_pointwise
from rbfnet.training._callbacks_of_others import check_callbacks
from rbfnet.training._data_module import ProblemData
from rbfnet.training._finite import Diverged
from rbfnet.training._gradient_check import check_gradient
from rbfnet.training._launcher import launched_here
from rbfnet.training._model import Network
from rbfnet.training._module import TrainingModule
from rbfnet.training._solution import Solution
from rbfnet.training._stopping import Stop, Stopped, keep_quiet, watched
from rbfnet.training.callbacks import Adaptive, CheckpointFiles
from rbfnet.training.verdict import accuracy_for, compared, errors_of, fitted, judge, judge_data

OPTIONS = {
    "accelerator", "strategy", "devices", "num_nodes", "max_epochs", "max_time", "check_val_every_n_epoch", "log_every_n_steps",
    "gradient_clip_val", "gradient_clip_algorithm", "deterministic", "detect_anomaly", "profiler",
}  # fmt: skip
"""Arguments of the Trainer that are the user's; the others follow from the rest of a run, or do not apply to it."""

REMARKS = (
    ".*does not have many workers.*",
    ".*number of training batches.*",
    ".*exists and is not empty.*",
    # Of a run that was moved, with a callback of the user's own.
    ".*The dirpath has changed from.*",
    # Of a checkpoint from before there were callbacks of our own for them; others than the run's are refused where it is read.
    ".*callbacks used to create the checkpoint need to be provided.*",
    # Lightning's own use of PyTorch, not ours.
    ".*isinstance.treespec, LeafSpec.. is deprecated.*",
)
"""Warnings of Lightning's that say nothing about a fit held in memory."""

DTYPES: dict[str, torch.dtype] = {name: getattr(torch, name) for name in DTYPE_NAMES}


@dataclass(frozen=True)
class Prepared:
    """Everything a fit needs, looked at and not yet started."""

    module: TrainingModule
    data: ProblemData
    trainer: pl.Trainer


def train(
    prepared: Prepared,
    *,
    seed: int,
    started: float,
    checkpoint: Path | None = None,
    accuracy: float | None = None,
) -> Solution:
    """Fit within a Lightning Trainer, measure the errors, and judge whether the problem is solved.

    Args:
        prepared: what :func:`prepare` returned.
        seed: for the summary; seeding has been done by whoever built model and problem.
        checkpoint: of the run that is gone on with.
        started: ``time.perf_counter()`` at the call whose seconds are reported: until the last update, before errors and figures.
        accuracy: what the verdict is measured by; see :func:`rbfnet.training.judge`.

    Raises:
        Interrupted, Terminated: the process got SIGINT or SIGTERM; their ``solution`` has the model after the last whole step.
        Diverged: a loss that is not finite; its ``solution`` has the last model before.
    """
    stop = Stop()
    with quiet(), watched(stop):
        try:
            fit(prepared, stop, checkpoint)
            seconds = time.perf_counter() - started
            return measured(prepared, seed, seconds, accuracy)
        except Stopped:
            stop.leaves()
            raise stop.error(as_it_is(prepared, seed, time.perf_counter() - started)) from None
        except Diverged as error:
            error.solution = measured(prepared, seed, time.perf_counter() - started, accuracy)
            error.solution.summary["stopped"] = str(error)
            raise


def fit(prepared: Prepared, stop: Stop, checkpoint: Path | None = None) -> None:
    """Train; within :func:`rbfnet.training._stopping.watched`.

    Raises:
        Stopped: the process was told to stop before the last epoch was done; the model is that after the last whole step.
        Diverged: a loss that is not finite; the model is the last before.
    """
    trainer, prepared.module.stop = prepared.trainer, stop
    keep_quiet(trainer)
    try:
        # Never unpickled: weights_only.
        trainer.fit(prepared.module, datamodule=prepared.data, ckpt_path=checkpoint, weights_only=True)
    except SIGTERMException:
        raise Stopped from None
    except (Stopped, SystemExit) as error:
        if isinstance(error, SystemExit):
            # Lightning makes this of a KeyboardInterrupt, which a handler of the user's has raised.
            if not isinstance(error.__context__, KeyboardInterrupt):
                raise
            stop.number, stop.broken = signal.SIGINT, time.monotonic()
        prepared.module.whole.back()
        raise Stopped from None
    finally:
        stop.waits = False


def as_it_is(prepared: Prepared, seed: int, seconds: float) -> Solution | None:
    """The model of a run that was stopped, neither measured nor judged; None where no step was finished."""
    module, trainer = prepared.module, prepared.trainer
    if module.whole.state is None:
        return None
    model, summary = cast(Network, module.model), _summary(prepared, seed, seconds)
    done, wanted = trainer.current_epoch, trainer.max_epochs
    summary |= {
        "verdict": "not judged",
        "reasons": [f"Stopped after {done} of {wanted} epochs."],
        "residuals": [],
        "estimated_error": None,
    }
    return Solution(model, module.problem, None, summary)


def _summary(prepared: Prepared, seed: int, seconds: float) -> dict[str, Any]:
    """What is known of a run without measuring anything."""
    module, trainer = prepared.module, prepared.trainer
    model = cast(Network, module.model)
    return {
        "problem": snake_case(type(module.problem).__name__),
        "kernel": snake_case(type(model.kernel).__name__),
        "solver": snake_case(type(module.solver).__name__),
        "seed": seed,
        "centers": model.num_centers,
        "epsilon": float(model.epsilon.detach().mean()),
        "parameters": sum(p.numel() for p in model.parameters()),
        "epochs": trainer.current_epoch,
        "seconds": round(seconds, 3),
        "loss": float(trainer.callback_metrics.get("loss", module.last_loss)),
        "errors": None,
    }


def measured(prepared: Prepared, seed: int, seconds: float, accuracy: float | None) -> Solution:
    """The model of a run with its errors and the verdict on it."""
    module = prepared.module
    problem, solver = module.problem, module.solver
    model = cast(Network, module.model)
    solving = [optimizer for optimizer in prepared.trainer.optimizers if isinstance(optimizer, Solving)]
    found = compared(model, problem, solving)
    errors = None
    summary = _summary(prepared, seed, seconds)
    if found is not None:
        summary["errors_by"], difference, y = found
        summary["errors"] = errors = errors_of(difference, y)
        if len(problem.outputs) > 1:
            summary["errors_by_output"] = {
                name: errors_of(difference[:, o : o + 1], y[:, o : o + 1])
                for o, name in enumerate(problem.outputs)
                if not torch.isnan(difference[:, o] + y[:, o]).all()
            }
    if words := [*problem.remarks(), *(sentence for optimizer in solving for sentence in optimizer.words)]:
        summary["words"] = words
    if isinstance(problem, DataProblem):
        verdict = judge_data(problem, *(found or fitted(model, problem)), accuracy_for(problem, accuracy))
    else:
        verdict = judge(module.judged, problem, solver, prepared.data.samples, accuracy)
    summary |= {
        "verdict": verdict.word,
        "reasons": list(verdict.sentences),
        "residuals": list(verdict.residuals),
        "estimated_error": verdict.estimated_error,
    }
    if unknowns := problem.unknowns():
        summary["unknowns"] = {name: unknown.report(problem.domain) for name, unknown in unknowns.items()}
    return Solution(model, problem, errors, summary)


def prepare(
    problem: Problem,
    model: Network,
    solver: Solver,
    trainer: Mapping[str, Any],
    loggers: Sequence[Logger] = (),
    callbacks: Sequence[pl.Callback] = (),
    config: dict[str, Any] | None = None,
) -> Prepared:
    """Everything that can be refused is refused here, before any work is done and anything is written."""
    dtype = model.weight.dtype
    problem.to(dtype)
    stages = solver.stages
    most = [callback.most_centers(model) for callback in callbacks if isinstance(callback, Adaptive)]
    problem.follow(max([model.num_centers, *most]), in_space=isinstance(model, Evolving))
    data = ProblemData(problem, dtype, solver.batch_size, solver.resample)
    module = TrainingModule(model, problem, solver, config)
    module.check(data.samples)
    solver.check(model, problem, data.samples)
    if isinstance(model, LinearModel) and any(stage.solves for stage in stages):
        require_pointwise(model, problem, data.samples)
    module.weigh(data.samples)
    if not all(stage.solves for stage in stages):
        check_gradient(module, data.samples)
    options = {"max_epochs": solver.max_epochs, **{k: v for k, v in trainer.items() if k != "max_epochs" or v is not None}}
    # Lightning's own types: whole numbers may be written as 2.0, or as text.
    for key in ("max_epochs", "check_val_every_n_epoch", "log_every_n_steps"):
        if key in options:
            options[key] = int(as_number(options[key]))
    if "gradient_clip_val" in options:
        options["gradient_clip_val"] = as_number(options["gradient_clip_val"])
    for stage in stages if options.get("gradient_clip_val") else ():
        if stage.solves or isinstance(stage.optimizer(model, problem), torch.optim.LBFGS):
            raise InputError(
                f"gradient_clip_val ruins {snake_case(type(stage).__name__)}, which needs the true gradient; leave it out."
            )
    resample = any(stage.resample for stage in stages)
    adaptive = [callback for callback in callbacks if isinstance(callback, Adaptive)]
    if len(adaptive) > 1:
        raise InputError("Two callbacks that move the points of a run would undo each other; give one.")
    for callback in adaptive:
        callback.check(model, solver)
    if adaptive and any(stage.balance is not None and stage.balance.per_point for stage in stages):
        raise InputError("Weights for each point need points that stay; take callbacks=none, or solver.balance=gradient_norm.")
    check_callbacks(callbacks, problem.named_conditions(), data.validation is not None)
    devices, nodes = options.get("devices", 1), options.get("num_nodes", 1)
    if not solver.distributes(problem) and (nodes != 1 or devices not in (1, "1", "auto")):
        raise InputError(
            f"{snake_case(type(solver).__name__)} runs in one process, but got devices={devices}, num_nodes={nodes}."
        )
    for key in options:
        if key not in OPTIONS:
            raise unknown("option of the trainer called", key, OPTIONS)
    # A stage may take other batches than the one before it. (Every `period` epochs is not enough for points that move: a run
    # that goes on from a checkpoint would count from there.)
    reload = int(bool(resample or adaptive or len({stage.batch_size for stage in stages}) > 1))
    try:
        with quiet():
            lightning_trainer = pl.Trainer(
                **options,
                reload_dataloaders_every_n_epochs=reload,
                limit_val_batches=0 if data.validation is None else 1.0,
                precision="64-true" if dtype == torch.float64 else "32-true",
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
        raise InputError(f"The Trainer cannot be set up so: {' '.join(str(error).split())}") from None
    if (launcher := launched_here(lightning_trainer)) is not None:
        launcher.require_port()
    return Prepared(module, data, lightning_trainer)


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    """Tensors a user's problem makes without a dtype get the run's."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@contextmanager
def quiet() -> Iterator[None]:
    """Lightning's remarks on hardware and loaders that say nothing about a fit held in memory."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [log.level for log in loggers]
    for log in loggers:
        log.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            for message in REMARKS:
                warnings.filterwarnings("ignore", message=message)
            yield
    finally:
        for log, level in zip(loggers, levels, strict=True):
            log.setLevel(level)
