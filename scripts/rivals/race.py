"""Shared by all files here: the points at which errors are measured, and a clock that stops for measuring."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MEASUREMENTS = 200
"""About how often a rival that improves step by step is measured."""

ADAM = 0.25
"""Share of the time that a trained network gets Adam for, before L-BFGS."""

TRAINING_POINTS = {"poisson": (900, 200, 0), "burgers": (2540, 80, 160)}
"""Inside, on the walls and at t = 0, for trained networks: rbfnet's own counts, and those of DeepXDE's own example."""


class Race:
    """One rival at one problem: seconds since its call began, and relative L2 errors |u - v| / |v| over the test points.

    Args:
        points: (N, 2), x and y or x and t.
        values: (N,), the reference there.
        seconds: when to stop.
    """

    def __init__(self, points: Array, values: Array, seconds: float) -> None:
        self.points, self.values, self.seconds = points, values, seconds
        self.history: list[tuple[float, float]] = []
        self._began = time.perf_counter()
        self._due = 0.0

    def elapsed(self) -> float:
        return time.perf_counter() - self._began

    def over(self) -> bool:
        return self.elapsed() >= self.seconds

    def due(self) -> bool:
        """Whether it is time for another measurement."""
        return self.elapsed() >= self._due

    def measure(self, predict: Callable[[Array], Array], at: float | None = None) -> None:
        """Add the error of ``predict(points)``, after ``at`` seconds or now; the clock stands still meanwhile."""
        paused = time.perf_counter()
        elapsed = paused - self._began if at is None else at
        predicted = np.asarray(predict(self.points), dtype=float).reshape(-1)
        self.history.append((elapsed, float(np.linalg.norm(predicted - self.values) / np.linalg.norm(self.values))))
        self._due = elapsed + self.seconds / MEASUREMENTS
        self._began += time.perf_counter() - paused


def compete(run: Callable[[str, str, Race], None], version: str) -> None:
    """A rival's main: ``python -m scripts.rivals.RIVAL problem variant seconds reference.npz result.json``."""
    problem, variant, seconds, reference, result = sys.argv[1:]
    with np.load(reference) as arrays:
        race = Race(arrays["points"], arrays["values"], float(seconds))
    start, worked = time.perf_counter(), time.process_time()
    run(problem, variant, race)
    share = (time.process_time() - worked) / (time.perf_counter() - start)
    Path(result).write_text(json.dumps({"version": version, "history": race.history, "processors": share}))
