"""Vector fields by name, as in configs."""

from __future__ import annotations

from rbfnet.errors import one_of
from rbfnet.nn._network import RBFNetwork
from rbfnet.nn.wrappers._curl_free import CurlFree
from rbfnet.nn.wrappers._divergence_free import DivergenceFree
from rbfnet.nn.wrappers._matrix_kernel import MatrixKernel

VECTORS: dict[str, type[MatrixKernel]] = {"divergence_free": DivergenceFree, "curl_free": CurlFree}
"""The kinds of vector fields."""


def as_vector(network: RBFNetwork, vector: str, components: int | None = None) -> MatrixKernel:
    """The vector field of that name around a network.

    Raises:
        InputError: an unknown name, or a network that does not fit.

    Example:
        >>> from rbfnet.nn import RBFNetwork
        >>> from rbfnet.nn.wrappers import as_vector
        >>> type(as_vector(RBFNetwork(2, 3, 50), "curl_free", 2)).__name__
        'CurlFree'
    """
    one_of("vector", vector, VECTORS)
    return VECTORS[vector](network, components)
