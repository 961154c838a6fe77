"""Points chosen from others: cluster means, farthest points, or the points themselves."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError
from rbfnet.extras import require
from rbfnet.sampling._seed import seed


def kmeans(points: Float[Tensor, "N D"], n: int) -> Float[Tensor, "n D"]:
    """The cluster means of the points (``sklearn.cluster.KMeans``): dense where the points are."""
    require("sklearn", "cluster", "centers='kmeans'")
    from sklearn.cluster import KMeans

    _enough(points, n)
    fitted = KMeans(n, n_init=1, random_state=seed()).fit(points.detach().cpu().double().numpy())
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


FROM_POINTS: dict[str, Callable[[Tensor, int], Tensor]] = {"farthest_point": farthest_point, "kmeans": kmeans, "points": points}


def _enough(points: Tensor, n: int) -> Tensor:
    """The distinct points, which must be n at least."""
    distinct = torch.unique(points, dim=0)
    if n > len(distinct):
        raise InputError(f"{n} centres cannot be taken from {len(distinct)} distinct points; ask for {len(distinct)} at most.")
    return distinct
