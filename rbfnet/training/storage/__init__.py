"""The files of a run: written atomically, with checksums, in a locked directory."""

from rbfnet.training.storage._checksums import (
    checkpoint_bytes,
    digest_of,
    read_checkpoint,
    read_model,
    read_summary,
    write_model,
    write_summary,
)
from rbfnet.training.storage._lock import Lock
from rbfnet.training.storage._metrics_file import Metrics, numbers_of, rows_before, rows_of
from rbfnet.training.storage._whole_files import read, write_whole

__all__ = [
    "Lock",
    "Metrics",
    "checkpoint_bytes",
    "digest_of",
    "numbers_of",
    "read",
    "read_checkpoint",
    "read_model",
    "read_summary",
    "rows_before",
    "rows_of",
    "write_model",
    "write_summary",
    "write_whole",
]
