"""Basis functions that no point sees."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from rbfnet.nn import Normalized, RBFLayer, RBFNetwork
from rbfnet.nn.wrappers._wrapper import Wrapper
from rbfnet.operators import LinearModel, Operator
from rbfnet.problems import Sample

FAINT = 1e-2
"""What a basis function is at the nearest point, relative to what it is at most where the points are, if it is not seen."""


@torch.no_grad()
def unseen(model: LinearModel, samples: Iterable[Sample]) -> Bool[Tensor, " N"]:
    """Which coefficients belong to basis functions that are nearly zero at all points, but not between them.

    Nothing says how large they are. Kernels narrower than the gaps between points are such; so are those of centres outside that
    reach the domain at one place between two points. The largest value of a kernel where the points are is taken to be that at
    the place of their bounding box which is nearest to its centre.

    Args:
        model: a network, or one in wrappers; of other models all is taken to be seen.
        samples: the points.
    """
    from scipy.spatial import cKDTree

    faint = torch.zeros(len(model.coefficients), dtype=torch.bool, device=model.coefficients.device)
    x = torch.cat([site for sample in samples for site in sample.sites])
    while isinstance(model, Wrapper) and not isinstance(model, Normalized):
        x, _ = model.inner(x, [Operator.identity().over(*x.shape)])
        model = model.network
    if not isinstance(model, RBFNetwork) or not torch.isfinite(x).all():
        return faint
    layer, centers = model.layer, model.centers.detach()
    _, nearest = cKDTree(x.cpu().numpy()).query(centers.cpu().numpy())
    inside = torch.minimum(torch.maximum(centers, x.amin(dim=0)), x.amax(dim=0))
    most = FAINT * _own(layer, inside - centers).abs()
    found = _own(layer, x[torch.from_numpy(nearest).to(x.device)] - centers).abs() <= most
    if found.any():
        # The nearest point need not be the one where a kernel is largest, if its width has a direction.
        found &= layer(x).abs().amax(dim=0) <= most
    faint[: len(centers)] = found
    return faint


def _own(layer: RBFLayer, d: Float[Tensor, "M D"]) -> Float[Tensor, " M"]:
    """Each basis function at ``d`` from its centre."""
    matrix = layer.metric.matrix(d.shape[1]).expand(*d.shape, d.shape[1])
    return layer.kernel.phi(torch.einsum("md,mde,me->m", d, matrix, d))
