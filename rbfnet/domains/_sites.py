"""Group points at the same site."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from rbfnet.annotations import held
from rbfnet.errors import InputError

NEAR = 1e-7
"""Points closer than this, relative to the extent of all, are at the same site: they differ by rounding."""


@dataclass(frozen=True)
class Sites:
    """The sites at which points lie, each once.

    Attributes:
        x: (S, D), the mean of the points at each site, in the order in which the sites first occur.
        index: (N,), the site of each point.

    Example:
        >>> import torch
        >>> from rbfnet.domains import find_sites
        >>> sites = find_sites(torch.tensor([[0.0], [1.0], [0.0]]))
        >>> sites.x.tolist(), sites.index.tolist()
        ([[0.0], [1.0]], [0, 1, 0])
    """

    x: Float[Tensor, "S D"]
    index: Int[Tensor, " N"]

    @property
    def counts(self) -> Int[Tensor, " S"]:
        """How many points lie at each site."""
        return torch.bincount(self.index, minlength=len(self.x))

    @property
    def repeated(self) -> bool:
        """Whether any site has more than one point."""
        return len(self.x) < len(self.index)

    def total(self, values: Float[Tensor, "N C"]) -> Float[Tensor, "S C"]:
        """The sum of ``values`` over the points of each site."""
        return values.new_zeros((len(self.x), values.shape[1])).index_add_(0, self.index.to(values.device), values)


@held
def find_sites(points: Float[Tensor, "N D"], lengths: Float[Tensor, " D"] | None = None) -> Sites:
    """The sites at which ``points`` lie: those that are equal, or closer to each other than ``NEAR``, share one.

    It takes O(N log N): only points whose projections on a line nearly coincide are compared.

    Args:
        points: finite.
        lengths: what distances along each coordinate are measured in; the extents of the points if None.

    Example:
        >>> import torch
        >>> from rbfnet.domains import find_sites
        >>> find_sites(torch.tensor([[0.0], [1.0], [0.0]])).counts.tolist()
        [2, 1]
    """
    if points.ndim != 2 or not len(points):
        raise InputError(f"Points must be (N, D), one row per point, but got {tuple(points.shape)}.")
    if lengths is None:
        lengths = points.amax(dim=0) - points.amin(dim=0)
    lengths = torch.where(lengths > 0, lengths, 1.0)
    scaled = ((points - points[0]) / lengths).detach().cpu().double().numpy()
    label = np.arange(len(scaled))
    # Directions with components that are independent over the rationals keep the points of a lattice apart.
    along = scaled @ np.sqrt(np.arange(scaled.shape[1]) + 2.0)
    order = np.argsort(along, kind="stable")
    reach = NEAR * np.sqrt(np.sum(np.arange(scaled.shape[1]) + 2.0))
    close = np.diff(along[order]) <= reach
    suspects = np.sort(order[np.append(close, False) | np.append(False, close)])
    if len(suspects):
        label[suspects] = suspects[_groups(scaled[suspects])]
    first, index = np.unique(label, return_inverse=True)
    if len(first) == len(scaled):
        return Sites(points, torch.arange(len(points), device=points.device))
    sites = Sites(points[torch.from_numpy(first)], torch.from_numpy(index))
    # Of equal points the mean is taken without rounding.
    moved = sites.total(points - sites.x[sites.index]) / sites.counts[:, None]
    return Sites(sites.x + moved, sites.index)


def _groups(points: np.ndarray) -> np.ndarray:
    """For each point the first of those it is connected to by steps of at most NEAR."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    # Equal points first: of a thousand repeats there are half a million pairs.
    order = np.lexsort(points.T)
    new = np.append(True, (np.diff(points[order], axis=0) != 0).any(axis=1))
    distinct, same = order[new], np.empty(len(points), dtype=np.int64)
    same[order] = np.cumsum(new) - 1
    pairs = cKDTree(points[distinct]).query_pairs(NEAR, output_type="ndarray")
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(distinct), len(distinct)))
    _, component = connected_components(graph, directed=False)
    _, first, group = np.unique(component[same], return_index=True, return_inverse=True)
    return np.asarray(first[group])
