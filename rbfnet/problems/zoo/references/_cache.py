"""Arrays that are computed once and kept on disk."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Arrays = dict[str, npt.NDArray[Any]]


def cached(name: str, version: int, compute: Callable[[], Arrays]) -> Arrays:
    """The arrays of ``compute()``, from ``<directory>/<name>-<version>.npz`` where they are there, bit for bit.

    A file that is missing or damaged is computed anew and replaced in one step, so that no reader sees half of it. Where it
    cannot be written, nothing is kept, which is no error. Raise ``version`` with every change of what ``compute`` returns.

    Args:
        name: what is computed, with all it depends on; it becomes part of a file name.
        version: of the method.
        compute: returns arrays of numbers by name; nothing is pickled.
    """
    file = directory() / f"{name}-{version}.npz"
    try:
        # NumPy leaves a file open that it opened itself and could not read.
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as kept:
            if kept.files:
                return {key: kept[key] for key in kept.files}
    # A damaged archive raises nearly anything, from BadZipFile to MemoryError, and the answer is always the same.
    except Exception:
        pass
    arrays = {key: np.asarray(value) for key, value in compute().items()}
    _write(file, arrays)
    return arrays


def directory() -> Path:
    """``RBFNET_CACHE``; else ``rbfnet`` in ``XDG_CACHE_HOME``, in ``~/.cache``, or, without one, in the temporary directory."""
    if given := os.environ.get("RBFNET_CACHE"):
        return Path(given)
    if given := os.environ.get("XDG_CACHE_HOME"):
        return Path(given) / "rbfnet"
    home = Path(os.path.expanduser("~"))
    return (home / ".cache" if os.access(home, os.W_OK) else Path(tempfile.gettempdir())) / "rbfnet"


def _write(file: Path, arrays: Arrays) -> None:
    part = ""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(dir=file.parent, suffix=".part")
        with os.fdopen(handle, "wb") as stream:
            np.savez(stream, allow_pickle=False, **arrays)
        os.replace(part, file)
    except OSError:
        if part:
            Path(part).unlink(missing_ok=True)
