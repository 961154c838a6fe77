"""``metrics.csv``: one row per epoch, in a file that is complete at any time."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.loggers.csv_logs import ExperimentWriter

from rbfnet.errors import InputError
from rbfnet.training.storage._whole_files import append_whole, read, write_error, write_whole


class Metrics(CSVLogger):
    """Lightning's CSVLogger, writing its file with :class:`Rows`.

    Attributes:
        kept: rows of the run that is resumed.
    """

    kept: tuple[Mapping[str, Any], ...] = ()

    @property
    @rank_zero_experiment
    def experiment(self) -> ExperimentWriter:
        if self._experiment is None:
            self._experiment = Rows(Path(self.log_dir), self.kept)
        return self._experiment  # type: ignore[return-value]

    @property
    def file(self) -> Path:
        """The writer of the rows."""
        return Path(self.log_dir) / "metrics.csv"


class Rows(ExperimentWriter):
    """Buffered rows of a file; none is lost if a write fails.

    Args:
        directory: the directory of the file; created if necessary.
        kept: rows at the beginning of the file.
    """

    def __init__(self, directory: Path, kept: Iterable[Mapping[str, Any]] = ()) -> None:
        # Not Lightning's own writer, which removes an existing file.
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise write_error(directory, error) from error
        self.hparams: dict[str, Any] = {}
        self.log_dir, self._file = str(directory), directory / "metrics.csv"
        self.metrics: list[dict[str, Any]] = []
        self.metrics_keys: list[str] = sorted({key for row in kept for key in row})
        self._kept: list[Mapping[str, Any]] | None = list(kept)

    def save(self) -> None:
        if not self.metrics:
            return
        keys = sorted({*self.metrics_keys, *(key for row in self.metrics for key in row)})
        if self._kept is None and keys == self.metrics_keys:
            append_whole(self._file, _lines(keys, self.metrics))
        else:
            before = rows_of(self._file) if self._kept is None else self._kept
            write_whole(self._file, _lines(keys, [*before, *self.metrics], header=True))
        self.metrics, self.metrics_keys, self._kept = [], keys, None


def rows_of(file: Path) -> list[dict[str, str]]:
    """Read the rows of a file, without empty cells.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        lines = csv.DictReader(io.StringIO(read(file).decode("utf-8"), newline=""), restval="")
        return [{key: value for key, value in row.items() if key is not None and value} for row in lines]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{str(file)!r} cannot be read: {error}; remove it to continue without its rows.") from None


def numbers_of(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, float]]:
    """The numbers in rows of a file; what is no number is left out."""
    return [{key: value for key, cell in row.items() if (value := _number(cell)) is not None} for row in rows]


def rows_before(file: Path, epochs: int, complete: bool) -> list[dict[str, str]]:
    """Read the rows of the first ``epochs``.

    Args:
        file: a file written by :class:`Rows`.
        epochs: the number of epochs of the checkpoint to resume from.
        complete: whether there must be a row for each epoch.

    Raises:
        InputError: the file cannot be read, or lacks epochs.
    """
    try:
        found = [row for row in rows_of(file) if row.get("epoch") and int(row["epoch"]) < epochs]
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{str(file)!r} cannot be read: an epoch is not a number; remove it to continue without its rows."
        ) from None
    if complete and len({row["epoch"] for row in found}) < epochs:
        raise InputError(
            f"{str(file)!r} is damaged or truncated: epochs before {epochs} are missing; remove it to continue without its rows."
        )
    return found


def _number(cell: Any) -> float | None:
    try:
        return float(cell)
    except (TypeError, ValueError):
        return None


def _lines(keys: list[str], rows: Iterable[Mapping[str, Any]], header: bool = False) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=keys)
    if header:
        writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode("utf-8")
