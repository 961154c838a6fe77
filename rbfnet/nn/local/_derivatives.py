"""Derivatives of a blend as functions of points and nodal values, for autograd of any order and ``torch.func``.

A derivative of D^alpha u in the points is D^(alpha + e_i) u, and u is linear in the values: no graph goes through the
interpolants, and lists of patches are made from plain numbers.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import forward_ad

from rbfnet.nn.local._local_sums import LocalSums
from rbfnet.nn.local._multi_index import Index, raised


class Asked:
    """The sums and the multi-indices as one argument: torch.func takes a tuple apart."""

    def __init__(self, sums: LocalSums, indices: list[Index]) -> None:
        self.sums, self.indices = sums, indices

    def gradient(self, x: Tensor, values: Tensor) -> Tensor:
        """(B, D, O, A): every derivative along each coordinate."""
        found = [derivatives(x, values, Asked(self.sums, [raised(a, i) for a in self.indices])) for i in range(x.shape[-1])]
        return torch.stack(found, dim=1)


def derivatives(x: Tensor, values: Tensor, asked: Asked) -> Tensor:
    """D^alpha u (B, O, A) at x (B, D) for nodal values (N, O)."""
    found: Tensor = _Derivatives.apply(x, values, asked)
    return found


def _transposed(x: Tensor, given: Tensor, asked: Asked) -> Tensor:
    """Its adjoint in the values, (N, O), at (B, O, A)."""
    found: Tensor = _Transposed.apply(x, given, asked)
    return found


class _Derivatives(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor, values: Tensor, asked: Asked) -> Tensor:
        return asked.sums.derivatives(x, values, asked.indices).to(values.dtype)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Asked], output: Tensor) -> None:
        _save(ctx, inputs)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, values = ctx.saved_tensors
        of_x = of_values = None
        if ctx.needs_input_grad[0]:
            of_x = (grad[:, None] * ctx.asked.gradient(x, values)).sum(dim=(2, 3))
        if ctx.needs_input_grad[1]:
            of_values = _transposed(x, grad, ctx.asked)
        return of_x, of_values, None

    @staticmethod
    def jvp(ctx: Any, of_x: Tensor | None, of_values: Tensor | None, _: None) -> Tensor:
        (x, values), (dx, dv) = _unpacked(ctx, of_x, of_values)
        # Forward mode is off in here for all levels; see rbfnet.kernels._ladder.
        with forward_ad._set_fwd_grad_enabled(True):
            total: Tensor | float = 0.0
            if dx is not None:
                total = total + (dx[:, :, None, None] * ctx.asked.gradient(x, values)).sum(dim=1)
            if dv is not None:
                total = total + derivatives(x, dv, ctx.asked)
            return torch.as_tensor(total)

    @staticmethod
    def vmap(info: Any, in_dims: Any, x: Tensor, values: Tensor, asked: Asked) -> tuple[Tensor, int]:
        return _batched(derivatives, in_dims, x, values, asked)


class _Transposed(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor, given: Tensor, asked: Asked) -> Tensor:
        return asked.sums.transposed(x, given, asked.indices).to(given.dtype)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Asked], output: Tensor) -> None:
        _save(ctx, inputs)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, given = ctx.saved_tensors
        of_x = of_given = None
        if ctx.needs_input_grad[0]:
            of_x = (given[:, None] * ctx.asked.gradient(x, grad)).sum(dim=(2, 3))
        if ctx.needs_input_grad[1]:
            of_given = derivatives(x, grad, ctx.asked)
        return of_x, of_given, None

    @staticmethod
    def jvp(ctx: Any, of_x: Tensor | None, of_given: Tensor | None, _: None) -> Tensor:
        (x, given), (dx, dg) = _unpacked(ctx, of_x, of_given)
        with forward_ad._set_fwd_grad_enabled(True):
            total: Tensor | float = 0.0
            if dx is not None:
                for i in range(x.shape[-1]):
                    asked = Asked(ctx.asked.sums, [raised(a, i) for a in ctx.asked.indices])
                    total = total + _transposed(x, dx[:, i, None, None] * given, asked)
            if dg is not None:
                total = total + _transposed(x, dg, ctx.asked)
            return torch.as_tensor(total)

    @staticmethod
    def vmap(info: Any, in_dims: Any, x: Tensor, given: Tensor, asked: Asked) -> tuple[Tensor, int]:
        return _batched(_transposed, in_dims, x, given, asked)


def _save(ctx: Any, inputs: tuple[Tensor, Tensor, Asked]) -> None:
    *tensors, ctx.asked = inputs
    ctx.save_for_backward(*tensors)
    ctx.save_for_forward(*tensors)


class _Pair(NamedTuple):
    first: Any
    second: Any


def _unpacked(ctx: Any, *tangents: Tensor | None) -> tuple[_Pair, _Pair]:
    """The inputs and tangents without this level's own."""
    with forward_ad._set_fwd_grad_enabled(True):
        primals = [forward_ad.unpack_dual(t, level=0).primal for t in ctx.saved_tensors]
        directions = [None if t is None else forward_ad.unpack_dual(t, level=0).primal for t in tangents]
    return _Pair(*primals), _Pair(*directions)


def _batched(function: Any, in_dims: Any, x: Tensor, given: Tensor, asked: Asked) -> tuple[Tensor, int]:
    """A function of points and of what it is linear in, for many of these at once: many points, or many outputs."""
    by_x, by_given = in_dims[:2]
    if by_given is None and function is derivatives:
        many = x.movedim(by_x, 0)
        return function(many.flatten(0, 1), given, asked).unflatten(0, many.shape[:2]), 0
    if by_x is None:
        many = given.movedim(by_given, 1)
        return function(x, many.flatten(1, 2), asked).unflatten(1, many.shape[1:3]), 1
    count = x.shape[by_x]
    points = x.movedim(by_x, 0)
    others = given.movedim(by_given, 0) if by_given is not None else [given] * count
    return torch.stack([function(one, other, asked) for one, other in zip(points, others, strict=True)]), 0
