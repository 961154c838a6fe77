"""Points that fill a box."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError
from rbfnet.sampling._seed import seed

Box = Float[Tensor, "2 D"]
"""The lowest and the highest corner."""


def grid(box: Box, n: int) -> Float[Tensor, "n D"]:
    """A full grid of n = k^D points, k along each side, including the corners.

    Raises:
        InputError: n is not k^D for a whole k.

    Example:
        >>> import torch
        >>> from rbfnet.sampling import grid
        >>> grid(torch.tensor([[0.0], [1.0]]), 3)
        tensor([[0.0000],
                [0.5000],
                [1.0000]])
    """
    dims = box.shape[1]
    side = round(n ** (1 / dims))
    if side**dims != n:
        near = max(side, 1) ** dims
        raise InputError(f"A grid in {dims} dimensions has k^{dims} points, but {n} were requested; use {near}.")
    axis = torch.linspace(0.0, 1.0, side, dtype=box.dtype) if side > 1 else torch.full((1,), 0.5, dtype=box.dtype)
    return _into(box, torch.cartesian_prod(*[axis] * dims).reshape(n, dims))


def halton(box: Box, n: int) -> Float[Tensor, "n D"]:
    """The first n points of a scrambled Halton sequence (``scipy.stats.qmc.Halton``): evenly spread for any n.

    Example:
        >>> import torch
        >>> from rbfnet.sampling import halton
        >>> box = torch.tensor([[0.0, -1.0], [2.0, 1.0]])  # the lowest and the highest corner
        >>> x = halton(box, 50)
        >>> x.shape, bool(((x >= box[0]) & (x <= box[1])).all())
        (torch.Size([50, 2]), True)
    """
    from scipy.stats import qmc

    return _into(box, torch.from_numpy(qmc.Halton(box.shape[1], rng=seed()).random(n)))


def random(box: Box, n: int) -> Float[Tensor, "n D"]:
    """Independent uniform points.

    Example:
        >>> import torch
        >>> from rbfnet.sampling import random
        >>> box = torch.tensor([[0.0, -1.0], [2.0, 1.0]])  # the lowest and the highest corner
        >>> x = random(box, 50)
        >>> x.shape, bool(((x >= box[0]) & (x <= box[1])).all())
        (torch.Size([50, 2]), True)
    """
    return _into(box, torch.rand(n, box.shape[1], dtype=box.dtype))


def sobol(box: Box, n: int) -> Float[Tensor, "n D"]:
    """The first n points of a scrambled Sobol sequence (``scipy.stats.qmc.Sobol``): most even if n is a power of two.

    Example:
        >>> import torch
        >>> from rbfnet.sampling import sobol
        >>> box = torch.tensor([[0.0, -1.0], [2.0, 1.0]])  # the lowest and the highest corner
        >>> x = sobol(box, 50)
        >>> x.shape, bool(((x >= box[0]) & (x <= box[1])).all())
        (torch.Size([50, 2]), True)
    """
    from scipy.stats import qmc

    return _into(box, torch.from_numpy(qmc.Sobol(box.shape[1], rng=seed()).random_base2((n - 1).bit_length())[:n]))


def latin_hypercube(box: Box, n: int) -> Float[Tensor, "n D"]:
    """One point in each of n equal slices of every side (``scipy.stats.qmc.LatinHypercube``).

    Example:
        >>> import torch
        >>> from rbfnet.sampling import latin_hypercube
        >>> box = torch.tensor([[0.0, -1.0], [2.0, 1.0]])  # the lowest and the highest corner
        >>> x = latin_hypercube(box, 50)
        >>> x.shape, bool(((x >= box[0]) & (x <= box[1])).all())
        (torch.Size([50, 2]), True)
    """
    from scipy.stats import qmc

    return _into(box, torch.from_numpy(qmc.LatinHypercube(box.shape[1], rng=seed()).random(n)))


def poisson_disc(box: Box, n: int) -> Float[Tensor, "n D"]:
    """Random points with a minimum distance between them (``scipy.stats.qmc.PoissonDisk``), in random order.

    The distance is the largest, to within a few per cent, at which n points fit into the box. This takes about a millisecond per
    point, and more in many dimensions.

    Raises:
        InputError: a box with a side of length zero.

    Example:
        >>> import torch
        >>> from rbfnet.sampling import poisson_disc
        >>> box = torch.tensor([[0.0, -1.0], [2.0, 1.0]])  # the lowest and the highest corner
        >>> x = poisson_disc(box, 50)
        >>> x.shape, bool(((x >= box[0]) & (x <= box[1])).all())
        (torch.Size([50, 2]), True)
    """
    from scipy.stats import qmc

    low, high = box.detach().double().numpy()
    if not (low < high).all():
        raise InputError(f"Poisson discs need a box with sides of positive length, but got {low.tolist()} to {high.tolist()}.")
    dims = len(low)
    # 0.58 is the share of its own cube (2-D, 3-D) that a point takes of a box filled by this algorithm.
    radius = (0.58 * np.prod(high - low) / n) ** (1 / dims)
    while len(found := qmc.PoissonDisk(dims, radius=radius, rng=seed(), l_bounds=low, u_bounds=high).fill_space()) < n:
        radius *= 0.98 * (len(found) / n) ** (1 / dims)
    return torch.from_numpy(found)[torch.randperm(len(found))[:n]].to(box)


IN_BOX: dict[str, Callable[[Tensor, int], Tensor]] = {
    "grid": grid,
    "halton": halton,
    "latin_hypercube": latin_hypercube,
    "poisson_disc": poisson_disc,
    "random": random,
    "sobol": sobol,
}


def _into(box: Tensor, unit: Tensor) -> Tensor:
    return box[0] + (box[1] - box[0]) * unit.to(box)
