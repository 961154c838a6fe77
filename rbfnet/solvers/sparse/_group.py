"""The equations of one condition at nodes, or of an integral of the solution, linearised at nodal values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from scipy import sparse
from torch import Tensor

from rbfnet.operators import Operator, Recorder
from rbfnet.problems import Condition, Problem, Sample, residuals_of
from rbfnet.solvers.assembly import derivatives
from rbfnet.solvers.sparse._node_site import NodeSite

Array = np.ndarray[Any, Any]


class Group:
    """Rows of one condition.

    Args:
        problem, condition: whose rows they are.
        sample: the points; in space and time at any one time.
        site: the model at these points.
        kept: by number of the equation, the rows of the sample that it is asked for at.
        inside: whether it is an equation in the domain.
    """

    def __init__(
        self,
        problem: Problem,
        condition: Condition,
        sample: Sample,
        site: NodeSite,
        kept: Sequence[tuple[int, Array]],
        inside: bool,
    ) -> None:
        self.problem, self.condition, self.sample, self.site, self.inside = problem, condition, sample, site, inside
        self.kept = list(kept)

    @property
    def count(self) -> int:
        """How many rows there are."""
        return len(self.kept) if self.sample.weights is not None else sum(len(rows) for _, rows in self.kept)

    def residual(self, values: Float[Tensor, "p+1 N O"], time: float | None = None) -> Array:
        """By how much nodal values miss the equations, (R,)."""
        self.site.values = values
        sample = self._at(time)
        found = residuals_of(self.problem, self.condition, [self.site], sample)
        return self._stacked([sample.contract(one).detach().numpy() for one in found])

    def linearised(self, values: Float[Tensor, "p+1 N O"], time: float | None = None) -> tuple[Array, list[Any]]:
        """That, and the derivatives in the nodal values of each order in time, (R, N O) each, the outputs one after the other."""
        self.site.values = values
        sample, outputs = self._at(time), values.shape[2]
        equations = derivatives(self.condition, self.problem, [Recorder(outputs, self.site)], sample)
        parts: list[list[Any]] = [[] for _ in values]
        for number, rows in self.kept:
            slopes = equations[number][1]
            for order, into in enumerate(parts):
                blocks = [self._block(order, output, slopes, rows) for output in range(outputs)]
                into.append(sparse.hstack(blocks, format="csr"))
        residual = self._stacked([sample.contract(rest).numpy() for rest, _ in equations])
        return residual, [sparse.vstack(blocks, format="csr") for blocks in parts]

    def _block(self, order: int, output: int, slopes: dict[tuple[int, Operator, int], Tensor], rows: Array) -> Any:
        """The derivatives of an equation in the values of one output."""
        weights, size = self.sample.weights, self.site.count
        total = sparse.csr_array((1 if weights is not None else len(rows), size))
        for (_, op, o), slope in slopes.items():
            if o != output:
                continue
            matrix = self.site.matrices(op.over(*self.sample.sites[0].shape)).get(order)
            if matrix is None:
                continue
            if weights is not None:
                total = total + sparse.csr_array(((weights * slope).numpy() @ matrix)[None])
            else:
                part = matrix if len(rows) == matrix.shape[0] else matrix[rows]
                total = total + sparse.diags_array(slope.numpy()[rows]) @ part
        return total

    def _stacked(self, found: Sequence[Array]) -> Array:
        if self.sample.weights is not None:
            return np.concatenate([found[number] for number, _ in self.kept])
        return np.concatenate([found[number][rows] for number, rows in self.kept])

    def _at(self, time: float | None) -> Sample:
        if time is None:
            return self.sample
        (x,) = self.sample.sites
        return self.sample._replace(sites=(torch.cat([x[:, :-1], torch.full_like(x[:, -1:], time)], dim=1),))
