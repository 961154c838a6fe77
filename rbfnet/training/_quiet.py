"""Remarks of Lightning's that say nothing about a fit held in memory, left out."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

REMARKS = (
    ".*does not have many workers.*",
    ".*number of training batches.*",
    ".*exists and is not empty.*",
    # Of a run that was moved, with a callback of the user's own.
    ".*The dirpath has changed from.*",
    # Of a checkpoint from before there were callbacks of our own for them; others than the run's are refused where it is read.
    ".*callbacks used to create the checkpoint need to be provided.*",
    # Lightning's own use of PyTorch, not ours.
    ".*isinstance.treespec, LeafSpec.. is deprecated.*",
)
"""Warnings of Lightning's that say nothing about a fit held in memory."""


@contextmanager
def quiet() -> Iterator[None]:
    """Lightning's remarks on hardware and loaders that say nothing about a fit held in memory."""
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
