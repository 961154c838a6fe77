"""Where centres start, and how wide their kernels are.

``grid``, ``halton``, ``latin_hypercube``, ``poisson_disc``, ``random`` and ``sobol`` fill a box (geometries take their points
from them too); ``kmeans``, ``farthest_point`` and ``points`` choose from points. All of them draw from PyTorch's seeded
generator, if they draw at all.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError, one_of
from rbfnet.kernels import Kernel

Box = Float[Tensor, "2 D"]
"""The lowest and the highest corner."""


def grid(box: Box, n: int) -> Float[Tensor, "n D"]:
    """A full grid with k points a side, the corners among them.

    Raises:
        InputError: n is not k^D for a whole k.
    """
    dims = box.shape[1]
    side = round(n ** (1 / dims))
    if side**dims != n:
        near = max(side, 1) ** dims
        raise InputError(f"A grid in {dims} dimensions has k^{dims} points, but {n} were asked for; {near} would do.")
    axis = torch.linspace(0.0, 1.0, side, dtype=box.dtype) if side > 1 else torch.full((1,), 0.5, dtype=box.dtype)
    return _into(box, torch.cartesian_prod(*[axis] * dims).reshape(n, dims))


def halton(box: Box, n: int) -> Float[Tensor, "n D"]:
    """The first n points of a scrambled Halton sequence (``scipy.stats.qmc.Halton``): even, and of any number."""
    from scipy.stats import qmc

    return _into(box, torch.from_numpy(qmc.Halton(box.shape[1], rng=_seed()).random(n)))


def random(box: Box, n: int) -> Float[Tensor, "n D"]:
    """Independent uniform points."""
    return _into(box, torch.rand(n, box.shape[1], dtype=box.dtype))


def sobol(box: Box, n: int) -> Float[Tensor, "n D"]:
    """The first n points of a scrambled Sobol sequence (``scipy.stats.qmc.Sobol``): most even where n is a power of two."""
    from scipy.stats import qmc

    return _into(box, torch.from_numpy(qmc.Sobol(box.shape[1], rng=_seed()).random_base2((n - 1).bit_length())[:n]))


def latin_hypercube(box: Box, n: int) -> Float[Tensor, "n D"]:
    """One point in each of n slices of every side (``scipy.stats.qmc.LatinHypercube``)."""
    from scipy.stats import qmc

    return _into(box, torch.from_numpy(qmc.LatinHypercube(box.shape[1], rng=_seed()).random(n)))


def poisson_disc(box: Box, n: int) -> Float[Tensor, "n D"]:
    """Random points none of which is near another (``scipy.stats.qmc.PoissonDisk``), in random order.

    The radius is the largest, in steps of a few per cent, with which the box holds n points. It takes about a millisecond a
    point, and more in many dimensions.

    Raises:
        InputError: a box with a side of no length.
    """
    from scipy.stats import qmc

    low, high = box.detach().double().numpy()
    if not (low < high).all():
        raise InputError(f"Poisson discs need a box with sides that are not zero, but got {low.tolist()} to {high.tolist()}.")
    dims = len(low)
    # 0.58 is the share of its own cube (2-D, 3-D) that a point takes of a box filled by this algorithm.
    radius = (0.58 * np.prod(high - low) / n) ** (1 / dims)
    while len(found := qmc.PoissonDisk(dims, radius=radius, rng=_seed(), l_bounds=low, u_bounds=high).fill_space()) < n:
        radius *= 0.98 * (len(found) / n) ** (1 / dims)
    return torch.from_numpy(found)[torch.randperm(len(found))[:n]].to(box)


def kmeans(points: Float[Tensor, "N D"], n: int) -> Float[Tensor, "n D"]:
    """The cluster means of the points (``sklearn.cluster.KMeans``): dense where the points are."""
    from sklearn.cluster import KMeans

    _enough(points, n)
    fitted = KMeans(n, n_init=1, random_state=_seed()).fit(points.detach().cpu().double().numpy())
    return torch.from_numpy(fitted.cluster_centers_).to(points)


def farthest_point(points: Float[Tensor, "N D"], n: int) -> Float[Tensor, "n D"]:
    """Greedily the point farthest from those chosen so far, from the one nearest the mean on: even, whatever the density.

    Source: Gonzalez, Theor. Comput. Sci. 38 (1985).
    """
    _enough(points, n)
    chosen = [int((points - points.mean(dim=0)).square().sum(dim=1).argmin())]
    distance = (points - points[chosen[0]]).square().sum(dim=1)
    while len(chosen) < n:
        chosen.append(int(distance.argmax()))
        distance = torch.minimum(distance, (points - points[chosen[-1]]).square().sum(dim=1))
    return points[chosen]


def points(points: Float[Tensor, "N D"], n: int) -> Float[Tensor, "n D"]:
    """The points themselves, in their order, where n of them are there; else n different ones drawn from them."""
    if n == len(points):
        return points.clone()
    distinct = _enough(points, n)
    return distinct[torch.randperm(len(distinct))[:n]]


IN_BOX: dict[str, Callable[[Tensor, int], Tensor]] = {
    "grid": grid,
    "halton": halton,
    "latin_hypercube": latin_hypercube,
    "poisson_disc": poisson_disc,
    "random": random,
    "sobol": sobol,
}
FROM_POINTS: dict[str, Callable[[Tensor, int], Tensor]] = {"farthest_point": farthest_point, "kmeans": kmeans, "points": points}


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
        raise InputError(f"All {count} centres are the same point; give different ones, or an epsilon.")
    return torch.from_numpy(np.where(mean > 0, mean, mean[mean > 0].min())).to(centers)


def epsilon_from_spacing(centers: Float[Tensor, "M D"], overlap: float, per_center: bool) -> Float[Tensor, ...]:
    """epsilon = 1 / (overlap h), shape () with the mean spacing h of all centres, or (M,) with each centre's own."""
    h = spacing(centers)
    return 1.0 / (overlap * (h if per_center else h.mean()))


def _into(box: Tensor, unit: Tensor) -> Tensor:
    return box[0] + (box[1] - box[0]) * unit.to(box)


def _enough(points: Tensor, n: int) -> Tensor:
    """The distinct points, which must be n at least."""
    distinct = torch.unique(points, dim=0)
    if n > len(distinct):
        raise InputError(f"{n} centres cannot be taken from {len(distinct)} distinct points; ask for {len(distinct)} at most.")
    return distinct


def _seed() -> int:
    return int(torch.randint(2**31 - 1, ()))
