"""A model and chosen derivatives of it at very many points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError, flag
from rbfnet.nn._named import named_operators
from rbfnet.operators import Differentiable, Model, Operator, apply_operators, tensors_of, with_closed_form
from rbfnet.progress import Steps

POINTS = 2**14
"""Number of points per block: enough for blocks and neighbour lists, few enough for progress to be seen."""

POINTS_AUTOGRAD = 2**10
"""The same for models that compute all their points at once."""


def evaluate(
    u: Model,
    x: Float[Tensor, "B D"],
    operators: Mapping[str, Operator] | None = None,
    coords: Sequence[str] | None = None,
    progress: bool = True,
) -> dict[str, Float[Tensor, "B O"]]:
    """u and selected derivatives at any number of points, without gradients, block by block::

        plate = rbfnet.evaluate(model, x, {"u": Operator.identity(), "slope": Operator.d("x")}, coords=("x", "y"))
        plate["slope"]  # (B, O)

    Beyond points and results it holds what one part needs, which does not grow with their number. Progress is shown where
    there is more than one part: a live bar on a terminal, about ten lines elsewhere.

    Args:
        u: any model (B, D) -> (B, O) or (B,); by automatic differentiation where it has no closed form.
        x: the points; their dtype and device are those of the results.
        operators: by the name that their result is to have; the value alone, as ``"u"``, if None.
        coords: names of the coordinates, as the operators use them; x, y, z, or x1, x2, ... above three, if None.
        progress: whether it is shown.

    Returns:
        The results by name, (B, O) each.

    Raises:
        InputError: a model that cannot be called, points that are no tensor (B, D), no operators, an unknown coordinate, or
            what :func:`rbfnet.operators.apply_operators` refuses.
    """
    if not callable(u):
        raise InputError(f"A model must be a module or a function of points (B, D), but got {u!r}.")
    u = with_closed_form(u)
    if not isinstance(x, Tensor):
        raise InputError(f"The points must be a tensor, but got {type(x).__name__}; convert them with torch.as_tensor(x).")
    if x.ndim != 2:
        raise InputError(f"Points must have shape (B, D), one row per point, but got {tuple(x.shape)}.")
    show = flag("progress", progress)
    chosen = named_operators(operators, coords, x.shape[1])
    ops = [op.over(x.shape[0], x.shape[1]) for op in chosen.values()]
    per_point = tensors_of(ops)
    size = POINTS if isinstance(u, Differentiable) else POINTS_AUTOGRAD
    results: list[Tensor] = []
    with torch.no_grad(), Steps("points", len(x)) if show and len(x) > size else nullcontext() as steps:
        done = 0
        for part, *tensors in zip(*(rows.split(size) for rows in (x, *per_point)), strict=True):
            values = apply_operators(u, part, [op.substitute(per_point, tensors) for op in ops])
            if not results:
                results = [values.new_empty((len(x), values.shape[1])) for _ in ops]
            for result, value in zip(results, values.unbind(-1), strict=True):
                result[done : done + len(part)] = value
            done += len(part)
            if steps is not None:
                steps.at(done)
    return dict(zip(chosen, results, strict=True))
