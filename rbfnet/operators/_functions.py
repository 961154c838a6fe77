"""Derivatives of a model or callable u at points x, always per sample: nothing is summed over points or outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError
from rbfnet.operators._operator import Operator
from rbfnet.operators._protocol import apply_operators

Model = Callable[[Tensor], Tensor]
"""A module or callable (B, D) -> (B, O), or (B,) for a single output, that treats its rows independently."""


def jacobian(u: Model, x: Float[Tensor, "B D"]) -> Float[Tensor, "B O D"]:
    """First derivatives du_o/dx_j, shape (B, O, D)."""
    return apply_operators(u, x, [Operator.d(j) for j in range(_dims(x))])


def hessian(u: Model, x: Float[Tensor, "B D"]) -> Float[Tensor, "B O D D"]:
    """Second derivatives d2u_o/dx_j dx_k, shape (B, O, D, D), from the D (D + 1) / 2 different ones."""
    dims = _dims(x)
    rows, cols = torch.triu_indices(dims, dims).tolist()
    packed = apply_operators(u, x, [Operator.d(j, k) for j, k in zip(rows, cols, strict=True)])
    position = torch.zeros(dims, dims, dtype=torch.long, device=x.device)
    position[rows, cols] = torch.arange(len(rows), device=x.device)
    position = torch.maximum(position, position.T)
    return packed[..., position]


def laplacian(u: Model, x: Float[Tensor, "B D"], dims: Sequence[int] | None = None) -> Float[Tensor, "B O"]:
    """The sum of second derivatives over the inputs ``dims`` (all of them if None), shape (B, O)."""
    chosen = range(_dims(x)) if dims is None else dims
    return apply_operators(u, x, [_checked(Operator.laplacian(*chosen), x)])[..., 0]


def partial(u: Model, x: Float[Tensor, "B D"], multi_index: Sequence[int]) -> Float[Tensor, "B O"]:
    """One mixed derivative, shape (B, O): ``multi_index[j]`` is how often u is differentiated along input j.

    ``partial(u, x, (2, 1))`` is u_xxy in two dimensions.

    Raises:
        InputError: the multi-index is not one non-negative whole number per input.
    """
    if len(multi_index) != _dims(x) or any(n < 0 for n in multi_index):
        raise InputError(
            f"A multi-index needs one non-negative number for each of the {_dims(x)} inputs, but got {tuple(multi_index)}."
        )
    op = Operator.d(*[j for j, n in enumerate(multi_index) for _ in range(n)])
    return apply_operators(u, x, [op])[..., 0]


def directional(u: Model, x: Float[Tensor, "B D"], v: Float[Tensor, "B D"], order: int = 1) -> Float[Tensor, "B O"]:
    """The ``order``-th derivative along v, shape (B, O): J v for order 1, v^T H v for order 2, and so on.

    ``v`` has one row a point, or is one vector (D,) for all of them. Order 2 is einsum 'bi,boij,bj->bo' of the Hessian without
    the Hessian.

    Raises:
        InputError: ``v`` does not fit ``x``, or the order is negative.
    """
    if v.shape not in (x.shape, x.shape[-1:]):
        raise InputError(f"A direction has the shape of the points {tuple(x.shape)} or of one of them, but got {tuple(v.shape)}.")
    if order < 0:
        raise InputError(f"The order of a derivative is 0, 1, 2, ..., but got {order}.")
    return apply_operators(u, x, [Operator.directional(v.expand_as(x), order)])[..., 0]


def quadratic_form(x: Float[Tensor, "B D"], A: Float[Tensor, "D D"]) -> Float[Tensor, " B"]:
    """x_b^T A x_b for each row b, shape (B,): no cross terms x_b^T A x_c are formed.

    Its gradient is x_b (A + A^T), row by row.
    """
    return ((x @ A) * x).sum(dim=-1)


def _dims(x: Tensor) -> int:
    if x.ndim != 2:
        raise InputError(f"Points have shape (B, D), one row a point, but got {tuple(x.shape)}.")
    return x.shape[1]


def _checked(op: Operator, x: Tensor) -> Operator:
    return op.bind([str(j) for j in range(_dims(x))])
