"""Basis functions that no point sees."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from rbfnet.domains import PointCloud
from rbfnet.errors import InputError
from rbfnet.nn import Isotropic, Normalized, RBFNetwork
from rbfnet.nn.wrappers import Wrapper
from rbfnet.operators import LinearModel, Operator
from rbfnet.problems import Problem, Sample

FAINT = 0.1
"""A point sees a basis function that is at least this part there of what it is elsewhere in the domain."""


@torch.no_grad()
def unseen(model: LinearModel, problem: Problem, used: Iterable[Sample], others: Iterable[Sample] = ()) -> Bool[Tensor, " N"]:
    """Which coefficients belong to basis functions that are nearly zero at all points but D, though not everywhere in the domain.

    Nothing says how large they are, and a solver makes them as large as they are small at the points. Kernels narrower than the
    gaps between points are such, and those of centres so far outside, in widths, that they reach into a corner of the domain
    only. Where else in the domain they may be large is looked for at their centres, in the corners of the box, and at
    ``others``.

    Args:
        model: a network, or one in wrappers; of other models all is taken to be seen.
        problem: where it is used.
        used: the points.
        others: unseen points.
    """
    from scipy.spatial import cKDTree

    faint = torch.zeros(len(model.coefficients), dtype=torch.bool, device=model.coefficients.device)
    x = torch.cat([site for sample in used for site in sample.sites])
    y = torch.cat([x, _elsewhere(model, problem).to(x), *(site for sample in others for site in sample.sites)])
    while isinstance(model, Wrapper) and not isinstance(model, Normalized):
        x, y = (model.inner(z, [Operator.identity().over(*z.shape)])[0] for z in (x, y))
        model = model.network
    if not isinstance(model, RBFNetwork) or not (torch.isfinite(x).all() and torch.isfinite(y).all()):
        return faint
    layer, centers = model.layer, model.centers.detach()

    def largest(z: Tensor, k: int) -> Tensor:
        """The k-th largest value of each basis function."""
        if not isinstance(layer.metric, Isotropic):
            return layer(z).abs().topk(k, dim=0).values[-1]
        _, index = cKDTree(z.cpu().numpy()).query(centers.cpu().numpy(), k=[k])
        d = z[torch.from_numpy(index[:, 0]).to(z.device)] - centers
        return layer.kernel.phi(layer.epsilon.square() * d.square().sum(dim=1)).abs()

    found = largest(x, min(len(x), x.shape[1] + 1)) <= FAINT * largest(y, 1)
    faint[: len(centers)] = found
    return faint


def _elsewhere(model: LinearModel, problem: Problem) -> Float[Tensor, "N D"]:
    """Centres and corners that are in the domain."""
    domain = problem.domain
    if isinstance(domain, PointCloud):
        return domain.box[:0]
    places = torch.cartesian_prod(*domain.box.T).reshape(-1, domain.box.shape[1])
    if isinstance(model, (RBFNetwork, Wrapper)):
        with suppress(InputError):  # A map without an inverse.
            places = torch.cat([places, model.centers.detach().to(places)])
    return places[domain.contains(places)]
