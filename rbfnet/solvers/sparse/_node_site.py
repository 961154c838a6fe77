"""A local model at some points, through sparse matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from scipy import sparse
from torch import Tensor

from rbfnet.operators import Along, Differentiable, Operator, in_space_and_time

Array = np.ndarray[Any, Any]


@runtime_checkable
class SparseModel(Protocol):
    """A :class:`rbfnet.operators.LinearModel` whose coefficients are values at nodes, with sparse rows."""

    in_features: int

    def sparse_features(self, x: Float[Tensor, "B D"], op: Operator, blend: bool = True) -> Any:
        """``op`` of each nodal basis function: a SciPy array (B, N) in CSR form."""


class NodeSite(Differentiable):
    """What a local model is at some points, known by its nodal values and their derivatives in time.

    Args:
        model: in space.
        x: (B, d), the points in space.
        count: N, the number of nodes.
        in_time: whether operators have the time as the coordinate after those of the space.
        nodes: (B,), the numbers of the nodes that the points are: the operators are those of the nearest patch there; None for
            other points, where patches are blended.

    Attributes:
        values: (p + 1, N, O): nodal values, then their derivatives in time.
    """

    values: Tensor

    def __init__(self, model: SparseModel, x: Float[Tensor, "B d"], count: int, in_time: bool, nodes: Array | None) -> None:
        super().__init__()
        self.model, self.x, self.count, self.in_time, self.nodes = model, x, count, in_time, nodes
        self._known: dict[Any, dict[int, Any]] = {}

    def matrices(self, op: Operator) -> dict[int, Any]:
        """An operator on nodal values, (B, N), by the order of the derivative in time that it takes."""
        dims = self.x.shape[1]
        terms = in_space_and_time(op, dims) if self.in_time else [(along, 0, c) for along, c in op.written_out(dims)]
        if any(isinstance(c, Tensor) for _, _, c in terms):
            found: dict[int, Any] = {}
            for along, order, c in terms:
                factor = c.expand(len(self.x)).numpy() if isinstance(c, Tensor) else np.full(len(self.x), c)
                term = sparse.diags_array(factor) @ self._fixed([(along, 0, 1.0)])[0]
                found[order] = found[order] + term if order in found else term
            return found
        return self._fixed(terms)

    def _fixed(self, terms: Sequence[tuple[Along, int, Any]]) -> dict[int, Any]:
        """Terms with constant coefficients, computed once."""
        key = tuple(terms)
        if key not in self._known:
            found = {}
            for order in {order for _, order, _ in terms}:
                parts = [(along, float(c)) for along, q, c in terms if q == order]
                if self.nodes is not None and all(not along for along, _ in parts):
                    # The nodal value itself, without what rounding leaves of the others.
                    factor = np.full(len(self.x), sum(c for _, c in parts))
                    found[order] = sparse.csr_array(
                        (factor, (np.arange(len(self.x)), self.nodes)), shape=(len(self.x), self.count)
                    )
                else:
                    found[order] = self.model.sparse_features(self.x, Operator.of(parts), blend=self.nodes is None)
            self._known[key] = found
        return self._known[key]

    def apply_operators(self, x: Float[Tensor, "B D"], ops: Sequence[Operator]) -> Float[Tensor, "B O K"]:
        channels = []
        for op in ops:
            total = np.zeros((len(self.x), self.values.shape[2]))
            for order, matrix in self.matrices(op.over(*x.shape)).items():
                if order < len(self.values):
                    total = total + matrix @ self.values[order].numpy()
            channels.append(torch.from_numpy(total))
        return torch.stack(channels, dim=-1)
