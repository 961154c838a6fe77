"""Closed-form derivatives f, f', f'', ... linked so that autograd maps each to the next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd import forward_ad

Formula = Callable[[Tensor, int], Tensor]
"""(s, k) -> f^(k)(s), with finite values at s = 0."""

Formulas = Callable[[Tensor, Sequence[int]], list[Tensor]]
"""(s, orders) -> f^(k)(s) for each k of orders, with finite values at s = 0."""

TRACED = 3
"""How many times a rung can be differentiated inside ``torch.compile`` and ``torch.export``."""


def rungs(formulas: Formulas, s: Float[Tensor, "*B"], orders: Sequence[int]) -> list[Float[Tensor, "*B"]]:
    """``formulas(s, orders)``, each of whose derivatives in s is the next one, for autograd of any order and ``torch.func``.

    Autograd applied to a formula with sqrt(s) or log(s) in it gives NaN or a silent zero at s = 0. Here it is never
    applied: the derivative of one rung is the next one. So ``formulas`` may work in place on arrays of its own, which saves
    the time it takes to get memory, often longer than the arithmetic. Only s is differentiated: a parameter inside ``formulas``
    gets no gradient, so a kernel with trainable parameters scales s or the result outside of it.

    While ``torch.compile`` or ``torch.export`` traces, a rung can be differentiated three times; derivatives beyond
    that are 0.

    Example:
        >>> import torch
        >>> from rbfnet.kernels import rungs
        >>> s = torch.tensor([0.0, 1.0], requires_grad=True)
        >>> value, slope = rungs(lambda s, orders: [(-1) ** k * torch.exp(-s) for k in orders], s, (0, 1))
        >>> torch.equal(torch.autograd.grad(value.sum(), s)[0], slope)
        True
    """
    if torch.compiler.is_compiling():
        return _traced(formulas, s, orders)
    if torch.overrides.has_torch_function_unary(s):
        return torch.overrides.handle_torch_function(rungs, (s,), formulas, s, orders)
    return list(_Ladder.apply(s, _Rungs(formulas, orders)))


def ladder(formula: Formula, s: Float[Tensor, "*B"], k: int) -> Float[Tensor, "*B"]:
    """One rung, from a formula that gives one: see :func:`rungs`.

    Example:
        >>> import torch
        >>> from rbfnet.kernels import ladder
        >>> s = torch.tensor([0.0, 1.0], requires_grad=True)
        >>> value = ladder(lambda s, k: (-1) ** k * torch.exp(-s), s, 0)
        >>> torch.autograd.grad(value.sum(), s)[0]
        tensor([-1.0000, -0.3679])
    """
    return rungs(lambda s, orders: [formula(s, k) for k in orders], s, (k,))[0]


class _Rungs:
    """Formulas and orders as one argument: torch.func takes a tuple of orders apart, and then finds no batch dimension in it."""

    def __init__(self, formulas: Formulas, orders: Sequence[int]) -> None:
        self.formulas, self.orders = formulas, tuple(orders)

    def slopes(self, s: Tensor) -> list[Tensor]:
        return rungs(self.formulas, s, [k + 1 for k in self.orders])


class _Ladder(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(s: Tensor, asked: _Rungs) -> tuple[Tensor, ...]:
        return tuple(asked.formulas(s, asked.orders))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, _Rungs], output: tuple[Tensor, ...]) -> None:
        s, ctx.asked = inputs
        ctx.save_for_backward(s)
        ctx.save_for_forward(s)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (s,) = ctx.saved_tensors
        first, *others = zip(grads, ctx.asked.slopes(s), strict=True)
        total = first[0] * first[1]
        for grad, slope in others:
            total = torch.addcmul(total, grad, slope)
        return total, None

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, *_: None) -> tuple[Tensor, ...]:
        (s,) = ctx.saved_tensors
        # PyTorch turns forward mode off in here, for all levels: nested products would silently be zero. So it is turned on
        # again, for the outer levels only: this level's tangent (level 0 of its own dual) is taken off first.
        with forward_ad._set_fwd_grad_enabled(True):
            primal, direction = (forward_ad.unpack_dual(t, level=0).primal for t in (s, tangent))
            return tuple(direction * slope for slope in ctx.asked.slopes(primal))


def _traced(formulas: Formulas, s: Tensor, orders: Sequence[int]) -> list[Tensor]:
    # Dynamo takes no Function with a jvp, and differentiates one without it wrongly inside torch.func.grad. A Taylor
    # polynomial about s itself has the right value and, as far as it goes, the right derivatives in every mode.
    if not torch.is_grad_enabled():
        return formulas(s, orders)
    at = s.detach()
    step = s - at
    needed = sorted({k + j for k in orders for j in range(TRACED + 1)})
    known = dict(zip(needed, formulas(at, needed), strict=True))
    found = []
    for k in orders:
        value = known[k + TRACED]
        for j in reversed(range(TRACED)):
            value = known[k + j] + value * step / (j + 1)
        found.append(value)
    return found
