"""Whether a solution has become finer than its centres: residuals between the points of a run."""

from __future__ import annotations

import itertools

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.nn import Evolving
from rbfnet.operators import Operator
from rbfnet.problems import Interior, Sample, residuals_of
from rbfnet.solvers.assembly import Posed

MISSED = 0.2
"""A solution whose equations are missed by more, relative to the time derivative, has too few centres."""

GROWN = 2.0
"""It has to miss them while it is at most so many times as large as at first: what truly blows up becomes too fine later."""

TRANSITION = 1e-4
"""In this part of the time a start that contradicts the boundary conditions may have layers too thin to be seen."""


def too_coarse(model: Evolving, posed: Posed, points: Float[Tensor, "B d"], slabs: int) -> str:
    """The sentence for a run that cannot go on because of too few centres; empty if that is not the reason.

    Args:
        model: the solution so far. posed: its problem and its points.
        points: of space. slabs: how many slabs there are.
    """
    breaks, worst, first, time = model.breaks.tolist()[: slabs + 1], 0.0, 0.0, float(posed.problem.domain.box[1, -1])
    for start, end in itertools.pairwise(breaks):
        if end - breaks[0] < TRANSITION * (time - breaks[0]):
            continue
        size = float(model(torch.cat([points, torch.full_like(points[:, :1], end)], dim=1)).norm())
        first = first or size
        if size > GROWN * first:
            break
        worst = max(worst, unseen(model, posed, start, end))
    if worst < MISSED:
        return ""
    count = model.network.num_centers
    return (
        f"{count} centres are too few for {type(posed.problem).__name__}: its equations are missed by {worst:.0%} of the time "
        f"derivative between the points, and evolve cannot go beyond t = {breaks[-1]:.6g}; give more centres "
        f"(network.num_centers={4 * count})."
    )


def unseen(model: Evolving, posed: Posed, start: float, end: float) -> float:
    """The residual of the equations in a slab, relative to the derivative in time, at points of space that were not used."""
    found, sizes = [], []
    for name, condition in posed.problem.named_conditions().items():
        if isinstance(condition, Interior):
            sample = posed.samples[name]
            x = sample.sites[0][:: max(1, len(sample.sites[0]) // 200)].clone()
            x[:, -1] = start + (end - start) * (0.05 + 0.9 * torch.linspace(0, 1, len(x)).to(x))
            found += [r.square().mean() for r in residuals_of(posed.problem, condition, [model], Sample((x,)))]
            sizes.append(model.apply_operator(x, Operator.d(x.shape[1] - 1)).square().mean())
    total = float(torch.stack(sizes).sum())
    return float((torch.stack(found).sum() / total).sqrt()) if total > 0 else 0.0
