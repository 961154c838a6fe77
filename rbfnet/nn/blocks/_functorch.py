"""Tensors inside ``torch.func`` transforms: the one place that touches private names of PyTorch."""

from __future__ import annotations

from typing import Any

from torch import Tensor

# There is no public way to ask whether a tensor is a tracer of vmap, grad or jvp (as of PyTorch 2.13).
from torch._C._functorch import get_unwrapped, is_functorch_wrapped_tensor
from torch._functorch.pyfunctorch import temporarily_clear_interpreter_stack


def transformed(*tensors: Tensor) -> bool:
    """Whether any of them is inside a transform of ``torch.func``."""
    return any(map(is_functorch_wrapped_tensor, tensors))


def as_array(x: Tensor) -> Any:
    """The values alone, float64, as a NumPy array: also of a tensor inside a transform."""
    while is_functorch_wrapped_tensor(x):
        x = get_unwrapped(x)
    with temporarily_clear_interpreter_stack():
        return x.detach().cpu().double().numpy()
