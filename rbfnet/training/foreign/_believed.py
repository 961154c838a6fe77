"""Validation of untrusted checkpoints: only data that fits the run described by the config, and no paths.

Lightning trusts the content of a checkpoint: it deletes the files that the state of a ``ModelCheckpoint`` names, and replaces
the attributes of a scheduler. So a new checkpoint is built here for Lightning, part by part, each of the form that the run itself
would write.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import lightning
import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Checkpoint, ModelCheckpoint
from lightning.pytorch.plugins.io import CheckpointIO

from rbfnet.errors import InputError
from rbfnet.nn import Evolving, RBFNetwork
from rbfnet.nn.wrappers import innermost
from rbfnet.operators import LinearModel
from rbfnet.problems import Interior
from rbfnet.training._data_module import ProblemData
from rbfnet.training._module import TrainingModule
from rbfnet.training._prepare import Prepared
from rbfnet.training.callbacks import Adaptive, Grow
from rbfnet.training.foreign._like import count, keyed, like, misfit, real, scalar, tensor
from rbfnet.training.foreign._optimizer_state import believed_optimizers
from rbfnet.training.stopping import make_room

LOOPS = ("fit_loop", "validate_loop", "test_loop", "predict_loop")


def believed(checkpoint: Mapping[str, Any], module: TrainingModule, data: ProblemData, trainer: pl.Trainer) -> dict[str, Any]:
    """The validated checkpoint for Lightning.

    Raises:
        InputError: a missing part, or one that does not have the form that this run writes.
    """
    own = {**dict.fromkeys(("epoch", "global_step"), 0), "loops": {name: getattr(trainer, name).state_dict() for name in LOOPS}}
    for key in (*own, "state_dict", "callbacks", "optimizer_states", "lr_schedulers", "scales", "weights", "stage"):
        if key not in checkpoint:
            raise InputError(f"The checkpoint lacks {key!r}; it does not belong to a run.")
    stage = count("stage", checkpoint["stage"], len(module.solver.stages) - 1)
    plain = {key: like(key, checkpoint[key], form) for key, form in own.items()}
    epochs = plain["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"]
    state = _state(checkpoint["state_dict"], module, trainer)
    # Optimizer states refer to the parameters of the network with its restored number of centres.
    make_room(module, state)
    found = {
        **plain,
        "pytorch-lightning_version": lightning.__version__,
        "stage": stage,
        "scales": like("scales", checkpoint["scales"], module.scales),
        "weights": _weights(checkpoint["weights"], module, data, stage),
        "state_dict": state,
        "callbacks": _callbacks(checkpoint["callbacks"], module, trainer, epochs),
        **believed_optimizers(checkpoint, module, stage),
    }
    # Checkpoints of older versions lack these keys.
    found |= {key: like(key, checkpoint[key], False) for key in ("over", "converged") if key in checkpoint}
    if "loss" in checkpoint:
        found["loss"] = scalar("loss", checkpoint["loss"])
    if any(isinstance(callback, Adaptive) for callback in trainer.callbacks):  # type: ignore[attr-defined]
        found["points"] = _points(checkpoint.get("points"), module, data)
    return found


def _network(module: TrainingModule) -> RBFNetwork | None:
    model = module.model
    inner = innermost(model) if isinstance(model, LinearModel) and not isinstance(model, Evolving) else None
    return inner if isinstance(inner, RBFNetwork) else None


def _most_centers(module: TrainingModule, trainer: pl.Trainer) -> int:
    """The number of centres of the network, or the maximum it may grow to."""
    callbacks = [callback for callback in trainer.callbacks if isinstance(callback, Adaptive)]  # type: ignore[attr-defined]
    return (
        max(callback.most_centers(cast(Any, module.model)) for callback in callbacks)
        if callbacks
        else cast(Any, module.model).num_centers
    )


def _state(given: Any, module: TrainingModule, trainer: pl.Trainer) -> dict[str, Any]:
    """Validate parameters and buffers; a network that grew or dropped centres has more or fewer rows."""
    own, network = module.state_dict(), _network(module)
    keyed("state_dict", given, own)
    rows: dict[str, int] = {}
    if network is not None:
        name = next(name for name, inner in module.named_modules() if inner is network)
        per_center = ("layer.metric.raw",) if network.metric.per_center else ()
        rows = dict.fromkeys([f"{name}.{part}" for part in ("layer.centers", "weight", *per_center)], 0)
        centers = given[f"{name}.layer.centers"]
        n = len(centers) if isinstance(centers, torch.Tensor) and centers.ndim else 0
        if not 1 <= n <= _most_centers(module, trainer):
            raise misfit("state_dict", f"of 1 to {_most_centers(module, trainer)} centres", n)
        rows = dict.fromkeys(rows, n)
    evolves = {f"{name}.": inner for name, inner in module.named_modules() if isinstance(inner, Evolving)}
    pieces = {f"{prefix}{part}" for prefix in evolves for part in ("breaks", "carried")}
    # The one width of all kernels may have become a metric.
    metrics = {f"{prefix}network.layer.metric.raw": (inner.metric_size,) for prefix, inner in evolves.items()}
    found = {}
    for key, form in own.items():
        what = f"state_dict.{key}"
        if key in pieces:
            # Any number of time slabs, each with the form of the existing ones.
            shape = None
            if not isinstance(given[key], torch.Tensor) or given[key].ndim != form.ndim or given[key].shape[2:] != form.shape[2:]:
                raise misfit(what, f"a tensor like one of shape {tuple(form.shape)}", given[key])
        elif key in metrics and not form.ndim and isinstance(given[key], torch.Tensor) and given[key].ndim:
            shape = metrics[key]
        else:
            shape = (rows[key], *form.shape[1:]) if key in rows else tuple(form.shape)
        # Values that are only known at the end are NaN until then.
        found[key] = tensor(what, given[key], shape, form.dtype, finite=bool(torch.isfinite(form).all()))
    return found


def _weights(given: Any, module: TrainingModule, data: ProblemData, stage: int) -> dict[str, Any]:
    """Validate the weights of a balance: none before the first step, then one per equation or per row."""
    balance = module.solver.stages[stage].balance
    if given == {} or balance is None:
        return {}
    keyed("weights", given, module.scales)
    found: dict[str, Any] = {}
    for name, scales in module.scales.items():
        terms = given[name]
        if not isinstance(terms, list) or len(terms) != len(scales):
            raise misfit(f"weights.{name}", f"a list of {len(scales)} values", terms)
        shape = (data.samples[name].num_rows,) if balance.per_point else ()
        found[name] = [tensor(f"weights.{name}", term, shape, data.dtype) for term in terms]
    return found


def _points(given: Any, module: TrainingModule, data: ProblemData) -> dict[str, Any]:
    """Validate adaptive points: at most as many as the condition has."""
    own = {name: data.samples[name] for name, c in module.problem.named_conditions().items() if isinstance(c, Interior)}
    keyed("points", given, own)
    found = {}
    for name, sample in own.items():
        what, sites = f"points.{name}", given[name]
        if not isinstance(sites, list) or len(sites) != len(sample.sites):
            raise misfit(what, f"a list of {len(sample.sites)} tensors", sites)
        rows = len(sites[0]) if isinstance(sites[0], torch.Tensor) and sites[0].ndim else 0
        if not 1 <= rows <= sample.num_points:
            raise misfit(what, f"1 to {sample.num_points} points", sites[0])
        found[name] = [tensor(what, x, (rows, like.shape[1]), like.dtype) for x, like in zip(sites, sample.sites, strict=True)]
    return found


def _callbacks(given: Any, module: TrainingModule, trainer: pl.Trainer, epochs: int) -> dict[str, Any]:
    """Validate the states of the run's callbacks."""
    if not isinstance(given, Mapping):
        raise misfit("callbacks", "a mapping", given)
    found = {}
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if (state := given.get(callback.state_key)) is None:
            continue
        if isinstance(callback, ModelCheckpoint):
            found[callback.state_key] = _own_files(state, callback)
        elif isinstance(callback, Grow):
            found[callback.state_key] = _grown(state, callback, module, epochs)
        elif not isinstance(callback, Checkpoint):
            # The state of a user's callback, which is responsible for its own checks.
            found[callback.state_key] = state
    return found


