"""Resume an interrupted run in its own directory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from lightning_utilities.core.rank_zero import rank_zero_only

from rbfnet.annotations import held
from rbfnet.config import require_begun
from rbfnet.errors import InputError, positive
from rbfnet.training.foreign import lightning_sees, read_config, require_own_files
from rbfnet.training.runs._build import build
from rbfnet.training.runs._run import Run
from rbfnet.training.runs._run_directory import enter, is_complete
from rbfnet.training.storage import Metrics, numbers_of, read_checkpoint, rows_before

MAY_CHANGE = {"run_dir", "logger", "trainer"}
"""Config keys that may differ from the checkpoint: the directory may have moved, the run may be longer."""


@held
def resume(run_dir: str | Path, *, max_epochs: int | None = None, trust: Iterable[str] = ()) -> Run:
    """Rebuild a run so that it continues from ``checkpoints/last.ckpt`` as if it had never been stopped, bit for bit.

    If the run was stopped after its last epoch, only the missing files are written. If it was stopped before its first
    checkpoint, it starts again. Rows logged after the checkpoint are removed from ``metrics.csv`` and logged again.

    ``config.yaml`` and the checkpoint are read as untrusted data: nothing is unpickled or resolved, only classes that rbfnet
    exports or ``trust`` names are instantiated, and no path in them is written to. The tables and meshes that the problem names
    are read, as numbers, from wherever they are.

    Args:
        run_dir: the directory of the run; it is locked until the run has been executed.
        max_epochs: the number of epochs of the whole run, including completed ones; None uses the config. A schedule of the step
            size is not changed.
        trust: the user's modules, as in :func:`rbfnet.load`.

    Raises:
        InputError: no run in the directory, a finished or still running run, damaged files, a config that differs from that of
            the checkpoint, a class that is not trusted, a checkpoint that does not fit the run, or a link among its files.
    """
    directory = Path(run_dir)
    require_begun(directory)
    require_own_files(directory)
    # With several processes, the first one holds the lock.
    lock = enter(directory) if getattr(rank_zero_only, "rank", 0) == 0 else None
    try:
        return replace(_built(directory, max_epochs, trust), lock=lock)
    except BaseException:
        if lock is not None:
            lock.release()
        raise


def _built(directory: Path, max_epochs: int | None, trust: Iterable[str]) -> Run:
    """Build the run, with its checkpoint if there is one."""
    config = read_config(directory)
    file = directory / "checkpoints" / "last.ckpt"
    # The run may have been stopped before its first checkpoint.
    checkpoint = _checked(directory, config, read_checkpoint(file)) if file.exists() else None
    if not isinstance(trainer := config.get("trainer"), dict):
        raise InputError(f"trainer in {str(directory / 'config.yaml')!r} must be a mapping of options, but is {trainer!r}.")
    trainer = dict(trainer)
    if max_epochs is not None:
        trainer["max_epochs"] = int(positive("trainer.max_epochs", max_epochs, whole=True))
    plain = {**config, "run_dir": str(directory), "trainer": trainer, "logger": _moved(config.get("logger"), directory)}
    run = build(plain, fresh=False, trust=trust)
    if checkpoint is None:
        return run
    checkpoint = lightning_sees(checkpoint, run.prepared, directory)
    done = checkpoint["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"]
    complete = is_complete(directory, checkpoint)
    run.checkpoints.over = _is_over(checkpoint, done, max_epochs, run) or (complete and max_epochs is None)
    if run.checkpoints.over and complete:
        why = f"{done} of {run.prepared.trainer.max_epochs} epochs are done"
        way = "; continue with trainer.max_epochs=... (descent solvers only)"
        if checkpoint.get("converged") and done < (run.prepared.trainer.max_epochs or 0):
            why, way = f"its solver has converged after {done} epochs", ""
        raise InputError(f"The run in {str(directory)!r} is finished: {why}{way}.")
    for logger in run.prepared.trainer.loggers:
        if isinstance(logger, Metrics) and logger.file.is_file():
            logger.kept = tuple(rows_before(logger.file, done, complete="over" in checkpoint))
            run.prepared.module.history = numbers_of(logger.kept)
    return replace(run, checkpoint=file)


def _is_over(checkpoint: Mapping[str, Any], done: int, max_epochs: int | None, run: Run) -> bool:
    """Whether nothing is left to train: all epochs are done, or the solver has converged."""
    wanted = run.prepared.trainer.max_epochs
    if max_epochs is None and "over" in checkpoint:
        return bool(checkpoint["over"])
    return wanted is not None and done >= wanted


def _moved(node: Any, directory: Path) -> Any:
    """The config of the loggers, with this directory as output."""
    if not isinstance(node, dict):
        return node
    return {key: str(directory) if key == "save_dir" else _moved(value, directory) for key, value in node.items()}


def _checked(directory: Path, config: Mapping[str, Any], checkpoint: dict[str, Any]) -> dict[str, Any]:
    """Check that the checkpoint belongs to this config and can be resumed; returns it."""
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
            f"The run in {str(directory)!r} was stopped by a non-finite loss, and would be again; start another, with "
            "smaller steps."
        )
    return checkpoint
