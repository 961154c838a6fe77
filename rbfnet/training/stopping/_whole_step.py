"""The model after the last whole step, for when the next one is broken into."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from rbfnet.nn import RBFNetwork


class WholeStep:
    """Keeps what a module holds, and brings it back.

    Args:
        module: what is kept, a model and more.
    """

    def __init__(self, module: torch.nn.Module) -> None:
        self.module = module
        self.state: dict[str, Tensor] | None = None

    def keep(self) -> None:
        """The step is done."""
        self.state = {name: value.detach().clone() for name, value in self.module.state_dict().items()}

    def back(self) -> None:
        """To the last that was kept, if there is one."""
        if self.state is not None:
            make_room(self.module, self.state)
            self.module.load_state_dict(self.state)


def make_room(module: torch.nn.Module, state: Mapping[str, Tensor]) -> None:
    """Give networks as many centres as the state has: a run that grew, or kept a part of them, has other ones than at first."""
    for name, network in module.named_modules():
        if isinstance(network, RBFNetwork):
            centers, raw = state[f"{name}.layer.centers"], state[f"{name}.layer.metric.raw"]
            if len(centers) != network.num_centers:
                network.replace_centers(centers, raw)
