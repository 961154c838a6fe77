"""How many nodes a spacing takes, and the spacing for a number of nodes."""

from __future__ import annotations

from typing import Any

import numpy as np

from rbfnet.domains._domain import Domain
from rbfnet.domains._rejection import own_draws
from rbfnet.domains.node_sets._curve_nodes import Spacing

Array = np.ndarray[Any, Any]

INSIDE = {1: 1.0, 2: 1.10, 3: 1.15}
"""Nodes in a cell of the volume h^D, by dimension."""

ACROSS = {1: 1.0, 2: 1.0, 3: 1.10}
"""Nodes on a part of the boundary of the measure h^(D - 1)."""

SAMPLES = 2**12
"""Points by which densities are integrated."""


def number_of_nodes(domain: Domain, spacing: Spacing, scale: float = 1.0) -> float:
    """About how many nodes there are at ``scale`` times the spacing: half of those on the boundary count besides the volume."""
    inside, across = _densities(domain, spacing)
    dims = len(domain.coords)
    return inside / scale**dims + across / scale ** (dims - 1)


def scale_for(domain: Domain, spacing: Spacing, count: int) -> float:
    """The factor of the spacing with which there are ``count`` nodes."""
    inside, across = _densities(domain, spacing)
    dims = len(domain.coords)
    if dims == 1:
        return inside / max(count - across, 0.5)
    low, high = (inside / count) ** (1 / dims), ((inside + across) / count) ** (1 / dims) + (across / count) ** (1 / (dims - 1))
    for _ in range(60):
        middle = (low * high) ** 0.5
        more = inside / middle**dims + across / middle ** (dims - 1) > count
        low, high = (middle, high) if more else (low, middle)
    return float(low)


def _densities(domain: Domain, spacing: Spacing) -> tuple[float, float]:
    """The integrals of the densities over the domain, and half over its boundary."""
    dims = len(domain.coords)
    with own_draws():
        inside = domain.interior(SAMPLES)
        whole = domain.volume * INSIDE[dims] * float(np.mean(spacing(inside.numpy()) ** -dims))
        if dims == 1:
            return whole, len(domain.pieces) / 2
        boundary = domain.boundary(SAMPLES)
    measure = sum(piece.measure for piece in domain.pieces)
    return whole, measure * ACROSS[dims] / 2 * float(np.mean(spacing(boundary.numpy()) ** (1 - dims)))
