"""Why a run through time cannot go on."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.solvers.time._method_of_lines import Lines

GROWN = 1e12
"""A solution that has become so many times larger than it was at first is none that was meant."""

SOON = 1e-5
"""A solution that doubles within this fraction of the time that is left blows up."""


def why(lines: Lines, time: float, values: Float[Tensor, "p+1 O n"], left: float, grown: float) -> str:
    """The sentence for steps that have become too short, or a solution that is ``grown`` times as large as at first.

    Args:
        lines, time: what could not go on, and where.
        values: the last state and its derivatives in time.
        left: how long the whole time is.
        grown: the size of the solution, relative to what it was at first.
    """
    at = torch.tensor([time], dtype=values.dtype)
    name = type(lines.problem).__name__
    for rows in (*lines.inside, *lines.edge):
        if not rows.residual(lines.problem, at, values[:, None]).isfinite().all():
            return (
                f"evolve cannot go beyond t = {time:.6g}: the residual of condition {rows.condition.name!r} is not finite there; "
                "look at what its functions give where the solution has come to."
            )
    size, rate = float(values[0].norm()), float(values[1].norm())
    if rate * SOON * left > size:
        return (
            f"The solution of {name} blows up at t = {time:.6g}: evolve finds that its size changes by itself within "
            f"{size / rate:.1e} there; let the time end before, or look at the signs of its equations."
        )
    if grown > GROWN:
        return (
            f"The solution of {name} has grown to {grown:.0e} times its size by t = {time:.6g}; look at the signs of its "
            "equations, for what grows without bound, or give more centres (network.num_centers) or another epsilon."
        )
    names = ", ".join(repr(rows.condition.name) for rows in (*lines.inside, *lines.edge))
    return (
        f"evolve cannot go beyond t = {time:.6g}: no step is short enough for Newton's method to satisfy {names} from there on, "
        "as where coefficients or data jump, or an equation has no solution; let the time start again at the jump, or give a "
        "larger tolerance."
    )
