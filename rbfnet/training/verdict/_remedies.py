"""Diagnoses of problems that were not solved, and suggestions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from rbfnet.domains import Difference, SpaceTime
from rbfnet.nn import Evolving, RBFLayer
from rbfnet.operators import LinearModel, Operator, Recorder
from rbfnet.problems import Problem, Sample
from rbfnet.solvers import Solver
from rbfnet.solvers.assembly import derivatives
from rbfnet.solvers.validation import Miss

MISSED = 0.03
"""The minimum relative residual of a condition that contradicts another: the two share the difference."""

ALIKE = 0.5
"""The fraction of the points of a condition that must lie among those of another to count as the same place."""


def contradictions(problem: Problem, samples: Mapping[str, Sample], found: Sequence[Miss], levels: bool = True) -> list[str]:
    """Find two conditions that prescribe different values at the same points, or incompatible derivatives.

    Args:
        problem, samples: the conditions, and points of each.
        found: their relative residuals there.
        levels: whether to look for outputs without a level; a pressure of a flow through time needs none.
    """
    missed = {miss.condition for miss in found if miss.rms > MISSED}
    if not missed:
        return []
    values, depends = _values(problem, samples)
    names = list(values)
    for k, first in enumerate(names):
        for second in names[k + 1 :]:
            if {first, second} & missed:
                for a, b in ((first, second), (second, first)):
                    if words := _clash(a, b, values[a], values[b], samples):
                        return [words]
    free = [output for o, output in enumerate(problem.outputs) if o not in depends]
    if free and levels:
        which = "the solution" if len(problem.outputs) == 1 else f"the output {free[0]!r}"
        return [
            f"No condition depends on the value of {which}, only on its derivatives: there is a solution only if sources and "
            "fluxes balance. Check their signs and sizes, or give a value on a part of the boundary."
        ]
    return []


Values = dict[int, Tensor]
"""The values prescribed at the points of a condition, by output."""


def _values(problem: Problem, samples: Mapping[str, Sample]) -> tuple[dict[str, Values], set[int]]:
    """The values that conditions prescribe, and the outputs that appear undifferentiated in any condition."""
    found: dict[str, Values] = {}
    depends: set[int] = set()
    identity = Operator.identity()
    for name, condition in problem.named_conditions().items():
        if name not in samples:
            continue
        sample = samples[name]
        recorders = [Recorder(len(problem.outputs)) for _ in sample.sites]
        for residual, slopes in derivatives(condition, problem, recorders, sample):
            depends |= {o for (_, op, o), slope in slopes.items() if any(not d for d, _ in op.terms) and slope.any()}
            if len(slopes) == 1 and sample.weights is None and len(sample.sites) == 1:
                ((_, op, output), slope) = next(iter(slopes.items()))
                if op == identity and bool((slope == slope[0]).all()):
                    value = recorders[0].channels[op].detach()[:, output] - residual / slope
                    found.setdefault(name, {})[output] = value
    return found, depends


def _clash(first: str, second: str, a: Values, b: Values, samples: Mapping[str, Sample]) -> str:
    """Whether the points of the second condition are among those of the first, but with different values."""
    from scipy.spatial import cKDTree

    x, y = (samples[name].sites[0].cpu().double().numpy() for name in (first, second))
    tree = cKDTree(x)
    spacing = float(torch.from_numpy(tree.query(x, 2)[0][:, 1]).median()) if len(x) > 1 else 0.0
    distance, nearest = (torch.from_numpy(part) for part in tree.query(y))
    size = float(samples[first].sites[0].abs().max())
    shared = distance <= 0.75 * spacing + 1e-9 * size
    for output in a.keys() & b.keys():
        here, there = a[output].cpu()[nearest], b[output].cpu()
        scale = max(float(here.abs().max()), float(there.abs().max()))
        apart = shared & ((here - there).abs() > 2 * MISSED * scale)
        if scale and float(apart.double().mean()) > ALIKE:
            row = int(apart.nonzero()[0])
            return (
                f"Conditions {first!r} and {second!r} contradict each other: at the same points they prescribe "
                f"{float(here[row]):.4g} and {float(there[row]):.4g}."
            )
    return ""


def per_center(layer: RBFLayer | None) -> bool:
    """Whether each centre has a width of its own, as those that are denser near holes have."""
    return layer is not None and layer.metric.per_center


def reached(model: Evolving, problem: Problem) -> bool:
    """Whether the slabs of a model cover the time of its problem."""
    return float(model.breaks[-1]) >= float(problem.domain.box[1, -1])


def remedy(model: torch.nn.Module, problem: Problem, solver: Solver, used: Mapping[str, Sample], word: str) -> str:
    """One sentence with the two most promising suggestions."""
    advice: list[str] = []
    layer = next((m for m in model.modules() if isinstance(m, RBFLayer)), None)
    rows = sum(sample.num_rows for sample in used.values()) * len(problem.outputs)
    unknowns = model.coefficients.numel() if isinstance(model, LinearModel) else 0
    if isinstance(model, Evolving):
        if not reached(model, problem):
            return f"Try more slabs (solver.max_epochs={2 * solver.max_epochs}): the final time was not reached."
        more = f"more centres (network.num_centers={2 * model.num_centers})"
        if layer is not None and not layer.automatic and not model.is_point:
            return f"Try an automatic shape parameter (network.epsilon=auto), or {more}."
        if isinstance(problem.domain, SpaceTime) and isinstance(problem.domain.space, Difference) and not per_center(layer):
            return f"Try denser centres near holes (network.centers=graded), or {more}."
        return f"Try {more}, or a smaller solver.tolerance."
    if not all(stage.solves for stage in solver.stages):
        advice.append("a direct solver (solver=least_squares, or solver=gauss_newton for a nonlinear problem)")
    if unknowns and rows < 1.2 * unknowns:
        points = math.ceil(2 * unknowns / len(problem.outputs))
        advice.append(f"more points (problem.num_interior={points}), because there are {unknowns} unknowns and {rows} rows")
    if layer is not None and not layer.automatic:
        advice.append("an automatic shape parameter (network.epsilon=auto)")
    if isinstance(problem.domain, SpaceTime):
        advice.append("time stepping (solver=evolve)")
    if layer is not None and layer.kernel.smoothness < math.inf:
        advice.append("a smoother kernel (kernel=gaussian)")
    if isinstance(problem.domain, Difference) and not per_center(layer):
        advice.append("denser centres near holes (network.centers=graded)")
    if layer is not None:
        advice.append(f"more centres (network.num_centers={(2 if word == 'rough' else 4) * layer.num_centers})")
    return f"Try {', or '.join(advice[:2])}." if advice else ""
