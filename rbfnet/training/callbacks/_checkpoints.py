"""Checkpoints of a run: when they are written, and how."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, cast

import lightning.pytorch as pl
from lightning.fabric.plugins import CheckpointIO
from lightning.pytorch.loggers import CSVLogger

from rbfnet.solvers import Solving
from rbfnet.training._module import TrainingModule
from rbfnet.training.storage import checkpoint_bytes, read_checkpoint, write_whole

OFTEN, SELDOM = 1.0, 30.0
"""Seconds between checkpoints, at least and at most; epochs that take longer have one each."""

SHARE = 0.02
"""The part of the time that writing them may take, in between."""


class CheckpointFiles(CheckpointIO):
    """How Lightning writes and reads checkpoints here, its own callbacks' too: whole or not at all, and as data."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        write_whole(Path(path), checkpoint_bytes(checkpoint))

    def load_checkpoint(self, path: str | Path, map_location: Any = None, weights_only: bool | None = None) -> dict[str, Any]:
        return read_checkpoint(Path(path))

    def remove_checkpoint(self, path: str | Path) -> None:
        # Lightning would remove directories, with whatever is in them.
        if Path(path).is_file():
            Path(path).unlink()


class Checkpoints(pl.Callback):
    """Writes a checkpoint before the first epoch, and then between two epochs, as often as :data:`OFTEN`, :data:`SELDOM` say.

    Where an epoch begins all that belongs to the one before it has been done, and logged: what continues from there is the same,
    bit for bit. Rows of ``metrics.csv`` are written first, so that none is missing.

    Args:
        path: of the checkpoint, each of which replaces the one before.

    Attributes:
        steps: steps that the last one has; None before there is any.
        over: nothing is left to train in the one that is resumed.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.over = path, False
        self.steps: int | None = None
        self._again = 0.0
        self._between_epochs = False

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.ckpt_path is not None:
            # The one that the run continues from.
            self.steps = trainer.global_step
            self._again = time.monotonic() + OFTEN

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        due = self.steps is None or time.monotonic() >= self._again
        if trainer.strategy.reduce_boolean_decision(due, all=False):
            self._between_epochs = True
            try:
                self.save(trainer)
            finally:
                self._between_epochs = False

    def on_save_checkpoint(self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]) -> None:
        module, progress = cast(TrainingModule, pl_module), cast(Any, trainer.fit_loop.epoch_progress.current)
        last = module.stage == len(module.solver.stages) - 1
        solved = last and any(isinstance(optimizer, Solving) and optimizer.done for optimizer in trainer.optimizers)
        checkpoint["over"] = trainer.should_stop or progress.processed == trainer.max_epochs
        checkpoint["converged"] = trainer.should_stop and solved
        checkpoint["loss"] = trainer.callback_metrics.get("loss", module.last_loss)
        if self._between_epochs:
            # Lightning has counted the epoch that begins as ready; what goes on counts it again.
            for counts in checkpoint["loops"]["fit_loop"]["epoch_progress"].values():
                counts["ready"] = counts["completed"]

    def on_load_checkpoint(self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]) -> None:
        module = cast(TrainingModule, pl_module)
        module.last_loss = checkpoint.get("loss", module.last_loss)
        trainer.should_stop = self.over

    def save(self, trainer: pl.Trainer) -> None:
        """Write one now.

        Raises:
            WriteError: the file system refuses; the last one is still there.
        """
        begun = time.monotonic()
        for logger in trainer.loggers:
            if isinstance(logger, CSVLogger):
                logger.save()
        trainer.save_checkpoint(self.path)
        self.steps = trainer.global_step
        now = time.monotonic()
        self._again = now + max(OFTEN, min(SELDOM, (now - begun) / SHARE))
