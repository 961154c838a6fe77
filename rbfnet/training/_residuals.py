"""The residuals of a problem's conditions at given points."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError
from rbfnet.nn import POINTS
from rbfnet.problems import Condition, Problem, residuals_of
from rbfnet.training._model import Network


def residuals_at(model: Network, problem: Problem, x: Float[Tensor, "N D"]) -> dict[str, Tensor]:
    """The residuals of each condition, (N,) or (N, E) for E equations; NaN at points where it does not apply.

    Raises:
        InputError: no condition can be evaluated at arbitrary points.
    """
    problem.to(x)
    found: dict[str, Tensor] = {}
    with torch.no_grad():
        for name, condition in problem.named_conditions().items():
            parts = [_at(model, problem, condition, part) for part in x.split(POINTS)]
            known = [part for part in parts if part is not None]
            if len(known) < len(parts):
                continue
            width = max(part.shape[1] for part in known)
            # If no point of a block belongs to a condition, its number of equations is unknown too.
            filled = [part if part.shape[1] else x.new_full((len(part), width), torch.nan) for part in known]
            rows = torch.cat(filled)
            found[name] = rows[:, 0] if width == 1 else rows if width else x.new_full((len(x),), torch.nan)
    if not found:
        named = ", ".join(problem.named_conditions())
        raise InputError(f"No condition can be evaluated at arbitrary points: {named} have their own points.")
    return found


def _at(model: Network, problem: Problem, condition: Condition, x: Tensor) -> Tensor | None:
    """Residuals (n, E); None for a condition with its own points, (n, 0) if it applies at none of the points."""
    held = condition.at(problem, x)
    if held is None:
        return None
    rows, sample = held
    if not rows.any():
        return x.new_empty((len(x), 0))
    equations = residuals_of(problem, condition, [model] * len(sample.sites), sample)
    missed = x.new_full((len(x), len(equations)), torch.nan)
    missed[rows] = torch.stack([equation.detach() for equation in equations], dim=1).to(x)
    return missed
