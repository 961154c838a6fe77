"""Derivatives of any order by nested reverse mode: what other routes are compared with."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def by_reverse_mode(u: Callable[[Tensor], Tensor], x: Tensor, order: int) -> Tensor:
    """All derivatives of one order, (B, O, D, ..., D), by torch.autograd.grad alone."""
    x = x.detach().clone().requires_grad_()
    derivative = u(x)
    for _ in range(order):
        flat = derivative.reshape(len(x), -1)
        parts = [torch.autograd.grad(flat[:, i].sum(), x, create_graph=True)[0] for i in range(flat.shape[1])]
        derivative = torch.stack(parts, dim=1).reshape(*derivative.shape, x.shape[1])
    return derivative.detach()
