"""The variance of derivatives of a random function, or vector field, with a radial covariance."""

from __future__ import annotations

from collections.abc import Mapping

from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError
from rbfnet.nn import RBFNetwork
from rbfnet.nn.wrappers import ORDER, MatrixKernel
from rbfnet.operators import Coefficient, Operator


def prior_variance(network: RBFNetwork, z: Float[Tensor, "B D"], op: Operator, named: Operator) -> Float[Tensor, " B"]:
    """L L' k(z, z) for k(z, z') = phi((z - z')^T A (z - z')): each argument is differentiated, then both are set to z.

    Source: Rasmussen and Williams, Gaussian Processes for Machine Learning (2006), section 9.4.

    Args:
        network: whose kernel and metric, one for all centres, are used.
        op: L, in the coordinates of the network.
        named: the operator as the user knows it, for errors.

    Raises:
        InputError: the kernel has fewer derivatives than twice the order of L.
    """
    _require_smooth(network, 2 * named.order, named)
    return _covariance(network, z, op, op)


def vector_prior_variance(
    field: MatrixKernel, network: RBFNetwork, z: Float[Tensor, "B D"], ops: Mapping[int, Operator], named: Operator
) -> Float[Tensor, " B"]:
    """The same of sum_i L_i u_i for a field u with the matrix-valued covariance P k: sum_k L'_k (sum_i L_i P_ik) k(z, z).

    Args:
        field: whose entries P_ik are.
        network: directly inside it.
        ops: L_i, in the coordinates of the network.
        z, named: as above.
    """
    _require_smooth(network, 2 * named.order + ORDER, named)
    total = z.new_zeros(len(z))
    for k, op in field.by_column(ops).items():
        if k in ops:
            total = total + _covariance(network, z, op, ops[k])
    return total


def _require_smooth(network: RBFNetwork, needed: int, named: Operator) -> None:
    if needed > network.kernel.smoothness:
        raise InputError(
            f"The error bar of {named} needs a kernel with {needed} continuous derivatives, but {network.kernel} has "
            f"{network.kernel.smoothness:g}; use a smoother kernel, such as gaussian."
        )


def _covariance(network: RBFNetwork, z: Float[Tensor, "B D"], left: Operator, right: Operator) -> Float[Tensor, " B"]:
    """That of L u(z) and R u(z): sum_ab l_a r_b (-1)^|b| d^(a + b) phi(0), a derivative at zero being the same at all points."""
    at_zero: dict[tuple[int, ...], Tensor] = {}
    total = z.new_zeros(len(z))
    for a, c in left.written_out(network.in_features):
        for b, k in right.written_out(network.in_features):
            along = tuple(sorted((*a, *b)))
            if along not in at_zero:
                center = network.centers[:1].detach()
                at_zero[along] = network.layer.apply_operator(center, Operator.d(*along).over(*center.shape))[0, 0]
            factor: Coefficient = (-1.0) ** len(b) * c * k
            total = total + factor * at_zero[along]
    return total
