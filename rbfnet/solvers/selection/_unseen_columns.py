"""Find basis functions that nearly vanish at all points."""

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
"""A point sees a basis function whose value there is at least this fraction of its maximum in the domain."""


@torch.no_grad()
def unseen(model: LinearModel, problem: Problem, used: Iterable[Sample], others: Iterable[Sample] = ()) -> Bool[Tensor, " N"]:
    """Find coefficients of basis functions that nearly vanish at all but D points, though not everywhere in the domain.

    They are undetermined, and a solver would make their coefficients very large. Examples are kernels narrower than the gaps
    between points, and kernels with centres so many widths outside that they only reach into a corner of the domain. Whether
    they are large elsewhere in the domain is tested at their centres, in the corners of the box, and at ``others``.

    Args:
        model: a network, possibly in wrappers; for other models everything counts as seen.
        problem: the problem it is used in.
        used: the collocation points.
        others: held-out points.
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
    """Centres and corners inside the domain."""
    domain = problem.domain
    if isinstance(domain, PointCloud):
        return domain.box[:0]
    places = torch.cartesian_prod(*domain.box.T).reshape(-1, domain.box.shape[1])
    if isinstance(model, (RBFNetwork, Wrapper)):
        with suppress(InputError):  # A map without an inverse.
            places = torch.cat([places, model.centers.detach().to(places)])
    return places[domain.contains(places)]
