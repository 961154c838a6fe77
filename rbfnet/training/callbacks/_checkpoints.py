"""When and how the checkpoints of a run are written."""

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
"""Minimum and maximum number of seconds between checkpoints; after a longer epoch there is always one."""

SHARE = 0.02
"""The fraction of the time that writing checkpoints may take, within these limits."""


class CheckpointFiles(CheckpointIO):
    """Checkpoint I/O for Lightning, including its own callbacks: written atomically, and read as data only."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        write_whole(Path(path), checkpoint_bytes(checkpoint))

    def load_checkpoint(self, path: str | Path, map_location: Any = None, weights_only: bool | None = None) -> dict[str, Any]:
        return read_checkpoint(Path(path))

    def remove_checkpoint(self, path: str | Path) -> None:
        # Lightning would also remove directories with their contents.
        if Path(path).is_file():
            Path(path).unlink()


class Checkpoints(pl.Callback):
    """Writes a checkpoint before the first epoch, and then between epochs, at intervals set by :data:`OFTEN` and :data:`SELDOM`.

    At the start of an epoch the previous one is complete and logged, so that a run resumed from there is identical, bit for
    bit. The rows of ``metrics.csv`` are written before the checkpoint, so that none is missing.

    Args:
        path: the path of the checkpoint; each checkpoint replaces the previous one.

    Attributes:
        steps: the number of steps in the last checkpoint; None before the first.
        over: whether the resumed checkpoint has nothing left to train.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.over = path, False
        self.steps: int | None = None
        self._again = 0.0
        self._between_epochs = False

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.ckpt_path is not None:
            # The checkpoint that the run continues from.
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
            # Lightning has already counted the epoch that begins; a resumed run counts it again.
            for counts in checkpoint["loops"]["fit_loop"]["epoch_progress"].values():
                counts["ready"] = counts["completed"]

    def on_load_checkpoint(self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]) -> None:
        module = cast(TrainingModule, pl_module)
        module.last_loss = checkpoint.get("loss", module.last_loss)
        trainer.should_stop = self.over

    def save(self, trainer: pl.Trainer) -> None:
        """Write a checkpoint now.

        Raises:
            WriteError: the file cannot be written; the previous checkpoint is unchanged.
        """
        begun = time.monotonic()
        for logger in trainer.loggers:
            if isinstance(logger, CSVLogger):
                logger.save()
        trainer.save_checkpoint(self.path)
        self.steps = trainer.global_step
        now = time.monotonic()
        self._again = now + max(OFTEN, min(SELDOM, (now - begun) / SHARE))
