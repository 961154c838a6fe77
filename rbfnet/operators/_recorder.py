"""Learn which channels an expression of a field uses, and get hold of them as leaves."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.operators._operator import Operator
from rbfnet.operators._protocol import Differentiable


class Recorder(Differentiable):
    """Stands in for a model: hands out channels as leaves that require a gradient, and remembers them.

    An expression of a field evaluated on a recorder leaves behind the operators it needed (``channels``), and can be
    differentiated in each of them, point by point.

    Args:
        num_outputs: the number of outputs O.
        values: a Differentiable whose channel values are handed out, or None for random numbers.
        scale: standard deviation of the random numbers.
    """

    def __init__(self, num_outputs: int, values: Differentiable | None = None, scale: float = 1.0) -> None:
        super().__init__()
        self.num_outputs = num_outputs
        self.values = values
        self.scale = scale
        self.channels: dict[Operator, Tensor] = {}

    def apply_operators(self, x: Float[Tensor, "B D"], ops: Sequence[Operator]) -> Float[Tensor, "B O K"]:
        if self.values is None:
            drawn = self.scale * torch.randn((len(x), self.num_outputs, len(ops)), dtype=x.dtype, device=x.device)
        else:
            drawn = self.values.apply_operators(x, ops).detach()
        leaves = [part.clone().requires_grad_() for part in drawn.unbind(-1)]
        self.channels.update(zip(ops, leaves, strict=True))
        return torch.stack(leaves, dim=-1)
