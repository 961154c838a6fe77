"""Runs with more and more centres in one run directory, which holds the most accurate of them at the end."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from rbfnet.training._solution import Solution
from rbfnet.training._until_accurate import grows, until_accurate
from rbfnet.training.runs._build import build
from rbfnet.training.runs._run import Run
from rbfnet.training.runs._run_directory import enter, write_config, write_solution


def in_growing_runs(run: Run) -> bool:
    """Whether a built run is to be executed by :func:`grown`.

    Raises:
        InputError: it is, but with several processes.
    """
    config, callbacks = run.config, cast(Any, run.prepared.trainer).callbacks
    return grows(run.prepared.module.problem, config.get("accuracy"), config["network"], config["trainer"], callbacks)


def grown(run: Run, execute: Callable[[Run], Solution]) -> Solution:
    """Execute a run with more and more centres until it is accurate (:func:`rbfnet.training.until_accurate`).

    Each of these runs is a whole run in the run directory; earlier ones are moved away meanwhile. If one is stopped before there
    is anything to resume, the one before it comes back. ``config.yaml`` has the number of centres that was found.

    Args:
        run: the run as built, which is not executed itself.
        execute: executes one of the runs.
    """
    directory, figures = run.directory, run.config["figures"]
    configs: dict[int, dict[str, Any]] = {}

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:

        def place(centers: int) -> Path:
            return Path(scratch) / str(centers)

        def attempt(centers: int) -> Solution:
            network = {**run.config["network"], "num_centers": centers}
            before = max(configs, default=None)
            config = {**run.config, "network": network, "figures": False}
            if before is not None:
                _move(directory, place(before))
            try:
                solution = execute(build(config))
            except BaseException:
                if before is not None and not (directory.is_dir() and any(directory.iterdir())):
                    _move(place(before), directory)
                raise
            configs[centers] = config
            return solution

        centers, solution = until_accurate(attempt, run.accuracy, len(run.prepared.module.problem.outputs))
        if place(centers).is_dir():
            _move(directory, Path(scratch) / "last")
            _move(place(centers), directory)
    lock = enter(directory)
    try:
        config = {**configs[centers], "figures": figures}
        write_config(directory, config)
        write_solution(directory, solution, figures, config)
    finally:
        lock.release()
    return solution


def _move(source: Path, target: Path) -> None:
    """Move the files of a directory into another, which may exist and is empty; the directory itself may be a link."""
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted(source.iterdir()) if source.is_dir() else ():
        shutil.move(path, target / path.name)
