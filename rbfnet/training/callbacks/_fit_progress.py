"""Progress display of a fit."""

from __future__ import annotations

import lightning.pytorch as pl
from rich.console import Console

from rbfnet.progress import Steps

TIME = "solver/time"
"""The logged metric with the current time of a time-stepping solver."""

LABELS = {"loss": "loss", "val/rel_l2": "rel. error"}
"""What the logged metrics are called in the display."""


class FitProgress(pl.Callback):
    """Shows epochs, time, loss and validation error: one live line on a terminal, otherwise about ten plain lines.

    For a time-stepping solver it shows the time reached in the problem and the end time.

    Example:
        >>> import io, rbfnet
        >>> from rich.console import Console
        >>> from rbfnet.problems import Poisson
        >>> from rbfnet.training import FitProgress
        >>> progress = FitProgress(Console(file=io.StringIO()))
        >>> rbfnet.solve(Poisson(), num_centers=100, callbacks=[progress], epsilon=3.0).verdict
        'solved'
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console
        self._epochs: Steps | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.is_global_zero:
            if _ends(pl_module):
                self._epochs = Steps("% of time", 100, self.console)
            else:
                self._epochs = Steps("epoch", trainer.max_epochs or 1, self.console, trainer.current_epoch)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self._epochs is None:
            return
        if (ends := _ends(pl_module)) and TIME in trainer.callback_metrics:
            (start, end), time = ends, float(trainer.callback_metrics[TIME])
            done = int(100 * (time - start) / (end - start) + 1e-6)
            # The validation error covers all times, and before the end of time the model has not reached most of them.
            self._epochs.at(done, f"t = {time:.4g} of {end:.4g}  {_status(trainer, 'loss')}")
        else:
            self._epochs.at(trainer.current_epoch + 1, _status(trainer, "loss", "val/rel_l2"))

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._stop()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._epochs is not None:
            self._epochs.stop()
            self._epochs = None


def _ends(module: pl.LightningModule) -> tuple[float, float] | None:
    """The start and end time of the problem, for a time-stepping solver."""
    if getattr(getattr(module, "solver", None), "degree", None) is None:
        return None
    start, end = module.problem.domain.box[:, -1].tolist()  # type: ignore[union-attr,index]
    return start, end


def _status(trainer: pl.Trainer, *names: str) -> str:
    metrics = trainer.callback_metrics
    return "  ".join(f"{LABELS[name]} {float(metrics[name]):.2e}" for name in names if name in metrics)
