"""Ansatz: a network that satisfies boundary conditions by construction."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from jaxtyping import Float
from torch import Tensor

from rbfnet.nn._network import RBFNetwork
from rbfnet.nn.wrappers._numbered import Key, Numbered
from rbfnet.nn.wrappers._product_model import Product
from rbfnet.nn.wrappers._wrapper import Wrapper, require_callable, require_shape
from rbfnet.operators import LinearModel, Operator, apply_operators


class Ansatz(Product):
    """u(x) = g(x) + d(x) network(x), (..., D) -> (..., O).

    Where d = 0 on the boundary and g has the boundary values, u satisfies the Dirichlet condition exactly, whatever the weights
    are; with d = t and g the initial values, an initial condition. Derivatives follow by the rule of Leibniz; those of d and g
    are taken in closed form where they have one (``Differentiable``), by automatic differentiation elsewhere.

    Example: u = 1 at both ends of [0, 1]::

        model = Ansatz(RBFNetwork(1, 1, 20), distance=lambda x: x[:, 0] * (1 - x[:, 0]), lift=lambda x: torch.ones_like(x))

    Args:
        network: the :class:`RBFNetwork`, or a wrapper of one.
        distance: d, (B, D) -> (B,): any function that treats its rows independently and is as smooth as the operators need.
        lift: g, (B, D) -> (B, O), or (B,) for one output; zero if None.

    Parameters of ``distance`` and ``lift``, where these are modules, are trained and saved with the model.

    Raises:
        InputError: on evaluation, values of d or g that have another shape, or another dtype than the points.

    Source: Lagaris, Likas and Fotiadis, IEEE Trans. Neural Netw. 9 (1998); Sukumar and Srivastava, Comput. Methods Appl. Mech.
    Eng. 389 (2022).
    """

    def __init__(
        self,
        network: RBFNetwork | Wrapper | LinearModel,
        distance: Callable[[Tensor], Tensor],
        lift: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        super().__init__(network)
        require_callable("distance", distance)
        if lift is not None:
            require_callable("lift", lift)
        self.distance = distance
        self.lift = lift

    def factor(self, x: Float[Tensor, "B D"], numbered: Numbered, keys: list[Key]) -> dict[Key, Float[Tensor, " B"]]:
        values = apply_operators(self.distance, x, [Operator.d(*numbered.along(key)) for key in keys])
        require_shape("distance", values, x, 1)
        return dict(zip(keys, values[:, 0].unbind(-1), strict=True))

    def outer(
        self, x: Float[Tensor, "B D"], ops: Sequence[Operator], values: Float[Tensor, "B O K"] | None
    ) -> Float[Tensor, "B O K"] | None:
        if self.lift is None:
            return values
        lifted = apply_operators(self.lift, x, ops)
        require_shape("lift", lifted, x, self.out_features)
        return lifted if values is None else values + lifted
