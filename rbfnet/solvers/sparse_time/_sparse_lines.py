"""A problem in time as a system for nodal values."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from scipy.sparse.linalg import splu
from torch import Tensor

from rbfnet.domains import Nodes
from rbfnet.errors import InputError
from rbfnet.problems import Initial, Problem, residuals_of
from rbfnet.solvers.assembly import is_linear
from rbfnet.solvers.sparse import NodeEquations, NodeSite, SparseModel

Array = np.ndarray[Any, Any]

TURNS = 3
"""Steps of Newton's method that take the start to the boundary conditions."""


class SparseLines:
    """F(t, y, y', y'') = 0 for the nodal values y, the outputs one after the other.

    Boundary conditions are equations without a derivative in time for the values at the boundary. The start is changed, as little
    as possible, to satisfy them.

    Args:
        model: in space. problem: in space and time. nodes: of the space.

    Attributes:
        order: p, of the highest derivative in time. start: (p, n), y and y' at first. constant: whether one linearisation is that
        of all states and times.

    Raises:
        InputError: no start, or an output or an equation without a derivative in time.
    """

    def __init__(self, model: SparseModel, problem: Problem, nodes: Nodes) -> None:
        self.problem, self.nodes = problem, nodes
        self.equations = NodeEquations(model, problem, nodes)
        self.count, self.outputs = self.equations.count, self.equations.outputs
        self.begin, self.end = problem.domain.box[:, -1].tolist()
        self._still = np.zeros(0, dtype=int)
        self.order = self._order()
        with torch.random.fork_rng(devices=[]):
            linear = is_linear(problem, problem.sample())
        self.start = self._satisfying(self._given(model))
        self.constant = linear and self._is_constant()

    def residual(self, states: Float[Array, "p+1 n"], time: float) -> Array:
        """By how much a state and its derivatives in time miss the equations, (n,)."""
        return self.equations.residual(self._values(states), time)

    def matrices(self, states: Float[Array, "p+1 n"], time: float) -> list[Any]:
        """The derivatives of that in the state and in its derivatives in time."""
        return self.equations.linearised(self._values(states), time)[1]

    def _values(self, states: Array) -> Tensor:
        return torch.from_numpy(states.reshape(len(states), self.outputs, self.count).transpose(0, 2, 1).copy())

    def _order(self) -> int:
        random = np.random.default_rng(0).standard_normal((3, self.count * self.outputs))
        found = self.matrices(random, self.begin)
        order = max((q for q in (1, 2) if found[q].nnz), default=0)
        name = type(self.problem).__name__
        if not order:
            raise InputError(f"No equation of {name} has a derivative in time; solve it in space, or use network=default.")
        rates = np.asarray(abs(found[order]).sum(axis=1)).ravel() > 0
        wrong = (self.equations.inside > 0) & ~rates
        columns = np.asarray(abs(found[order]).sum(axis=0)).ravel().reshape(self.outputs, -1)
        if wrong.any() or not columns.any(axis=1).all():
            raise InputError(
                f"network=local needs the derivative of order {order} in time of each output, and one in each equation, but "
                f"one of {name} has none; use network=default."
            )
        slower = np.asarray(sum(abs(found[q]) for q in (1, 2)).sum(axis=1)).ravel() > 0
        self._still = np.flatnonzero((self.equations.inside == 0) & ~slower)
        return order

    def _given(self, model: SparseModel) -> Array:
        """The values, and velocities, of the initial conditions."""
        x = torch.cat([self.nodes.x, torch.full_like(self.nodes.x[:, :1], self.begin)], dim=1)
        site = NodeSite(model, self.nodes.x, self.count, True, np.arange(self.count))
        site.values = torch.zeros((2, self.count, self.outputs), dtype=torch.float64)
        start = np.full((self.order, self.outputs, self.count), np.nan)
        for name, condition in self.problem.named_conditions().items():
            if not isinstance(condition, Initial):
                continue
            if (there := condition.at(self.problem, x)) is None:
                raise InputError(f"Condition {name!r} has points of its own, which a local network cannot use; give a function.")
            found = residuals_of(self.problem, condition, [site], there[1]._replace(sites=(x,)))
            output = 0 if condition.output is None else self.problem.outputs.index(condition.output)
            for q, missed in enumerate(found[: self.order]):
                start[q, output] = -missed.numpy()
        if np.isnan(start).any():
            what = "value and velocity" if self.order == 2 else "value"
            raise InputError(f"{type(self.problem).__name__} has no initial {what} of some output; yield an Initial for each.")
        return start.reshape(self.order, -1)

    def _satisfying(self, start: Array) -> Array:
        """The nearest start that satisfies the boundary conditions, and velocities that keep them satisfied."""
        if not len(self._still):
            return start
        start, span = start.copy(), 1e-6 * (self.end - self.begin)
        for _ in range(TURNS):
            states = np.concatenate([start, np.zeros((1, start.shape[1]))])
            rows = self.matrices(states, self.begin)[0][self._still].tocsc()
            lu, missed = splu((rows @ rows.T).tocsc()), self.residual(states, self.begin)[self._still]
            start[0] -= rows.T @ lu.solve(missed)
            if not np.linalg.norm(missed) > 1e-10 * np.linalg.norm(start[0]):
                break
        if self.order == 2:
            states = np.concatenate([start, np.zeros((1, start.shape[1]))])
            # What the data ask for in time, by a difference; what is there moves by its velocity.
            ahead, here = (self.residual(states, t)[self._still] for t in (self.begin + span, self.begin))
            rate = (ahead - here) / span + self.matrices(states, self.begin)[0][self._still] @ start[1]
            start[1] -= rows.T @ lu.solve(rate)
        return start

    def _is_constant(self) -> bool:
        """Whether the matrices are the same at all times."""
        zero = np.zeros((self.order + 1, self.count * self.outputs))
        first = self.matrices(zero, self.begin)
        for part in (0.382, 0.71, 1.0):
            other = self.matrices(zero, self.begin + part * (self.end - self.begin))
            if any(abs(a - b).max() > 1e-12 * abs(a).max() for a, b in zip(first, other, strict=True) if a.nnz or b.nnz):
                return False
        return True
