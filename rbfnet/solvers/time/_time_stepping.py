"""A system in time, one slab after the other."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError
from rbfnet.solvers.time._collapse import GROWN, why
from rbfnet.solvers.time._linear_solve import Factored
from rbfnet.solvers.time._method_of_lines import Lines
from rbfnet.solvers.time._radau import Radau

ITERATIONS = 25
"""Of Newton's method in one slab."""


LEAST = 1e-6
"""Unknowns of ordinary differential equations are not taken to be smaller than this, relative to the largest."""

ROUNDING = 1e-16
"""Nor has any of them to be known better than this, relative to its largest value so far."""

LEAST_JUMP = 1e-6
"""A start that has to be changed by less than this, relative, satisfies the boundary conditions."""

INSTANT = 1e-9
"""How long, as a part of the time, a start that contradicts the boundary conditions takes to satisfy them. What is faster still,
and has no length in space that is resolved, is damped as the method damps what is stiff."""


@dataclass
class March:
    """Steps of :class:`Radau` that are as long as the tolerance allows.

    Newton's method keeps one Jacobian for all nodes of a slab, the mean over them, and solves with it by diagonalising the
    matrix of the method: one factorisation of the size of the state for each pair of its eigenvalues. Where it converges slowly
    the Jacobian is renewed.

    Attributes:
        lines, radau: what is solved, and how.
        tolerance: how large the last Chebyshev coefficients of a slab may be, relative to the largest state so far; of each
            unknown of ordinary differential equations, to what it is in the slab, for what is small now may decide when it
            becomes large.
        end: of time.
        time, step: where it is, and how far it tries to go next.
        state: (p, O n), y and y' there.
        scale: (O,), the largest |y| so far: of all outputs of a function in space, whose norm in L2 it is; of each unknown of
            ordinary differential equations, which may be of different kinds.
        rejected, iterations: slabs that were made shorter, and steps of Newton's method, in the last slab.
        first, rates: the size of the solution at first, and its highest derivatives in time where it is.
    """

    lines: Lines
    radau: Radau
    tolerance: float
    end: float
    time: float
    step: float
    state: Float[Tensor, "p On"]
    scale: Float[Tensor, " O"]
    rejected: int = 0
    iterations: int = 0
    first: float = 0.0
    rates: Float[Tensor, "1 On"] | None = None
    _factored: tuple[float, Factored] | None = None

    @property
    def done(self) -> bool:
        """Whether the end is reached."""
        return self.time >= self.end

    @property
    def contradicted(self) -> bool:
        """Whether the start contradicts the boundary conditions, so that the solution has a layer without a width at first."""
        return self.lines.jump > LEAST_JUMP

    @property
    def instant(self) -> float:
        """See :data:`INSTANT`."""
        return INSTANT * (self.end - self.lines.begin)

    def slab(self) -> tuple[float, Float[Tensor, "K+1 On"]]:
        """Go on by one slab: its end, and the Chebyshev coefficients of the state on it.

        Raises:
            InputError: no step is short enough, as where the solution ceases to exist.
        """
        self.rejected = self.iterations = 0
        start = self.time
        self.first = self.first or float(self.lines.start[0].norm())
        grown = float(self.scale.max()) / self.first if self.first else 1.0
        instant = self.instant
        jumps = self.contradicted and start <= self.lines.begin + instant
        while True:
            left = self.end - start
            if grown > GROWN or self.step < 1e-13 * max(abs(self.end), left):
                rates = self.state.new_zeros((1, self.state.shape[1])) if self.rates is None else self.rates
                values = torch.cat([self.state, rates]).unflatten(1, (self.lines.outputs, -1))
                raise InputError(why(self.lines, start, values, self.end - self.lines.begin, grown))
            count = math.ceil(left / self.step - 1e-9)
            step = left / count if count < 3 else self.step
            if jumps:
                step = max(step, instant)
            values = self._solved(start, step)
            if values is None:
                self.rejected += 1
                self.step = 0.3 * step
                continue
            states = torch.cat([self.state[:1], values[0].flatten(1)])
            if self.lines.algebraic:
                # What has no rate has no start: it is known at the nodes.
                known = states.unflatten(1, (self.lines.outputs, -1))
                known[0, self.lines.algebraic] = torch.einsum("k,kon->on", self.radau.before, values[0])[self.lines.algebraic]
            coefficients = self.radau.chebyshev @ states
            scale = self.scale_of(states)
            last, before = (self._size(coefficients[-k], self._here(states)) for k in (1, 2))
            error = max(last, 0.1 * before, 1e-18)
            factor = 0.85 * (self.tolerance / error) ** (1 / len(self.radau.nodes))
            if not (error <= 3 * self.tolerance or (jumps and step == instant)):
                self.rejected += 1
                self.step = step * max(0.2, min(factor, 0.9))
                continue
            self.time = self.end if count == 1 else start + step
            # A factorisation is kept where a step as long is as good.
            self.step = step * (1.0 if self.lines.constant and 1.0 <= factor <= 1.2 else min(3.0, max(0.2, factor)))
            self.state = values[: self.lines.order, -1].flatten(1)
            self.rates, self.first = values[self.lines.order, -1].flatten()[None], self.first or float(scale.max())
            self.scale = scale
            return self.time, coefficients

    def _solved(self, start: float, step: float) -> Tensor | None:
        """The state and its derivatives at the nodes; None where Newton's method does not converge."""
        lines, radau = self.lines, self.radau
        times = start + step * radau.nodes
        highest = self.state.new_zeros((len(radau.nodes), lines.size))
        values = self._values(highest, step)
        linear = self._linear(times, values, step)
        before, renewed = math.inf, 0
        for _ in range(ITERATIONS):
            self.iterations += 1
            change = linear.change(*lines.residuals(times, values, linear.system))
            highest = highest - change
            for _ in range(lines.order):
                change = step * radau.integral @ change
            values = self._values(highest, step)
            size = self._size(change, self._here(values[0].flatten(1)))
            if not size < 1e8:
                return None
            if size < 0.01 * self.tolerance or (size < 10 * self.tolerance and size > 0.5 * before):
                return values
            if size > 2 * before:
                return None
            if size > 0.3 * before and renewed < 2 and size < 1:
                linear = Factored.of(lines.linearise(times, values, step, radau.weights), step, radau)
                renewed, before = renewed + 1, math.inf
            else:
                before = size
        return None

    def scale_of(self, states: Float[Tensor, "K On"]) -> Float[Tensor, " O"]:
        """The scale after these states too."""
        if self.lines.basis.shape[1] > 1:
            return torch.maximum(self.scale, states.norm(dim=1).max())
        found = torch.maximum(self.scale, states.abs().amax(dim=0))
        return torch.maximum(found, LEAST * found.max())

    def _here(self, states: Float[Tensor, "K On"]) -> Float[Tensor, " O"]:
        """What errors of these states are relative to."""
        scale = self.scale_of(states)
        if self.lines.basis.shape[1] > 1:
            return scale
        return torch.maximum(states.abs().amax(dim=0), min(1.0, ROUNDING / self.tolerance) * scale)

    def _size(self, states: Float[Tensor, "... On"], scale: Float[Tensor, " O"]) -> float:
        """The largest of some states, relative to a scale."""
        return float((states.unflatten(-1, (len(scale), -1)).norm(dim=-1) / scale).norm(dim=-1).max())

    def _linear(self, times: Tensor, values: Tensor, step: float) -> Factored:
        """What a slab is solved with at first. Where it is the same for all, as much of it is kept as the step allows."""
        if not self.lines.constant:
            return Factored.of(self.lines.linearise(times, values, step, self.radau.weights), step, self.radau)
        if self._factored is None or self._factored[0] != step:
            known = self._factored
            # At the start, so that a run that goes on has the very same.
            system = known[1].system if known else self.lines.linearised_at_start()
            self._factored = step, Factored.of(system, step, self.radau)
        return self._factored[1]

    def _values(self, highest: Float[Tensor, "K On"], step: float) -> Float[Tensor, "p+1 K O n"]:
        """The state and its derivatives at the nodes from the highest derivative there."""
        return self.radau.integrated(highest, self.state, step).unflatten(2, (self.lines.outputs, -1))
