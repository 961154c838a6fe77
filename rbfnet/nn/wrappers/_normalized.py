"""Normalized: basis functions that sum to one."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError
from rbfnet.nn._network import RBFNetwork
from rbfnet.nn.wrappers._numbered import Key, Numbered, splits
from rbfnet.nn.wrappers._product_model import Product
from rbfnet.operators import Operator


class Normalized(Product):
    """u(x) = sum_j w_j phi_j(x) / S(x) with S = sum_k phi_k, (..., D) -> (..., O).

    The basis functions sum to one: a mean of the weights, which reproduces constants and does not fall to zero between
    centres. A quotient, so derivatives are exact: those of R = 1 / S along a set I of directions are

        R_I = -R sum over nonempty subsets J of I of  S_J R_(I without J).

    Where S is below the square root of the smallest normal number (1e-19 in float32, 1e-154 in float64: far from all
    centres, or off the support of a compact kernel) R is set to zero, so that u and its derivatives are zero there, never NaN.

    Args:
        network: an :class:`RBFNetwork` without a tail, of a positive definite kernel.

    Raises:
        InputError: ``network`` is anything else. Other wrappers go round this one.

    Source: Moody and Darken, Neural Comput. 1 (1989). With a compact kernel it is Shepard's method.

    Example:
        >>> import torch
        >>> from rbfnet.nn import Normalized, RBFNetwork
        >>> model = Normalized(RBFNetwork(2, 1, 30))
        >>> model.set_coefficients(torch.ones(30, 1))
        >>> torch.allclose(model(torch.rand(5, 2)), torch.ones(5, 1))  # a partition of unity
        True
    """

    network: RBFNetwork

    def __init__(self, network: RBFNetwork) -> None:
        super().__init__(network)
        if not isinstance(network, RBFNetwork):
            raise InputError(
                f"Normalized takes the RBFNetwork itself, but got {type(network).__name__}; wrap it afterwards, as in "
                f"{type(network).__name__}(Normalized(network), ...)."
            )
        if len(network.tail):
            raise InputError(
                f"Normalized takes a network without a tail, but this one has {len(network.tail)} terms; make it with degree=-1."
            )
        if network.kernel.order != 0:
            raise InputError(
                f"Normalized needs a positive definite kernel, as its sum must not vanish, but got {network.kernel}; take "
                "gaussian, matern or inverse_multiquadric."
            )

    def factor(self, x: Float[Tensor, "B D"], numbered: Numbered, keys: list[Key]) -> dict[Key, Float[Tensor, " B"]]:
        ops = [Operator.d(*numbered.along(key)) for key in keys]
        layer = self.network.layer
        sums = layer.contract(x, ops, torch.ones_like(layer.centers[:, :1]))[:, 0]
        total = dict(zip(keys, sums.unbind(-1), strict=True))
        # Taken out as a constant, so that powers of a small S neither over- nor underflow, in gradients either.
        there = total[()] > torch.finfo(x.dtype).tiny ** 0.5
        size = torch.where(there, total[()].detach(), torch.inf)
        relative = {key: value / size for key, value in total.items()}
        relative[()] = torch.where(there, relative[()], 1.0)
        inverse: dict[Key, Tensor] = {}
        for key in sorted(keys, key=len):
            rest = [count * relative[part] * inverse[other] for count, part, other in splits(key) if part]
            inverse[key] = -sum(rest[1:], rest[0]) / relative[()] if rest else 1.0 / relative[()]
        return {key: value / size for key, value in inverse.items()}
