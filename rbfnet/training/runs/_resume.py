"""An interrupted run continues in its own directory."""

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
from rbfnet.training.storage import Metrics, read_checkpoint, rows_before

MAY_CHANGE = {"run_dir", "logger", "trainer"}
"""What of a config may differ from that of the checkpoint: the directory may have been moved, the run may be longer."""


@held
def resume(run_dir: str | Path, *, max_epochs: int | None = None, trust: Iterable[str] = ()) -> Run:
    """The run of a directory, built to continue from ``checkpoints/last.ckpt`` as if it had never been stopped, bit for bit.

    Of a run that was stopped after its last epoch, what is not written yet is written. One that was stopped before its first
    checkpoint begins anew. What was logged after the checkpoint was written is dropped from ``metrics.csv``, and logged again.

    ``config.yaml`` and the checkpoint are read as data, whoever wrote them: nothing is unpickled or resolved, no class is made
    that rbfnet does not export or ``trust`` does not name, and no path of theirs is written to. The tables and meshes that the
    problem names are read, as numbers, from wherever they are.

    Args:
        run_dir: the directory of the run; others are kept out of it until the run has been executed.
        max_epochs: epochs of the whole run, what has been done included; None for those of its config. A schedule of the step
            size stays as it was.
        trust: modules of the user's own, as in :func:`rbfnet.load`.

    Raises:
        InputError: no run there, nothing to resume, a run that is still going, files that are damaged, a
            config that is not that of the checkpoint, a class that is not to be trusted, a checkpoint that does not fit the run,
            a link among its files.
    """
    directory = Path(run_dir)
    require_begun(directory)
    require_own_files(directory)
    # Of several processes the first keeps others out, for all.
    lock = enter(directory) if getattr(rank_zero_only, "rank", 0) == 0 else None
    try:
        return replace(_built(directory, max_epochs, trust), lock=lock)
    except BaseException:
        if lock is not None:
            lock.release()
        raise


def _built(directory: Path, max_epochs: int | None, trust: Iterable[str]) -> Run:
    """The run, with its checkpoint, if it has one."""
    config = read_config(directory)
    file = directory / "checkpoints" / "last.ckpt"
    # It may have been stopped before there was any.
    checkpoint = _checked(directory, config, read_checkpoint(file)) if file.exists() else None
    if not isinstance(trainer := config.get("trainer"), dict):
        raise InputError(f"trainer in {str(directory / 'config.yaml')!r} must be its options, but is {trainer!r}.")
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
        way = "; continue with trainer.max_epochs=..., if its solver descends"
        if checkpoint.get("converged") and done < (run.prepared.trainer.max_epochs or 0):
            why, way = f"its solver has converged after {done} epochs", ""
        raise InputError(f"The run in {str(directory)!r} is finished: {why}{way}.")
    for logger in run.prepared.trainer.loggers:
        if isinstance(logger, Metrics) and logger.file.is_file():
            logger.kept = tuple(rows_before(logger.file, done, complete="over" in checkpoint))
    return replace(run, checkpoint=file)


def _is_over(checkpoint: Mapping[str, Any], done: int, max_epochs: int | None, run: Run) -> bool:
    """Whether nothing is left to train: all epochs that are wanted are done, or further ones would change nothing."""
    wanted = run.prepared.trainer.max_epochs
    if max_epochs is None and "over" in checkpoint:
        return bool(checkpoint["over"])
    return wanted is not None and done >= wanted


def _moved(node: Any, directory: Path) -> Any:
    """The config of loggers, writing to this directory."""
    if not isinstance(node, dict):
        return node
    return {key: str(directory) if key == "save_dir" else _moved(value, directory) for key, value in node.items()}


def _checked(directory: Path, config: Mapping[str, Any], checkpoint: dict[str, Any]) -> dict[str, Any]:
    """The checkpoint, once it is known to be one of a run with this config that may be resumed."""
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
