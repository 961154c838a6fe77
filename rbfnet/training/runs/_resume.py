"""A run that was stopped goes on in its own directory."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, cast

import torch
import yaml
from lightning.pytorch.loggers import CSVLogger

from rbfnet.config import require_run
from rbfnet.errors import InputError, positive
from rbfnet.training._train import quiet
from rbfnet.training.runs._build import Run, build

MAY_CHANGE = {"run_dir", "logger", "trainer"}
"""What of a config may differ from that of the checkpoint: the directory may have been moved, the run may be longer."""


def resume(run_dir: str | Path, *, max_epochs: int | None = None, trust: Iterable[str] = ()) -> Run:
    """The run of a directory, built to go on from ``checkpoints/last.ckpt`` as if it had never been stopped, bit for bit.

    ``config.yaml`` and the checkpoint are read as data: nothing is unpickled, and no class is made that rbfnet does not export or
    ``trust`` does not name. What was logged after the checkpoint was written is dropped from ``metrics.csv``, and logged again.

    Args:
        run_dir: the directory of the run.
        max_epochs: epochs of the whole run, what has been done included; None for those of its config. A schedule of the step
            size stays as it was.
        trust: modules of the user's own, as in :func:`rbfnet.load`.

    Raises:
        InputError: no run there, nothing to go on from or to go on with, a config that is not that of the checkpoint, a class
            that is not to be trusted.
    """
    directory = Path(run_dir)
    config, checkpoint = _read(directory)
    trainer = dict(config.get("trainer") or {})
    if max_epochs is not None:
        trainer["max_epochs"] = int(positive("trainer.max_epochs", max_epochs, whole=True))
    plain = {**config, "run_dir": str(directory), "trainer": trainer, "logger": _moved(config.get("logger"), directory)}
    run = build(plain, fresh=False, trust=trust)
    done, wanted = checkpoint["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"], run.prepared.trainer.max_epochs
    if wanted is not None and done >= wanted:
        raise InputError(
            f"The run in {str(directory)!r} is finished: {done} of {wanted} epochs are done; go on with trainer.max_epochs=..., "
            "if its solver descends."
        )
    if run.prepared.trainer.is_global_zero:
        for logger in run.prepared.trainer.loggers:
            if isinstance(logger, CSVLogger):
                _keep_rows(logger, directory / "metrics.csv", done)
    return replace(run, checkpoint=directory / "checkpoints" / "last.ckpt")


def _moved(node: Any, directory: Path) -> Any:
    """The config of loggers, writing to this directory."""
    if not isinstance(node, dict):
        return node
    return {key: str(directory) if key == "save_dir" else _moved(value, directory) for key, value in node.items()}


def _read(directory: Path) -> tuple[dict[str, Any], Mapping[str, Any]]:
    require_run(directory, "run to go on with", "config.yaml", "checkpoints/last.ckpt")
    try:
        config = yaml.safe_load((directory / "config.yaml").read_text(encoding="utf-8"))
        checkpoint = torch.load(directory / "checkpoints" / "last.ckpt", map_location="cpu", weights_only=True)
    except (yaml.YAMLError, UnicodeDecodeError, OSError, UnpicklingError, RuntimeError, EOFError) as error:
        raise InputError(f"The run in {str(directory)!r} cannot be read: {str(error).splitlines()[0]}.") from None
    before = checkpoint.get("hyper_parameters", {}).get("config") if isinstance(checkpoint, dict) else None
    if not isinstance(config, dict) or not isinstance(before, dict):
        raise InputError(f"The files in {str(directory)!r} do not belong to a run.")
    for key in sorted((config.keys() | before.keys()) - MAY_CHANGE):
        if config.get(key) != before.get(key):
            raise InputError(
                f"{key} in {str(directory / 'config.yaml')!r} is not what the run was started with; put it back, or start "
                "another run."
            )
    if checkpoint.get("stopped"):
        raise InputError(
            f"The run in {str(directory)!r} was stopped by a loss that was not finite, and would be again; start another, with "
            "smaller steps."
        )
    return config, checkpoint


def _keep_rows(logger: CSVLogger, file: Path, epochs: int) -> None:
    """Hand the rows of the first ``epochs`` to a new logger, which removes the file it finds."""
    if not file.is_file():
        return
    with file.open(newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row.get("epoch") and int(row["epoch"]) < epochs]
    copy = file.with_suffix(".csv.part")
    os.replace(file, copy)
    with quiet():
        writer = cast(Any, logger.experiment)
    writer.metrics = [{key: value for key, value in row.items() if value} for row in rows]
    writer.save()
    copy.unlink()
