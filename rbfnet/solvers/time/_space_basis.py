"""Functions in space that are orthonormal at the points of a quadrature."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.domains import Domain
from rbfnet.errors import InputError
from rbfnet.nn import RBFNetwork
from rbfnet.operators import LinearModel, Operator

CUT = 1e-12
"""Singular values of the basis below this fraction of the largest are left out."""

SURE, APART = 1e-7, 1e-6
"""Functions with singular values above SURE are orthonormal by another quadrature too, but for APART."""

SLIVER = 1e3
"""A function that is as many times larger on the boundary than inside is one of kernels that lie beyond it. Boundary conditions
are felt by it so much that what they are for all others is not seen beside it."""

MOST_POINTS = 30_000
"""Of a quadrature."""

MORE = 1.5
"""A quadrature is checked by one with so many times as many points."""


def orthonormal(
    network: LinearModel, points: Float[Tensor, "B d"], weights: Float[Tensor, " B"], cut: float = CUT
) -> Float[Tensor, "N n"]:
    """V, such that the functions phi V of a network are orthonormal at the points.

    By a truncated singular value decomposition, so that kernels may be as wide and nearly dependent as accuracy wants them.

    Raises:
        InputError: all functions vanish at all points.
    """
    with torch.no_grad():
        features = network.features(points, Operator.identity())
    if not features.any():
        raise InputError(too_narrow("the points inside"))
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


def too_narrow(where: str) -> str:
    """The sentence for kernels that vanish somewhere."""
    return (
        f"No kernel reaches {where}: kernels are narrower than the distances of their centres; give a smaller epsilon, or more "
        "centres (network.num_centers)."
    )


def resolved(space: Domain, network: RBFNetwork, per_center: int) -> tuple[Float[Tensor, "B d"], Float[Tensor, " B"]]:
    """Points and weights of a quadrature that integrates products of a network's functions.

    They are taken to be enough if functions that are orthonormal by them are so by more than MORE times as many points too. With
    that the method of Galerkin inherits from an equation that nothing in it grows.
    """
    count = per_center * network.num_centers
    points, weights = space.quadrature(count)
    while len(points) < MOST_POINTS:
        finer, their = points, weights
        # Domains with holes have the same points for several counts.
        while len(finer) < MORE * len(points):
            count *= 2
            finer, their = space.quadrature(count)
        basis = orthonormal(network, points, weights / weights.sum(), SURE)
        with torch.no_grad():
            values = network.features(finer, Operator.identity()) @ basis
        gram = values.T @ (their[:, None] / their.sum() * values)
        if float((gram - torch.eye(len(gram), dtype=gram.dtype)).abs().max()) < APART:
            break
        points, weights = finer, their
    return points, weights / weights.sum()
