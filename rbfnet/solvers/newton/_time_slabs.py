"""Solve a time-dependent problem in time slabs, as the start of Newton's method for all times."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from rbfnet.domains import Interval, SpaceTime
from rbfnet.operators import Differentiable, LinearModel
from rbfnet.problems import Condition, Data, Interior, Problem, Sample
from rbfnet.solvers.algebra import Factored, processes, triangle
from rbfnet.solvers.assembly import AtZero, Equation, Posed, Unknowns, linearised, stacked
from rbfnet.solvers.newton._levenberg_marquardt import levenberg_step
from rbfnet.solvers.newton._time_slab import Slab, Slabwise, local_model
from rbfnet.solvers.validation import fresh_points, misses

GOOD, IN_SPACE, ROUGH = 1e-4, 1e-3, 0.1
"""A slab is solved if its relative residual at new points is smaller; the second is for space and time, which takes longer.
A slab with a residual above the third has failed."""

PER_UNKNOWN = 2.0
"""Rows per unknown of a slab."""

STEPS = 15
"""Maximum number of Newton steps in one slab."""

LONGER, EASY = 1.5, 6
"""The growth of the next slab, and the number of steps up to which a slab counts as easy."""

SHORTEST = 1e-3
"""Slabs shorter than this fraction of the first are not halved."""

MOST = 25
"""Maximum number of slabs for each initial one."""

AT_REST = 1e-4
"""The weight of zero time derivatives in the initial guess of Newton's method."""


@dataclass(frozen=True)
class Course:
    """The result of solving in time slabs.

    Attributes:
        solution: the piecewise solution; None if the final time was not reached.
        slabs: the number of slabs.
        until: the time that was reached.
        miss: the maximum relative residual of all slabs.
    """

    solution: Slabwise | None
    slabs: int
    until: float
    miss: float


def starts_of(problem: Problem, samples: Mapping[str, Sample]) -> dict[str, Condition]:
    """The initial conditions of a problem that can be solved in time slabs; else none.

    All other conditions must hold in the domain or, in space and time, on its boundary at all times.
    """
    domain = problem.domain
    if not isinstance(domain, (Interval, SpaceTime)) or any(p.requires_grad for p in problem.parameters()):
        return {}
    start, end = (float(at[0, -1]) for at in (domain.initial(), domain.final()))
    found: dict[str, Condition] = {}
    for condition in problem.conditions():
        sample = samples.get(condition.name) or condition.sample(problem)
        times = torch.cat([x[:, -1] for x in sample.sites])
        if isinstance(condition, Data):
            return {}
        if not isinstance(condition, Interior) and float(times.max()) <= start + 1e-9 * (end - start):
            found[condition.name] = condition
        elif not condition.hard and not isinstance(condition, Interior):
            at_all_times = isinstance(domain, SpaceTime) and float(times.max() - times.min()) > (end - start) / 2
            if not at_all_times or sample.data:
                return {}
    return found


def through_time(posed: Posed, at_start: Mapping[str, Condition], slabs: int) -> Course:
    """Solve in time slabs, each started from the end of the previous one.

    A slab that is not solved is halved as long as that helps. If it does not help, the resolution in space is insufficient, and
    the slab is kept unless it failed completely. The slabs after an easy one are longer.

    Args:
        posed: the problem; its model is not changed.
        at_start: the result of :func:`starts_of`.
        slabs: the number of slabs of the length of the first.
    """
    domain = posed.problem.domain
    now, last = (float(at[0, -1]) for at in (domain.initial(), domain.final()))
    length, good = (last - now) / slabs, GOOD if isinstance(domain, Interval) else IN_SPACE
    ends: list[float] = []
    models: list[Differentiable] = []
    longer: tuple[float, float, LinearModel] | None = None
    worst, shortest = 0.0, SHORTEST * length
    for _ in range(MOST * slabs):
        # A short remaining interval is merged into the slab.
        end = last if last - now < 1.3 * length else now + length
        before = models[-1] if models else None
        model, miss, steps = _solved(posed, at_start, now, end, before)
        if miss >= good and (longer is None or miss < longer[0] / 2) and length > shortest:
            longer = (miss, end, model) if miss < ROUGH else None
            length = (end - now) / 2
            continue
        if miss >= good and longer is not None:
            miss, end, model = longer
            good = 2 * miss
        if not miss < ROUGH:
            return Course(None, len(ends), now, miss)
        length, now, longer, worst = end - now, end, None, max(worst, miss)
        length *= LONGER if steps <= EASY else 1.0
        ends.append(end)
        models.append(model)
        if now >= last:
            return Course(Slabwise(ends, models), len(ends), now, worst)
    return Course(None, len(ends), now, worst)


