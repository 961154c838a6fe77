"""Initial centres and kernel widths.

``grid``, ``halton``, ``latin_hypercube``, ``poisson_disc``, ``random`` and ``sobol`` fill a box; ``kmeans``, ``farthest_point``
and ``points`` choose from points (:mod:`rbfnet.sampling`). All of them draw from PyTorch's seeded generator, if they draw at all.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError, one_of
from rbfnet.kernels import Kernel
from rbfnet.sampling import (
    FROM_POINTS,
    IN_BOX,
    farthest_point,
    grid,
    halton,
    kmeans,
    latin_hypercube,
    points,
    poisson_disc,
    random,
    sobol,
)

__all__ = [
    "FROM_POINTS",
    "IN_BOX",
    "automatic_margin",
    "breadth",
    "epsilon_from_spacing",
    "farthest_point",
    "grid",
    "halton",
    "kmeans",
    "latin_hypercube",
    "place",
    "points",
    "poisson_disc",
    "random",
    "sobol",
    "spacing",
]


def automatic_margin(dims: int, overlap: float) -> float:
    """min(overlap / 7, (4^(1/D) - 1) / 2): how far centres reach beyond the box, as a fraction of each side.

    Near the boundary a sum of basis functions is as good as inside only where centres surround it, and the wider they are the
    farther out those lie that still matter. In two dimensions and more the other bound is the lower one for wide kernels: a
    quarter of the centres lies in the box then. Measured: with least squares and an overlap of 3.5, Poisson's equation in the
    plane (400 centres) has the error 2e-7 for a margin of 0.1, 3e-10 for 0.3 and 2e-12 for 0.5.
    """
    return min(overlap / 7, (4 ** (1 / dims) - 1) / 2)


def breadth(kernel: Kernel) -> float:
    """How many times as wide as a Gaussian a kernel is best where weights are solved for, roughly; a search starts from there.

    Kernels of finite smoothness are limited by the kinks at their centres, which matter less the wider they are, rather than by
    rounding: 4, and 8 where the support is compact, as the width is its radius then. Kernels that decay like a power of the
    distance have singularities in the complex plane one width from the centre: 2. Measured with least squares on the linear
    problems that are shipped. The scale of a polyharmonic kernel has no effect.
    """
    if kernel.compact:
        return 8.0
    if math.isfinite(kernel.smoothness):
        return 4.0 if kernel.order == 0 else 1.0
    with torch.no_grad():
        here, far = kernel.phi(torch.tensor([0.0, 100.0], dtype=torch.float64)).abs().tolist()
    return 2.0 if far > 1e-6 * here else 1.0


def place(how: str, n: int, at: Float[Tensor, "N D"], margin: float = 0.0) -> Float[Tensor, "n D"]:
    """n centres for a network that will be used at the points ``at``, by the name of an initialiser.

    Those that fill a box take the bounding box of ``at``, each side widened by ``margin`` of its length at both ends: centres
    beyond the boundary are what keeps the approximation there as good as inside.

    Raises:
        InputError: an unknown initialiser, or more distinct centres than points to take them from.
    """
    if one_of("initialiser of centres", how, [*IN_BOX, *FROM_POINTS]) in FROM_POINTS:
        return FROM_POINTS[how](at, n)
    low, high = at.amin(dim=0), at.amax(dim=0)
    widen = margin * (high - low)
    return IN_BOX[how](torch.stack([low - widen, high + widen]).detach().cpu(), n).to(at)


def spacing(centers: Float[Tensor, "M D"]) -> Float[Tensor, " M"]:
    """The mean distance of each centre to its 2 D nearest others: the mesh width h on a grid, inside."""
    from scipy.spatial import cKDTree

    count, dims = centers.shape
    if count == 1:
        return torch.ones_like(centers[:, 0])
    array = centers.detach().cpu().double().numpy()
    distance, _ = cKDTree(array).query(array, k=range(2, min(2 * dims + 1, count) + 1))
    mean = distance.mean(axis=1)
    if not mean.any():
        raise InputError(f"All {count} centres coincide; give distinct ones, or an epsilon.")
    return torch.from_numpy(np.where(mean > 0, mean, mean[mean > 0].min())).to(centers)


def epsilon_from_spacing(centers: Float[Tensor, "M D"], overlap: float, per_center: bool) -> Float[Tensor, ...]:
    """epsilon = 1 / (overlap h), shape () with the mean spacing h of all centres, or (M,) with each centre's own."""
    h = spacing(centers)
    return 1.0 / (overlap * (h if per_center else h.mean()))
