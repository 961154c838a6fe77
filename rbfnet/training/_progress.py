"""Progress of a fit: a live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as pl
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

LINES = 10
"""How many lines a whole fit prints where there is no terminal."""


class FitProgress(pl.Callback):
    """Epochs done, time, loss and validation error: one live line on a terminal, about ten plain lines otherwise."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console()
        self._bar: Progress | None = None
        self._task: Any = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.console.is_terminal and trainer.is_global_zero:
            self._bar = Progress(
                TextColumn("[bold]{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[status]}"),
                console=self.console,
            )
            self._bar.start()
            self._task = self._bar.add_task("epoch", total=trainer.max_epochs, completed=trainer.current_epoch, status="")

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        epoch, total = trainer.current_epoch + 1, trainer.max_epochs or 1
        if self._bar is not None:
            self._bar.update(self._task, completed=epoch, status=_status(trainer))
        elif trainer.is_global_zero and (epoch % max(1, total // LINES) == 0 or epoch == total):
            self.console.print(f"epoch {epoch}/{total}  {_status(trainer)}", highlight=False, soft_wrap=True)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._stop()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _status(trainer: pl.Trainer) -> str:
    shown = {"loss": "loss", "val/rel_l2": "rel. error"}
    metrics = trainer.callback_metrics
    return "  ".join(f"{label} {float(metrics[name]):.2e}" for name, label in shown.items() if name in metrics)