def _solved(
    posed: Posed, at_start: Mapping[str, Condition], start: float, end: float, before: Differentiable | None
) -> tuple[LinearModel, float, int]:
    """The model of one slab, its relative residual at new points, and the number of steps."""
    problem = posed.problem
    slab, rest = (Slab(problem, at_start, start, end, before, at_rest=still) for still in (False, True))
    like = next(iter(posed.samples.values())).sites[0]
    equations = {name: len(posed.scales.get(name, [1.0] * len(problem.outputs))) for name in slab.named_conditions()}
    within = sum(n for name, n in equations.items() if isinstance(slab.named_conditions()[name], Interior))
    model = local_model(posed.model, slab.domain.interior(problem.num_interior).to(like))
    share = PER_UNKNOWN * model.coefficients.numel() / max(within, 1) / problem.num_interior
    for part in (slab, rest):
        part.num_interior = max(2, math.ceil(share * problem.num_interior))
        part.num_boundary = max(20, math.ceil(min(share, 1.0) * problem.num_boundary))
    scales = {**posed.scales, **{name: [c.weight] * equations[name] for name, c in at_start.items() if name not in posed.scales}}
    # An integral over all times cannot be used in a slab.
    samples, resting = ({n: _like(s, like) for n, s in part.sample().items() if s.weights is None} for part in (slab, rest))
    held = {name: scales.get(name, [AT_REST] * len(problem.outputs)) for name in resting}
    unknowns = Unknowns(model, slab, shapes=False)
    levenberg_step(Posed(model, rest, resting, held), unknowns, 0.0)
    task, region, slow, count = Posed(model, slab, samples, {name: scales[name] for name in samples}), 0.0, 0, 0
    while count < STEPS and slow < 2:
        step = levenberg_step(task, unknowns, region)
        region, count = step.shrunk(region, shapes=False), count + 1
        slow = 2 if not step.taken else slow + 1 if step.after > 0.9 * step.before else 0
    miss = max(m.rms for m in misses(model, slab, fresh_points(slab, samples)))
    return model, miss if math.isfinite(miss) else math.inf, count


def from_function(posed: Posed, solution: Differentiable) -> Tensor:
    """The coefficients after one Newton step from any function that nearly solves the problem."""
    outputs, zero = len(posed.problem.outputs), AtZero(posed.model)

    def rows(part: Posed) -> Tensor:
        found = linearised(part.problem, part.samples, solution)
        pieces = []
        for name, equations in found.items():
            for equation, scale in zip(equations, part.scales[name], strict=True):
                target = _applied(equation, solution) - _applied(equation, zero) - equation.sample.contract(equation.rest)
                matrix = stacked(posed.model, equation, outputs)
                pieces.append(part.factor(scale, equation.sample) * torch.cat([matrix, target[:, None]], dim=1))
        return torch.cat(pieces)

    both = rows(posed)
    if processes.count() > 1:
        both = triangle([both])
    return Factored(both[:, :-1]).solve(both[:, -1:], refinements=1)[:, 0]


def _applied(equation: Equation, u: Differentiable) -> Tensor:
    """The homogeneous part of an equation applied to a function."""
    total = torch.zeros_like(equation.rest)
    for x, ops in zip(equation.sample.sites, equation.ops, strict=True):
        for output, op in ops.items():
            total = total + u.apply_operator(x, op.over(len(x), x.shape[1]))[:, output]
    return equation.sample.contract(total)


def _like(sample: Sample, like: Tensor) -> Sample:
    """Convert to the dtype and device of some points."""

    def part(t: Tensor | None) -> Tensor | None:
        return None if t is None else t.to(like)

    return Sample(tuple(x.to(like) for x in sample.sites), part(sample.normal), None, tuple(t.to(like) for t in sample.data))
