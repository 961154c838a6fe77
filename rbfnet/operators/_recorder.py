"""Record which channels an expression of a field uses, as autograd leaves."""

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
    differentiated in each of them, point by point. What it asks for at other points than the first is given, but not recorded.

    Args:
        num_outputs: the number of outputs O.
        values: a Differentiable whose channel values are handed out, or None for random numbers.
        scale: standard deviation of the random numbers.

    Attributes:
        channels: the leaf of each operator, (B, O).
        elsewhere: values were asked for at other points too.

    Example:
        >>> import torch
        >>> from rbfnet.operators import Field, Recorder
        >>> recorder = Recorder(1)
        >>> u = Field(recorder, torch.rand(4, 2), ("x", "t"))
        >>> residual = u.d("t") - 0.1 * u.d("xx")
        >>> [str(op) for op in recorder.channels]
        ['u_1', 'u_00']
    """

    def __init__(self, num_outputs: int, values: Differentiable | None = None, scale: float = 1.0) -> None:
        super().__init__()
        self.num_outputs = num_outputs
        self.values = values
        self.scale = scale
        self.channels: dict[Operator, Tensor] = {}
        self.elsewhere = False
        self._points: Tensor | None = None

    def forward(self, x: Float[Tensor, "B D"]) -> Float[Tensor, "B O"]:
        """The value of the model."""
        return self.apply_operator(x, Operator.identity())

    def apply_operators(self, x: Float[Tensor, "B D"], ops: Sequence[Operator]) -> Float[Tensor, "B O K"]:
        self._points = x if self._points is None else self._points
        if x is not self._points and not torch.equal(x, self._points):
            self.elsewhere = True
            return self._values(x, ops)
        if new := [op for op in ops if op not in self.channels]:
            leaves = [part.clone().requires_grad_() for part in self._values(x, new).detach().unbind(-1)]
            self.channels.update(zip(new, leaves, strict=True))
        return torch.stack([self.channels[op] for op in ops], dim=-1)

    def _values(self, x: Tensor, ops: Sequence[Operator]) -> Tensor:
        if self.values is not None:
            return self.values.apply_operators(x, ops)
        return self.scale * torch.randn((len(x), self.num_outputs, len(ops)), dtype=x.dtype, device=x.device)
