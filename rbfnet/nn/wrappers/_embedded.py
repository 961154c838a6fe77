"""Embedded: a network on lines, circles and a sphere."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.nn._network import RBFNetwork
from rbfnet.nn.wrappers._coordinate_map import CoordinateMap
from rbfnet.nn.wrappers._embedding import Embedding
from rbfnet.nn.wrappers._wrapper import Wrapper
from rbfnet.operators import Operator


class Embedded(CoordinateMap):
    """u(x) = network(z(x)) with an :class:`Embedding` z that is saved with the weights, (..., D) -> (..., O).

    Args:
        network: the network in the coordinates z, or a wrapper of one.
        map: z.

    Attributes:
        periods: (D,), zero where there is none. low: (D,). sphere: (2,), the indices of longitude and latitude, if any.

    Raises:
        InputError: a map that does not fit the network; on evaluation, latitudes beyond 90 degrees.

    Example:
        >>> import torch
        >>> from rbfnet.nn import Embedded, Embedding, RBFNetwork
        >>> model = Embedded(RBFNetwork(2, 1, 9), Embedding([24.0]))  # hours
        >>> model.set_coefficients(torch.arange(9.0)[:, None])
        >>> midnight, later = model(torch.tensor([[0.0], [24.0]]))
        >>> torch.allclose(midnight, later)
        True
    """

    periods: Tensor
    low: Tensor
    map: Embedding

    def __init__(self, network: RBFNetwork | Wrapper, map: Embedding) -> None:
        super().__init__(network, map)
        self.register_buffer("periods", torch.tensor([p or 0.0 for p in map.periods]).to(network.weight))
        self.register_buffer("low", torch.tensor(map.low).to(network.weight))
        if map.sphere is not None:
            self.register_buffer("sphere", torch.tensor(map.sphere))

    @property
    def shape_matrix(self) -> Float[Tensor, "M D D"]:
        """A of the metric at each centre, in the coordinates x, which is J^T A J with the Jacobian J of z."""
        x = self.centers.detach()
        jacobian = self.map.apply_operators(x, [Operator.d(i) for i in range(self.in_features)])
        return jacobian.mT @ self.network.shape_matrix @ jacobian
