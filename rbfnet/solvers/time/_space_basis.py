"""Functions in space that are orthonormal at the points of a quadrature."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.domains import Domain
from rbfnet.nn import RBFNetwork
from rbfnet.operators import Operator

CUT = 1e-12
"""Singular values of the basis below this fraction of the largest are left out."""

SURE, APART = 1e-7, 1e-6
"""Functions with singular values above SURE are orthonormal by another quadrature too, but for APART."""

SLIVER = 1e3
"""A function that is as many times larger on the boundary than inside is one of kernels that lie beyond it. Boundary conditions
are felt by it so much that what they are for all others is not seen beside it."""

MOST_POINTS = 30_000
"""Of a quadrature."""


def orthonormal(
    network: RBFNetwork, points: Float[Tensor, "B d"], weights: Float[Tensor, " B"], cut: float = CUT
) -> Float[Tensor, "N n"]:
    """V, such that the functions phi V of a network are orthonormal at the points.

    By a truncated singular value decomposition, so that kernels may be as wide and nearly dependent as accuracy wants them.
    """
    with torch.no_grad():
        features = network.features(points, Operator.identity())
    _, sizes, right = torch.linalg.svd(weights.sqrt()[:, None] * features, full_matrices=False)
    kept = int((sizes > cut * sizes[0]).sum())
    return right[:kept].T / sizes[:kept]


def orthonormal_to(
    network: RBFNetwork, points: Float[Tensor, "B d"], weights: Float[Tensor, " B"], edge: Float[Tensor, "E d"]
) -> Float[Tensor, "N n"]:
    """As :func:`orthonormal`; with the boundary too, as much as inside, where functions are much larger there."""
    basis = orthonormal(network, points, weights)
    edge = torch.unique(edge, dim=0)
    with torch.no_grad():
        values = network.features(edge, Operator.identity()) @ basis
    if float(torch.linalg.matrix_norm(values, 2)) < SLIVER * len(edge) ** 0.5:
        return basis
    return orthonormal(network, torch.cat([points, edge]), torch.cat([weights, torch.full_like(edge[:, 0], 1 / len(edge))]))


def resolved(space: Domain, network: RBFNetwork, per_center: int) -> tuple[Float[Tensor, "B d"], Float[Tensor, " B"]]:
    """Points and weights of a quadrature that integrates products of a network's functions.

    They are taken to be enough if functions that are orthonormal by them are so by about twice as many too. With that the
    method of Galerkin inherits from an equation that nothing in it grows.
    """
    count = per_center * network.num_centers
    points, weights = space.quadrature(count)
    weights = weights / weights.sum()
    while count < MOST_POINTS:
        count *= 2
        finer, their = space.quadrature(count)
        their = their / their.sum()
        basis = orthonormal(network, points, weights, SURE)
        with torch.no_grad():
            values = network.features(finer, Operator.identity()) @ basis
        gram = values.T @ (their[:, None] * values)
        if float((gram - torch.eye(len(gram), dtype=gram.dtype)).abs().max()) < APART:
            break
        points, weights = finer, their
    return points, weights
