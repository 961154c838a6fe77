"""The variance of a derivative of a random function with a radial covariance."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError
from rbfnet.nn import RBFNetwork
from rbfnet.operators import Coefficient, Operator


def prior_variance(network: RBFNetwork, z: Float[Tensor, "B D"], op: Operator, named: Operator) -> Float[Tensor, " B"]:
    """L L' k(z, z) for k(z, z') = phi((z - z')^T A (z - z')): each argument is differentiated, then both are set to z.

    For L = sum_a c_a d^a it is sum_ab c_a c_b (-1)^|b| d^(a + b) phi(0), the same numbers at all points.

    Source: Rasmussen and Williams, Gaussian Processes for Machine Learning (2006), section 9.4.

    Args:
        network: whose kernel and metric, one for all centres, are used.
        op: L, in the coordinates of the network.
        named: the operator as the user knows it, for errors.

    Raises:
        InputError: the kernel has fewer derivatives than twice the order of L.
    """
    if 2 * named.order > network.kernel.smoothness:
        raise InputError(
            f"The error bar of {named} needs a kernel with {2 * named.order} continuous derivatives, but {network.kernel} has "
            f"{network.kernel.smoothness:g}; use a smoother kernel, such as gaussian."
        )
    terms = op.written_out(network.in_features)
    at_zero: dict[tuple[int, ...], Tensor] = {}
    total = z.new_zeros(len(z))
    for a, c in terms:
        for b, k in terms:
            along = tuple(sorted((*a, *b)))
            if along not in at_zero:
                center = network.centers[:1].detach()
                at_zero[along] = network.layer.apply_operator(center, Operator.d(*along).over(*center.shape))[0, 0]
            factor: Coefficient = (-1.0) ** len(b) * c * k
            total = total + factor * at_zero[along]
    return total
