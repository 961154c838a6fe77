"""Networks of local interpolants in run directories: their config node, and how they are rebuilt from a state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from rbfnet.kernels import Kernel
from rbfnet.nn import Affine, LocalNetwork
from rbfnet.training.foreign import require_shapes


def local_node(network: LocalNetwork) -> dict[str, Any]:
    """The config node of a network, as in ``configs/network/local.yaml``."""
    return {
        "network": "local",
        "neighbors": network.neighbors,
        "degree": network.degree,
        "epsilon": network.relative_epsilon,
    }


def rebuilt_local(
    kernel: Kernel, config: Mapping[str, Any], state: Mapping[str, Tensor], prefix: str, outer: str | None
) -> LocalNetwork | Affine:
    """A network with the nodes of the state, still without its values.

    Args:
        kernel, config: the kernel, and the node of the network.
        state: the state of the model.
        prefix: of the network's names there. outer: the prefix of the :class:`Affine` around it, None if there is none.
    """
    nodes, values = state[f"{prefix}nodes"], state[f"{prefix}values"]
    require_shapes(nodes, values)
    arguments = {key: value for key, value in config.items() if key != "network"}
    network = LocalNetwork(nodes.shape[1], values.shape[1], nodes, kernel, dtype=nodes.dtype, **arguments)
    if outer is None:
        return network
    return Affine(network, *(state[f"{outer}{name}"] for name in ("input_shift", "input_scale", "output_shift", "output_scale")))
