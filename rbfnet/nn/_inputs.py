"""Validate the arguments of networks and their inputs."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import MOST_POINTS, InputError, positive
from rbfnet.memory import require_memory


def points(x: object, dims: int) -> Float[Tensor, "... D"]:
    """``x``, once it is known to be a tensor; with one coordinate (N,) are N points.

    Raises:
        InputError: anything else.
    """
    if not isinstance(x, Tensor):
        raise InputError(
            f"A network takes a tensor of points (..., {dims}), but got {type(x).__name__}; use torch.as_tensor(x), or "
            "the predict method of a Solution, which takes arrays."
        )
    return x[:, None] if dims == 1 and x.ndim == 1 and len(x) != 1 else x


def size(name: str, value: int) -> int:
    """``value``, once it is known to be a whole number of at least 1, and no more than there is memory for."""
    positive(name, value, whole=True, most=MOST_POINTS)
    require_memory(name, value)
    return int(value)
