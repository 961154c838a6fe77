"""One training run, from a prepared fit to a solution."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from lightning.pytorch.utilities.exceptions import SIGTERMException

from rbfnet.training._finite import Diverged
from rbfnet.training._prepare import Prepared
from rbfnet.training._quiet import quiet
from rbfnet.training._solution import Solution
from rbfnet.training._summary import as_it_is, measured
from rbfnet.training.stopping import Stop, Stopped, keep_quiet, watched


def train(
    prepared: Prepared,
    *,
    seed: int,
    started: float,
    checkpoint: Path | None = None,
    accuracy: float | None = None,
) -> Solution:
    """Fit with a Lightning Trainer, measure the errors, and judge whether the problem is solved.

    Args:
        prepared: what ``prepare`` returned.
        seed: recorded in the summary; the random generators are already seeded.
        checkpoint: the checkpoint to resume from.
        started: ``time.perf_counter()`` at the start; the reported seconds end at the last update, before errors and figures.
        accuracy: the relative accuracy for the verdict; see :func:`rbfnet.training.judge`.

    Raises:
        Interrupted, Terminated: the process received SIGINT or SIGTERM; ``solution`` is the model after the last complete step.
        Diverged: a non-finite loss; ``solution`` is the last finite model.
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
    """Train; within :func:`rbfnet.training.stopping.watched`.

    Raises:
        Stopped: the process was stopped before the last epoch; the model is that after the last complete step.
        Diverged: a non-finite loss; the model is the last finite one.
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
            # Lightning converts a KeyboardInterrupt raised by a user's handler into SystemExit.
            if not isinstance(error.__context__, KeyboardInterrupt):
                raise
            stop.number, stop.broken = signal.SIGINT, time.monotonic()
        prepared.module.whole.back()
        raise Stopped from None
    finally:
        stop.waits = False
