"""A family of derivatives f, f', f'', ... given by formula, tied together so that autograd climbs it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd import forward_ad

Formula = Callable[[Tensor, int], Tensor]
"""(s, k) -> f^(k)(s), with finite values at s = 0."""


def ladder(formula: Formula, s: Float[Tensor, "*B"], k: int) -> Float[Tensor, "*B"]:
    """``formula(s, k)``, whose derivative in s is ``formula(s, k + 1)`` for autograd of any order and for ``torch.func``.

    Autograd applied to a formula with sqrt(s) or log(s) in it gives NaN or a silent zero at s = 0. Here it is never
    applied: the derivative of one rung is the next one. Only s is differentiated: a parameter inside ``formula`` gets no
    gradient, so a kernel with trainable parameters scales s or the result outside of it.
    """
    return _Ladder.apply(s, formula, k)


class _Ladder(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(s: Tensor, formula: Formula, k: int) -> Tensor:
        return formula(s, k)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Formula, int], output: Tensor) -> None:
        s, ctx.formula, ctx.k = inputs
        ctx.save_for_backward(s)
        ctx.save_for_forward(s)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (s,) = ctx.saved_tensors
        return grad * ladder(ctx.formula, s, ctx.k + 1), None, None

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, *_: None) -> Tensor:
        (s,) = ctx.saved_tensors
        # PyTorch turns forward mode off in here, for all levels: nested products would silently be zero. So it is turned on
        # again, for the outer levels only: this level's tangent (level 0 of its own dual) is taken off first.
        with forward_ad._set_fwd_grad_enabled(True):
            primal, direction = (forward_ad.unpack_dual(t, level=0).primal for t in (s, tangent))
            return direction * ladder(ctx.formula, primal, ctx.k + 1)