def _own_files(given: Any, callback: ModelCheckpoint) -> dict[str, Any]:
    """Validate the state of a ModelCheckpoint: of each path only the file name is used, in its own directory."""
    own = callback.state_dict()
    keyed("callbacks.ModelCheckpoint", given, own)
    directory = Path(str(callback.dirpath))

    def here(path: Any) -> str:
        file = directory / Path(str(path).replace("\\", "/")).name
        return str(file) if file.name.endswith(".ckpt") and file.is_file() and not file.is_symlink() else ""

    def score(value: Any) -> Any:
        return value if isinstance(value, torch.Tensor) and value.numel() == 1 else None

    best = given["best_k_models"] if isinstance(given["best_k_models"], Mapping) else {}
    kept = {here(path): score(value) for path, value in list(best.items())[:1000]}
    kept = {path: value for path, value in kept.items() if path and value is not None}
    scores = {key: score(given[key]) for key in ("best_model_score", "current_score")}
    worst = score(given["kth_value"])
    paths = {key: here(given[key]) for key in ("best_model_path", "kth_best_model_path", "last_model_path")}
    return {**own, **scores, **paths, "kth_value": own["kth_value"] if worst is None else worst, "best_k_models": kept}


def _grown(given: Any, callback: Grow, module: TrainingModule, epochs: int) -> dict[str, Any]:
    """Validate the state of Grow: counts, and the best network so far."""
    later = {"best": None, "before": None}
    if not isinstance(given, Mapping) or "best" not in given:
        raise misfit("callbacks.Grow", "a mapping", given)
    found = dict(like("callbacks.Grow", {**given, **later}, {**callback.state_dict(), **later}))
    if (before := given.get("before")) is not None:
        if not isinstance(before, tuple) or len(before) != 2 or not all(isinstance(part, torch.Tensor) for part in before):
            raise misfit("callbacks.Grow.before", "points and the values there", before)
        network, (x, u) = cast(RBFNetwork, _network(module)), before
        shapes = ((len(x) if x.ndim else 0, module.problem.domain.box.shape[1]), (len(x) if x.ndim else 0, network.out_features))
        found["before"] = tuple(
            tensor("callbacks.Grow.before", part, shape, network.weight.dtype) for part, shape in zip((x, u), shapes, strict=True)
        )
    # The end of the run is counted from the epoch of the last growth, which is in the past.
    count("callbacks.Grow.until", found["until"], epochs + max(callback.period, module.solver.max_epochs))
    if (best := given["best"]) is not None:
        network = cast(RBFNetwork, _network(module))
        keyed("callbacks.Grow.best", best, dict.fromkeys(("miss", "centers", "raw", "weight", "tail")))
        n = len(best["centers"]) if isinstance(best["centers"], torch.Tensor) and best["centers"].ndim else 0
        if not 1 <= n <= callback.most_centers(cast(Any, network)):
            raise misfit("callbacks.Grow.best.centers", f"1 to {callback.num_centers} centres", best["centers"])
        parts = {"centers": network.centers, "raw": network.metric.raw, "weight": network.weight, "tail": network.tail}
        found["best"] = {"miss": real("callbacks.Grow.best.miss", best["miss"])}
        for name, own in parts.items():
            shape = tuple(own.shape) if name == "tail" else (n, *own.shape[1:])
            found["best"][name] = tensor(f"callbacks.Grow.best.{name}", best[name], shape, own.dtype)
    return found


def lightning_sees(checkpoint: Mapping[str, Any], prepared: Prepared, directory: Path) -> dict[str, Any]:
    """Make the Trainer continue from the validated checkpoint, and delete nothing outside the run directory.

    Returns:
        The validated checkpoint.
    """
    trainer = prepared.trainer
    found = believed(checkpoint, prepared.module, prepared.data, trainer)
    trainer.strategy.checkpoint_io = _Believed(trainer.strategy.checkpoint_io, found, directory)
    return found


class _Believed(CheckpointIO):
    """Writes like the plugin it wraps, and reads the validated checkpoint."""

    def __init__(self, inner: CheckpointIO, checkpoint: dict[str, Any], directory: Path) -> None:
        self.inner, self.checkpoint, self.directory = inner, checkpoint, directory.resolve()

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        self.inner.save_checkpoint(checkpoint, path, storage_options)

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = None) -> dict[str, Any]:
        return dict(self.checkpoint)

    def remove_checkpoint(self, path: Any) -> None:
        if Path(str(path)).resolve().is_relative_to(self.directory):
            self.inner.remove_checkpoint(path)
