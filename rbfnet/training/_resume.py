"""A run that was stopped goes on in its own directory."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from lightning.pytorch.loggers import CSVLogger

from rbfnet.config import require_run
from rbfnet.errors import InputError, positive
from rbfnet.training._believed import lightning_sees
from rbfnet.training._build import Run, build
from rbfnet.training._checkpoint_file import read_checkpoint
from rbfnet.training._foreign_config import read_config, require_own_files
from rbfnet.training._train import quiet

MAY_CHANGE = {"run_dir", "logger", "trainer"}
"""What of a config may differ from that of the checkpoint: the directory may have been moved, the run may be longer."""


def resume(run_dir: str | Path, *, max_epochs: int | None = None, trust: Iterable[str] = ()) -> Run:
    """The run of a directory, built to go on from ``checkpoints/last.ckpt`` as if it had never been stopped, bit for bit.

    ``config.yaml`` and the checkpoint are read as data, whoever wrote them: nothing is unpickled or resolved, no class is made
    that rbfnet does not export or ``trust`` does not name, and no path of theirs is written to. The tables and meshes that the
    problem names are read, as numbers, from wherever they are. What was logged after the checkpoint was written is dropped from
    ``metrics.csv``, and logged again.

    Args:
        run_dir: the directory of the run.
        max_epochs: epochs of the whole run, what has been done included; None for those of its config. A schedule of the step
            size stays as it was.
        trust: modules of the user's own, as in :func:`rbfnet.load`.

    Raises:
        InputError: no run there, nothing to go on from or to go on with, a config that is not that of the checkpoint, a class
            that is not to be trusted, a checkpoint that does not fit the run, a link among its files.
    """
    directory = Path(run_dir)
    config, checkpoint = _read(directory)
    if not isinstance(trainer := config.get("trainer"), dict):
        raise InputError(f"trainer in {str(directory / 'config.yaml')!r} must be its options, but is {trainer!r}.")
    trainer = dict(trainer)
    if max_epochs is not None:
        trainer["max_epochs"] = int(positive("trainer.max_epochs", max_epochs, whole=True))
    plain = {**config, "run_dir": str(directory), "trainer": trainer, "logger": _moved(config.get("logger"), directory)}
    run = build(plain, fresh=False, trust=trust)
    checkpoint = lightning_sees(checkpoint, run.prepared, directory)
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
    require_own_files(directory)
    config = read_config(directory)
    checkpoint = read_checkpoint(directory / "checkpoints" / "last.ckpt")
    parameters = checkpoint.get("hyper_parameters")
    before = parameters.get("config") if isinstance(parameters, dict) else None
    if not isinstance(before, dict) or not all(isinstance(key, str) for key in (*config, *before)):
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
