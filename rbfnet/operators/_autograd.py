"""Operators on any callable by nested forward-mode differentiation."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.func import jvp

from rbfnet.errors import InputError
from rbfnet.operators._operator import Direction, Operator


def autograd_operators(u: Callable[[Tensor], Tensor], x: Float[Tensor, "B D"], ops: Sequence[Operator]) -> Float[Tensor, "B O K"]:
    """Operators on a callable (B, D) -> (B, O) or (B,) that treats its rows independently.

    A derivative along a direction is one forward-mode product with a tangent per row, so nothing is summed over the batch
    or the outputs, it works inside ``no_grad`` and ``inference_mode``, and the result can be differentiated again
    in the parameters. Each further order nests once more, which doubles the work: closed forms do not.
    ``torch.compile`` traces it up to second order: forward mode nested three times is more than PyTorch 2.13 can trace.

    Raises:
        InputError: a callable that returns another shape.
    """
    if torch.compiler.is_compiling():
        return _operators(u, x, ops)
    enabled = torch.is_grad_enabled()
    with torch.inference_mode(False), torch.set_grad_enabled(enabled):
        return _operators(u, _ordinary(x), [op.substitute(op.tensors, [_ordinary(t) for t in op.tensors]) for op in ops])


def _ordinary(tensor: Tensor) -> Tensor:
    """A tensor made in inference mode cannot take part in differentiation: its copy can."""
    return tensor.clone() if tensor.is_inference() else tensor


def _operators(u: Callable[[Tensor], Tensor], x: Tensor, ops: Sequence[Operator]) -> Tensor:
    def value(points: Tensor) -> Tensor:
        # A copy, which a callable may change in place.
        out = u(points.clone())
        if not isinstance(out, Tensor) or out.ndim not in (1, 2) or out.shape[0] != points.shape[0]:
            raise InputError(
                f"A model maps points {tuple(points.shape)} to ({points.shape[0]}, O) or ({points.shape[0]},), "
                f"but this one gave {tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__}."
            )
        return out.unsqueeze(-1) if out.ndim == 1 else out

    # One derivative each, however many operators have it: looked up by the operator that is this derivative alone.
    known: dict[Operator, Tensor] = {}

    def derivative(directions: tuple[Direction, ...]) -> Tensor:
        alone = Operator.d(*directions)
        if alone not in known:
            known[alone] = _along(value, [_tangent(x, d) for d in directions])(x)
        return known[alone]

    def channel(op: Operator) -> Tensor:
        total: Tensor | float = 0.0
        for directions, c in op.terms:
            total = total + derivative(directions) * (c.unsqueeze(-1) if isinstance(c, Tensor) else c)
        return total if isinstance(total, Tensor) else torch.zeros_like(value(x))

    return torch.stack([channel(op) for op in ops], dim=-1)


def _tangent(x: Tensor, direction: Direction) -> Tensor:
    if isinstance(direction, Tensor):
        return direction.expand_as(x).to(x.dtype)
    axis = torch.zeros_like(x)
    axis[:, int(direction)] = 1.0
    return axis


def _along(f: Callable[[Tensor], Tensor], tangents: list[Tensor]) -> Callable[[Tensor], Tensor]:
    """The derivative of ``f`` along each tangent in turn."""
    for tangent in tangents:
        f = _one_along(f, tangent)
    return f


def _one_along(f: Callable[[Tensor], Tensor], tangent: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda points: jvp(f, (points,), (tangent,))[1]
