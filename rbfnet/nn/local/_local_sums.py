"""Derivatives of the blend of interpolants, their transpose, and the sparse rows of operators: sums over pairs, in batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from rbfnet.nn.blocks import PAIRS, ListedPairs
from rbfnet.nn.local._batches import Batch, batches
from rbfnet.nn.local._local_basis import LocalBasis
from rbfnet.nn.local._multi_index import Index, lower_set, parts
from rbfnet.nn.local._partition import partition
from rbfnet.nn.local._patches import Patches
from rbfnet.operators import Coefficient


class Piece(NamedTuple):
    """A batch of pairs with what its sums are made of.

    Attributes:
        batch: the pairs. nodes: (C, n, D), in coordinates of the patch. stencils: (C, n), numbers of nodes.
        epsilon: (C,), shape parameters in these coordinates.
        columns: by multi-index, in coordinates of the points: (C, K, n + T).
    """

    batch: Batch
    nodes: Tensor
    epsilon: Tensor
    stencils: Tensor
    columns: dict[Index, Tensor]


class LocalSums:
    """u(x) = sum_p W_p(x) s_p(x) for nodes and patches; all arithmetic is in float64.

    Args:
        nodes: (N, D). patches: of these nodes. basis: the interpolants.
        epsilon: (P,), the shape parameter of the kernel in each patch.
    """

    def __init__(self, nodes: Tensor, patches: Patches, basis: LocalBasis, epsilon: Tensor) -> None:
        self.nodes, self.patches, self.basis = nodes.detach().double(), patches, basis
        self.centers = self.nodes[torch.from_numpy(patches.centers).to(nodes.device)]
        self.stencils = torch.from_numpy(patches.stencils).to(nodes.device)
        self.radius = torch.from_numpy(patches.radius).to(nodes.device)
        self.epsilon = epsilon.to(nodes.device) * self.radius
        self.size = patches.stencils.shape[1] + len(basis.tail)
        self._values: Tensor | None = None
        self._solved: Tensor | None = None

    def derivatives(self, x: Tensor, values: Tensor, indices: Sequence[Index], blend: bool = True) -> Tensor:
        """D^alpha u for each multi-index, (B, O, A)."""
        found = values.new_zeros((len(x), len(indices), values.shape[1]), dtype=torch.float64)
        listed, weights, pieces = self._pieces(x, indices, blend)
        solved = self._known(values, len(listed.columns))
        for piece in pieces:
            if solved is None:
                coefficients = self.basis.solve(piece.nodes, piece.epsilon, values.double()[piece.stencils])
            else:
                coefficients = solved.index_select(0, piece.batch.patches)
            local = {beta: column @ coefficients for beta, column in piece.columns.items()}
            result = [_leibniz({index: 1.0}, piece.batch, listed.rows, weights, local) for index in indices]
            rows = listed.rows[piece.batch.pairs[piece.batch.there]]
            found.index_add_(0, rows, torch.stack(result, dim=-2)[piece.batch.there])
        return found.mT

    def transposed(self, x: Tensor, given: Tensor, indices: Sequence[Index], blend: bool = True) -> Tensor:
        """The adjoint of ``derivatives`` in the values: (N, O) of (B, O, A)."""
        found = given.new_zeros((len(self.nodes), given.shape[1]), dtype=torch.float64)
        listed, weights, pieces = self._pieces(x, indices, blend)
        given = given.double()
        for piece in pieces:
            batch = piece.batch
            right: Tensor | float = 0.0
            for place, index in enumerate(indices):
                of_pair = given[..., place][listed.rows[batch.pairs]] * batch.there[..., None]
                for beta, rest, count in parts(index):
                    if rest in weights:
                        weight = count * weights[rest][batch.pairs]
                        right = right + piece.columns[beta].mT @ (weight[..., None] * of_pair)
            assert isinstance(right, Tensor)
            part = self.basis.solve(piece.nodes, piece.epsilon, right)[:, : piece.stencils.shape[1]]
            found.index_add_(0, piece.stencils.flatten(), part.flatten(0, 1))
        return found

    def rows(self, x: Tensor, terms: Mapping[Index, Coefficient], blend: bool = True) -> Any:
        """One row per point, one column per node: sparse, (B, N), as a SciPy array in CSR form."""
        from scipy.sparse import coo_array, csr_array

        terms = terms or {(): 0.0}
        listed, weights, pieces = self._pieces(x, list(terms), blend)
        found: Any = csr_array((len(x), len(self.nodes)))
        held: list[tuple[Tensor, Tensor, Tensor]] = []

        def gathered() -> Any:
            entries, row, column = (torch.cat(some).cpu().numpy() for some in zip(*held, strict=True))
            return coo_array((entries, (row, column)), shape=found.shape).tocsr()

        for piece in pieces:
            batch = piece.batch
            row = _leibniz(terms, batch, listed.rows, weights, piece.columns)
            entries = self.basis.solve(piece.nodes, piece.epsilon, row.mT)[:, : piece.stencils.shape[1]].mT
            points = listed.rows[batch.pairs][..., None].expand(entries.shape)
            columns = piece.stencils.long()[:, None, :].expand(entries.shape)
            held.append((entries[batch.there].flatten(), points[batch.there].flatten(), columns[batch.there].flatten()))
            if sum(len(entries) for entries, _, _ in held) > 16 * PAIRS:
                found = found + gathered()
                held = []
        return found + gathered() if held else found

    def _pieces(
        self, x: Tensor, indices: Sequence[Index], blend: bool
    ) -> tuple[ListedPairs, dict[Index, Tensor], Iterator[Piece]]:
        """The pairs, the derivatives of the weights, and the batches."""
        x = x.detach().double()
        pairing = self.patches.pairs(x.cpu().numpy(), blend)
        rows, columns, alone = (torch.from_numpy(part).to(x.device) for part in (pairing.points, pairing.patches, pairing.alone))
        listed = ListedPairs(rows, columns, len(x))
        if blend:
            weights = partition(x, self.centers, self.radius, listed, alone, indices)
        else:
            weights = {(): torch.ones_like(rows, dtype=torch.float64)}
        every = lower_set(indices) if blend else list(indices)

        def pieces() -> Iterator[Piece]:
            for batch in batches(pairing, self.size, x.device):
                stencils = self.stencils.index_select(0, batch.patches)
                radius = self.radius.index_select(0, batch.patches)[:, None, None]
                center = self.centers.index_select(0, batch.patches)[:, None, :]
                nodes = (self.nodes[stencils] - center) / radius
                z = (x[rows[batch.pairs]] - center) / radius
                epsilon = self.epsilon.index_select(0, batch.patches)
                found = self.basis.columns(z, nodes, epsilon, every)
                columns = {
                    index: torch.cat(both, dim=-1) / radius ** len(index) for index, both in zip(every, found, strict=True)
                }
                yield Piece(batch, nodes, epsilon, stencils, columns)

        return listed, weights, pieces()

    def _known(self, values: Tensor, pairs: int) -> Tensor | None:
        """The coefficients of all patches, (P, n + T, O), solved for once for the same values; None where few are needed."""
        if self._values is not None and self._values.shape == values.shape and torch.equal(self._values, values.detach()):
            return self._solved
        if 2 * pairs < len(self.patches):
            return None
        self._values, self._solved = values.detach().clone(), None
        solved = self.nodes.new_empty((len(self.patches), self.size, values.shape[1]))
        right = self._values.double()
        step = max(1, 4 * PAIRS // self.size**2)
        for stencils, center, radius, epsilon, out in zip(
            *(some.split(step) for some in (self.stencils, self.centers, self.radius, self.epsilon, solved)), strict=True
        ):
            nodes = (self.nodes[stencils] - center[:, None]) / radius[:, None, None]
            out.copy_(self.basis.solve(nodes, epsilon, right[stencils]))
        self._solved = solved
        return solved


def _leibniz(
    terms: Mapping[Index, Coefficient],
    batch: Batch,
    rows: Tensor,
    weights: Mapping[Index, Tensor],
    local: Mapping[Index, Tensor],
) -> Tensor:
    """sum over terms c D^alpha (W s) of the pairs of a batch, from derivatives of W (Q,) and of s (C, K, R)."""
    factors: dict[Index, Tensor] = {}
    for index, c in terms.items():
        factor = c[rows[batch.pairs]] if isinstance(c, Tensor) else c
        for beta, rest, count in parts(index):
            if rest in weights:
                weight = factor * count * weights[rest][batch.pairs]
                factors[beta] = factors[beta] + weight if beta in factors else weight
    total: Tensor | None = None
    for beta, weight in factors.items():
        part = weight[..., None] * local[beta]
        total = part if total is None else total.add_(part)
    assert total is not None
    return total
