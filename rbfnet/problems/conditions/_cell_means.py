"""Means over cells as the values of a fit."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.domains import Domain
from rbfnet.errors import InputError
from rbfnet.operators import Field
from rbfnet.problems.conditions._condition import Residual, Sample
from rbfnet.problems.conditions._data_condition import Data

NODES = {1: 8, 2: 36}
"""Number of points of the quadrature of a cell on a line and in the plane."""

MORE = 125
"""In more dimensions."""


class CellMeans(Data):
    """The mean of every output over each cell is a given value, y.

    Each mean is a sum over the points of a quadrature, which are the sites of the sample: one row per cell.

    Args:
        cells: the domains, all with the same coordinates.
        y: (N, O).
        noise: as in :class:`Data`.
    """

    def __init__(self, cells: Sequence[Domain], y: Float[Tensor, "N O"], noise: float | None = None) -> None:
        nodes, self._shares = _rules(cells)
        super().__init__((self._shares[..., None] * nodes).sum(dim=1), y, noise=noise)
        self._nodes, self._y, self.pointwise = nodes, y, False

    def sample(self, problem: object) -> Sample:
        return Sample(tuple(self._nodes.to(self._y).unbind(dim=1)), data=(self._y, self._shares.to(self._y)))

    def residual(self, *given: Field | Tensor) -> Residual:
        *fields, y, shares = given
        assert isinstance(y, Tensor) and isinstance(shares, Tensor)
        found = []
        for o in range(y.shape[1]):
            parts = [field[field.outputs[o]].value * shares[:, k] for k, field in enumerate(fields) if isinstance(field, Field)]
            found.append(torch.stack(parts).sum(dim=0) - y[:, o])
        return tuple(found)


def cells_of(x: object) -> list[Domain] | None:
    """The cells, if ``x`` is a list of domains; None if it holds no domain.

    Raises:
        InputError: a list of domains and other things, or domains with different coordinates.
    """
    if not isinstance(x, (list, tuple)) or not any(isinstance(cell, Domain) for cell in x):
        return None
    cells = [cell for cell in x if isinstance(cell, Domain)]
    names = {tuple(cell.coords) for cell in cells}
    if len(cells) < len(x) or len(names) > 1:
        raise InputError(
            f"Cells must be domains with the same coordinates, but got {', '.join(type(cell).__name__ for cell in x[:5])} with "
            f"the coordinates {' and '.join(', '.join(n) for n in sorted(names))}."
        )
    return cells


def centers_of(cells: Sequence[Domain]) -> Float[Tensor, "N D"]:
    """The centre of mass of each cell."""
    nodes, shares = _rules(cells)
    return (shares[..., None] * nodes).sum(dim=1)


def _rules(cells: Sequence[Domain]) -> tuple[Float[Tensor, "N Q D"], Float[Tensor, "N Q"]]:
    """The points and weights of a mean over each cell; rules of fewer points are filled up with the first one, of no weight."""
    rules = [cell.quadrature(NODES.get(len(cell.coords), MORE)) for cell in cells]
    most = max(len(weights) for _, weights in rules)
    nodes = torch.stack([torch.cat([x, x[:1].expand(most - len(x), -1)]) for x, _ in rules])
    shares = torch.stack([torch.cat([w / w.sum(), w.new_zeros(most - len(w))]) for _, w in rules])
    return nodes.double(), shares.double()
