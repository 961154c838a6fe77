"""Suppress Lightning warnings that do not apply to a fit held in memory."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

REMARKS = (
    ".*does not have many workers.*",
    ".*number of training batches.*",
    ".*exists and is not empty.*",
    # For a run directory that was moved, with a user's callback.
    ".*The dirpath has changed from.*",
    # For checkpoints without the state of newer callbacks; foreign callback states are rejected when a checkpoint is read.
    ".*callbacks used to create the checkpoint need to be provided.*",
    # Caused by Lightning's use of PyTorch.
    ".*isinstance.treespec, LeafSpec.. is deprecated.*",
)
"""Lightning warnings that do not apply to a fit held in memory."""


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress Lightning's messages about hardware and data loaders within the context."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [log.level for log in loggers]
    for log in loggers:
        log.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            for message in REMARKS:
                warnings.filterwarnings("ignore", message=message)
            yield
    finally:
        for log, level in zip(loggers, levels, strict=True):
            log.setLevel(level)
