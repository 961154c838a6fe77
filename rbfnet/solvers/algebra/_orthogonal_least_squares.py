"""Orthogonal least squares: greedy selection of groups of columns by the decrease of the residual."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor

WEAK = 0.7
"""A pool candidate is accepted while its gain is at least this fraction of the best earlier gain outside the pool."""

NOTHING = 1e-13
"""The fraction of a column below which it counts as rounding."""


class OrthogonalLeastSquares:
    """Iterate over groups of columns, each of which lowers the residual most, given those before it.

    The columns of the candidates are orthogonalised against those chosen before: the sum of squares falls by the square of the
    residual along them. Groups that add nothing are skipped. With more candidates than ``pool`` the choice is weakly greedy, from
    those with the largest recent gains, so that 5,000 candidates need matrix products instead of 5,000 passes over a matrix.

    Source: Chen, Cowan and Grant, IEEE Trans. Neural Networks 2 (1991); Temlyakov, Adv. Comput. Math. 12 (2000), for weak greedy
    choices.

    Args:
        matrix: the columns. groups: the b columns of each of M candidates.
        target: right-hand sides. basis: initial orthonormal columns.
        new: approximate lower bound on the independent fraction of a candidate in its score.
        pool: number of candidates orthogonalised at a time; the choice is exactly greedy for at most this many.

    Attributes:
        residual: the residual of the target. rank: the number of orthonormal columns.

    Example:
        >>> import torch
        >>> from rbfnet.solvers.algebra import OrthogonalLeastSquares
        >>> matrix = torch.eye(3, dtype=torch.float64)
        >>> target = torch.tensor([[1.0], [3.0], [2.0]], dtype=torch.float64)
        >>> list(OrthogonalLeastSquares(matrix, torch.arange(3)[None], target, matrix[:, :0], new=1e-6))
        [1, 2, 0]
    """

    def __init__(
        self,
        matrix: Float[Tensor, "R U"],
        groups: Int[Tensor, "b M"],
        target: Float[Tensor, "R C"],
        basis: Float[Tensor, "R K"],
        new: float,
        pool: int = 128,
    ) -> None:
        self.matrix, self.groups, self.pool = matrix, groups, pool
        self.size = torch.linalg.vector_norm(matrix, dim=0).square()
        self.least = new**2 * self.size + torch.finfo(matrix.dtype).tiny
        self.candidates = torch.ones(groups.shape[1], dtype=torch.bool, device=matrix.device)
        self.basis, self.rank = basis, basis.shape[1]
        self.residual = apart(basis, target)

    def __iter__(self) -> Iterator[int]:
        left = self.size - (self.basis.T @ self.matrix).square().sum(dim=0)
        while self.candidates.any() and self.basis.shape[1] < len(self.matrix):
            gain = ((self.matrix.T @ self.residual).square().sum(dim=1) / (left.clamp_min(0.0) + self.least))[self.groups].sum(
                dim=0
            )
            best = gain.masked_fill(~self.candidates, -1.0).topk(min(self.pool + 1, int(self.candidates.sum())))
            outside = float(best.values[self.pool]) if len(best.values) > self.pool else 0.0
            before = self.basis.shape[1]
            yield from self._of_pool(best.indices[: self.pool], outside)
            left = left - (self.basis[:, before:].T @ self.matrix).square().sum(dim=0)

    def _of_pool(self, pool: Tensor, outside: float) -> Iterator[int]:
        """The groups of a pool, as long as their gain suffices; their new directions are added to the basis."""
        # (R, b P), without what was chosen before this pool; ``rest`` of their squared lengths is without the pool's too.
        chosen = self.groups[:, pool].flatten()
        columns = apart(self.basis, self.matrix[:, chosen])
        rest = start = columns.square().sum(dim=0)
        least, floor = self.least[chosen], NOTHING * start
        along = columns.T @ self.residual
        fresh = self.basis[:, :0]
        while True:
            gains = (along.square().sum(dim=1) / (torch.maximum(rest, floor) + least)).view(len(self.groups), -1).sum(dim=0)
            at = int(gains.masked_fill(~self.candidates[pool], -1.0).argmax())
            if not self.candidates[pool[at]] or (fresh.shape[1] and float(gains[at]) < WEAK * outside):
                break
            self.candidates[pool[at]] = False
            before = fresh.shape[1]
            for column in range(at, columns.shape[1], len(pool)):
                direction = apart(fresh, columns[:, column : column + 1])
                if float(direction.square().sum()) < 0.01 * float(start[column]):
                    # A column that lost most of its length is no longer orthogonal to rounding.
                    direction = apart(torch.cat([self.basis, fresh], dim=1), direction)
                length = direction.norm()
                if float(length) > NOTHING * float(self.size[chosen[column]]) ** 0.5:
                    direction = direction / length
                    taken, lost = direction.T @ self.residual, columns.T @ direction
                    self.residual = self.residual - direction @ taken
                    along, rest = along - lost @ taken, rest - lost[:, 0].square()
                    fresh = torch.cat([fresh, direction], dim=1)
            self.rank = self.basis.shape[1] + fresh.shape[1]
            if fresh.shape[1] > before:
                yield int(pool[at])
        self.basis = torch.cat([self.basis, fresh], dim=1)


def apart(basis: Float[Tensor, "R K"], columns: Float[Tensor, "R P"]) -> Float[Tensor, "R P"]:
    """The columns orthogonalised against the basis, twice for accuracy."""
    for _ in range(2):
        columns = columns - basis @ (basis.T @ columns)
    return columns
