"""How far a model is from a reference."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.operators import Model


def errors(model: Model, x: Float[Tensor, "N D"], y: Float[Tensor, "N O"]) -> dict[str, float]:
    """Relative L2 error |u - y| / |y|, largest absolute error, and root mean square error, over all points and outputs.

    Where the reference is zero throughout, the relative error is the absolute one. Where it is NaN an output does not live, and
    is not compared.
    """
    with torch.no_grad():
        difference = model(x) - y
    known = ~torch.isnan(y)
    difference, y = difference[known], y[known]
    norm = float(y.norm())
    return {
        "rel_l2": float(difference.norm()) / (norm or 1.0),
        "max_abs": float(difference.abs().max()),
        "rmse": float(difference.square().mean().sqrt()),
    }
