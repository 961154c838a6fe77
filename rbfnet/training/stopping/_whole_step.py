"""Keep the model after the last complete step, in case the next one is interrupted."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from rbfnet.nn import RBFNetwork


class WholeStep:
    """Save the state of a module and restore it.

    Args:
        module: the module to save.
    """

    def __init__(self, module: torch.nn.Module) -> None:
        self.module = module
        self.state: dict[str, Tensor] | None = None

    def keep(self) -> None:
        """Save the state after a complete step."""
        self.state = {name: value.detach().clone() for name, value in self.module.state_dict().items()}

    def back(self) -> None:
        """Restore the last saved state, if there is one."""
        if self.state is not None:
            make_room(self.module, self.state)
            self.module.load_state_dict(self.state)


def make_room(module: torch.nn.Module, state: Mapping[str, Tensor]) -> None:
    """Resize networks to the number of centres in the state, which changes in runs that add or select centres."""
    for name, network in module.named_modules():
        if isinstance(network, RBFNetwork):
            centers, raw = state[f"{name}.layer.centers"], state[f"{name}.layer.metric.raw"]
            if len(centers) != network.num_centers:
                network.replace_centers(centers, raw)
