"""Steps through time for a sparse system."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from rbfnet.errors import InputError
from rbfnet.solvers.sparse_time._sparse_lines import SparseLines
from rbfnet.solvers.sparse_time._sparse_stages import SparseStages
from rbfnet.solvers.time import Radau

Array = np.ndarray[Any, Any]

ITERATIONS = 15
"""Of Newton's method in one step."""

FAST = 4
"""A factorisation is kept while Newton's method takes at most so many iterations."""

KEPT = (0.9, 1.6)
"""A step is as long as the one before where the best would be longer by a factor within these, so that factors are kept."""

GROWTH = 8.0
"""A step is at most so many times as long as the one before."""

GROWN = 1e10
"""A solution that has grown by more than this since the first step is not one."""

LARGEST = 1e100
"""Steps whose squares would overflow are taken back."""

SHORTEST = 1e-10
"""The shortest step, relative to the time there is."""


@dataclass
class SparseMarch:
    """Steps of Radau's method that are as long as the tolerance allows, with sparse factors that are kept while they serve.

    Attributes:
        lines, radau: what is solved, and how.
        tolerance: how large the last Chebyshev coefficients of a step may be, relative to the largest state so far.
        time, step: where it is, and how far it tries to go next. state: (p, n), y and y' there.
        rates: the highest derivative there. scale, first: the largest norms so far, and after the first step.
        steps, factored: how many there were.
    """

    lines: SparseLines
    radau: Radau
    tolerance: float
    time: float
    step: float
    state: Float[Array, "p n"]
    rates: Float[Array, " n"]
    scale: Float[Array, " O"] = field(default_factory=lambda: np.zeros(0))
    first: float = 0.0
    steps: int = 0
    factored: int = 0
    _stages: SparseStages | None = None
    _slow: bool = False

    @classmethod
    def of(cls, lines: SparseLines, radau: Radau, tolerance: float) -> SparseMarch:
        """At the start."""
        span = lines.end - lines.begin
        return cls(lines, radau, tolerance, lines.begin, 1e-3 * span, lines.start, np.zeros(lines.start.shape[1]))

    def advanced(self) -> tuple[float, Float[Array, "K+1 n"]]:
        """Go on by one step: its end, and the Chebyshev coefficients of the state on it.

        Raises:
            InputError: no step is short enough, as where the solution ceases to exist.
        """
        lines, span = self.lines, self.lines.end - self.lines.begin
        while True:
            left = lines.end - self.time
            if self.step < SHORTEST * span:
                raise InputError(
                    f"Steps at t = {self.time:.6g} have become too short: the solution ceases to exist there, or grows because "
                    "nodes are too few; use more nodes (num_centers), or end before that."
                )
            count = math.ceil(left / self.step - 1e-9)
            step = left / count if count < 3 else self.step
            values = self._solved(step)
            if values is None:
                self.step = 0.3 * step
                continue
            coefficients = self.radau.chebyshev.numpy() @ np.concatenate([self.state[:1], values[0]])
            scale = self._scale(values[0])
            last, before = (self._size(coefficients[-k], scale) for k in (1, 2))
            error = max(last, 0.1 * before, 1e-18)
            factor = 0.85 * (self.tolerance / error) ** (1 / len(self.radau.nodes))
            if not error <= 3 * self.tolerance:
                self.step = step * max(0.2, min(factor, 0.9))
                continue
            self.first = self.first or float(scale.max())
            if scale.max() > GROWN * self.first:
                raise InputError(
                    f"At t = {self.time:.6g} the values at the nodes have grown {scale.max() / self.first:.0e} times: the "
                    "equations, or their rows at nodes where a flux is given, are not stable; use other nodes (num_centers) or "
                    "network=default."
                )
            self.time = lines.end if count == 1 else self.time + step
            self.step = step * (1.0 if KEPT[0] <= factor <= KEPT[1] else min(GROWTH, max(0.2, factor)))
            self.state, self.rates, self.scale = values[: lines.order, -1].copy(), values[lines.order, -1], scale
            self.steps += 1
            return self.time, coefficients

    def _solved(self, step: float) -> Array | None:
        """The state and its derivatives at the nodes of a step; None where Newton's method does not converge."""
        lines, radau = self.lines, self.radau
        times = (self.time + step * radau.nodes).tolist()
        highest = np.repeat(self.rates[None], len(times), axis=0)
        values = self._integrated(highest, step)
        fresh = self._prepare(values, times, step)
        before = math.inf
        for iteration in range(1, ITERATIONS + 1):
            assert self._stages is not None
            missed = np.stack([lines.residual(values[:, k], t) for k, t in enumerate(times)])
            if not np.isfinite(missed).all():
                return None
            change = self._stages.change(missed)
            if not np.abs(change).max() < LARGEST:
                return None
            highest = highest - change
            values = self._integrated(highest, step)
            for _ in range(lines.order):
                change = step * radau.integral.numpy() @ change
            size = self._size(change, self._scale(values[0]))
            if lines.constant or size < 0.01 * self.tolerance:
                self._slow = iteration > FAST
                return values if np.isfinite(values).all() else None
            if not size < (2 * before if fresh else before) or size > 1e8:
                if fresh:
                    return None
                # Old factors do not serve: new ones, from the start.
                highest = np.repeat(self.rates[None], len(times), axis=0)
                values, self._stages = self._integrated(highest, step), None
                fresh, before = self._prepare(values, times, step), math.inf
                continue
            before = size
        self._slow = True
        return None

    def _prepare(self, values: Array, times: list[float], step: float) -> bool:
        """Factors for this step; whether they are new."""
        known = self._stages
        if known is not None and known.step == step and not self._slow:
            return False
        if known is not None and self.lines.constant:
            matrices = known.matrices
        else:
            middle = len(times) // 2
            matrices = self.lines.matrices(values[:, middle], times[middle])
        self._stages, self._slow = SparseStages(matrices, step, self.radau), False
        self.factored += 1
        return True

    def _integrated(self, highest: Array, step: float) -> Float[Array, "p+1 K n"]:
        return self.radau.integrated(torch.from_numpy(highest), torch.from_numpy(self.state), step).numpy()

    def _scale(self, states: Array) -> Array:
        """The largest norm of each output so far; none counts as much smaller than the largest."""
        sizes = np.concatenate([states, self.state[:1]]).reshape(len(states) + 1, self.lines.outputs, -1)
        found = np.linalg.norm(sizes, axis=2).max(axis=0)
        found = found if not len(self.scale) else np.maximum(found, self.scale)
        return np.maximum(found, max(1e-6 * found.max(), 1e-300))

    def _size(self, states: Array, scale: Array) -> float:
        """The largest of some states, relative to a scale."""
        sizes = np.linalg.norm(states.reshape(-1, self.lines.outputs, self.lines.count), axis=2)
        return float((sizes / scale).max())
