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
    """The means of n clusters of the points (``sklearn.cluster.KMeans``), dense where the points are dense.

    Raises:
        InputError: fewer than n distinct points.

    Example:
        >>> import torch
        >>> from rbfnet.sampling import kmeans
        >>> x = torch.tensor([[0.0], [0.2], [5.0], [5.2]])
        >>> kmeans(x, 2).sort(dim=0).values
        tensor([[0.1000],
                [5.1000]])
    """
    require("sklearn", "cluster", "centers='kmeans'")
    from sklearn.cluster import KMeans

    _enough(points, n)
    fitted = KMeans(n, n_init=1, random_state=seed()).fit(points.detach().cpu().double().numpy())
    return torch.from_numpy(fitted.cluster_centers_).to(points)


def farthest_point(points: Float[Tensor, "N D"], n: int) -> Float[Tensor, "n D"]:
    """A selection of n points, evenly spread whatever their density.

    The first is the point closest to the mean; each further one is the point farthest from those already selected.

    Raises:
        InputError: fewer than n distinct points.

    Source: Gonzalez, Theor. Comput. Sci. 38 (1985).

    Example:
        >>> import torch
        >>> from rbfnet.sampling import farthest_point
        >>> x = torch.tensor([[0.0], [0.1], [0.2], [0.9]])
        >>> farthest_point(x, 3)
        tensor([[0.2000],
                [0.9000],
                [0.0000]])
    """
    _enough(points, n)
    chosen = [int((points - points.mean(dim=0)).square().sum(dim=1).argmin())]
    distance = (points - points[chosen[0]]).square().sum(dim=1)
    while len(chosen) < n:
        chosen.append(int(distance.argmax()))
        distance = torch.minimum(distance, (points - points[chosen[-1]]).square().sum(dim=1))
    return points[chosen]


def points(points: Float[Tensor, "N D"], n: int) -> Float[Tensor, "n D"]:
    """All points in their order if there are n of them, otherwise n distinct ones drawn at random.

    Raises:
        InputError: fewer than n distinct points.

    Example:
        >>> import torch
        >>> from rbfnet.sampling import points
        >>> x = torch.rand(10, 2)
        >>> torch.equal(points(x, 10), x), points(x, 4).shape
        (True, torch.Size([4, 2]))
    """
    if n == len(points):
        return points.clone()
    distinct = _enough(points, n)
    return distinct[torch.randperm(len(distinct))[:n]]


FROM_POINTS: dict[str, Callable[[Tensor, int], Tensor]] = {"farthest_point": farthest_point, "kmeans": kmeans, "points": points}


def _enough(points: Tensor, n: int) -> Tensor:
    """The distinct points, which must be n at least."""
    distinct = torch.unique(points, dim=0)
    if n > len(distinct):
        raise InputError(f"{n} centres cannot be taken from {len(distinct)} distinct points; use at most {len(distinct)}.")
    return distinct
