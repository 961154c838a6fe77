"""What a model made of a network has from it."""

from __future__ import annotations

from typing import Any

from jaxtyping import Float
from torch import Tensor

from rbfnet.kernels import Kernel
from rbfnet.operators import LinearModel


class OfNetwork(LinearModel):
    """A model with a ``network`` inside: its kernel, centres, shapes and weights are those of the network."""

    network: Any

    @property
    def in_features(self) -> int:
        """D."""
        return self.network.in_features

    @property
    def out_features(self) -> int:
        """O."""
        return self.network.out_features

    @property
    def kernel(self) -> Kernel:
        """The radial kernel."""
        return self.network.kernel

    @property
    def num_centers(self) -> int:
        """M."""
        return self.network.num_centers

    @property
    def centers(self) -> Float[Tensor, "M D"]:
        """The centres, in the coordinates of the network."""
        return self.network.centers

    @property
    def epsilon(self) -> Float[Tensor, ...]:
        """The shape parameters."""
        return self.network.epsilon

    @property
    def shape_matrix(self) -> Float[Tensor, "... D D"]:
        """A of the metric, (D, D) or (M, D, D)."""
        return self.network.shape_matrix

    @property
    def weight(self) -> Float[Tensor, "M O"]:
        """The weights."""
        return self.network.weight

    @property
    def tail(self) -> Float[Tensor, "T O"]:
        """The coefficients of the tail."""
        return self.network.tail
