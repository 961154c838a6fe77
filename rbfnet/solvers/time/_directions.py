"""How fast what a problem is given varies along each direction of space."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.domains import Box
from rbfnet.nn import RBFNetwork
from rbfnet.operators import Along, Operator, Recorder, in_space_and_time
from rbfnet.problems import Condition, Initial, Interior, Problem, Sample
from rbfnet.solvers.assembly import Slopes, derivatives
from rbfnet.solvers.time._conditions_in_time import distinct, starts
from rbfnet.solvers.time._semidiscrete import Rows

STEP = 1e-5
"""Of the differences that gradients are taken by, as a fraction of each side."""

TIMES = (0.0, 0.5, 1.0)
"""Fractions of the time at which data and coefficients are looked at."""

UNEQUAL = 2.0
"""Wave numbers along two directions that differ by less are taken to be equal."""

TURNED = 0.3
"""By how much, in radians or relative lengths, a flow may deform what it carries before directions of the start mean nothing."""


def wave_numbers(problem: Problem, samples: Mapping[str, Sample], points: Float[Tensor, "B d"]) -> Float[Tensor, "d d"] | None:
    """The matrix K for which n^T K n is the mean square wave number along n of what a problem is given; None if it is isotropic.

    K is the sum of <grad g grad g^T> / <g^2> over the initial values, the sources, the coefficients of the equations and the
    boundary data g, plus pi^2 / L_i^2 on the diagonal: half a wave along each side L_i of the box.

    Waves are reflected, which turns their directions: for second order in time K is diagonal on a box and isotropic elsewhere.

    Source: Bigun and Granlund, Optimal orientation detection of linear symmetry, Proc. ICCV (1987), for the matrix, which is
    called the structure tensor.

    Args:
        problem: the problem.
        samples: points of its conditions.
        points: points in space.
    """
    begin, end = problem.domain.box[:, -1].tolist()
    sides = (problem.domain.box[1] - problem.domain.box[0])[:-1].to(points)
    found, waves = torch.diag((math.pi / sides) ** 2), False
    for name, condition in problem.named_conditions().items():
        sample = samples[name]
        if len(sample.sites) != 1 or sample.data:
            continue
        first = starts(problem, sample)
        if not isinstance(condition, (Initial, Interior)):
            sample = distinct(sample)
            x = sample.sites[0][:, :-1]
        else:
            x = points
        times = [begin] if first or isinstance(condition, Initial) else [begin + part * (end - begin) for part in TIMES]
        for t in times:
            here = _columns(problem, condition, sample, x, t)
            moved = [_columns(problem, condition, sample, x + STEP * step, t) for step in torch.diag(sides)]
            for key, g in here.items():
                steps = [(other.get(key, g) - g) / (STEP * side) for other, side in zip(moved, sides, strict=True)]
                slopes = torch.stack(steps, dim=1)
                kept = g.isfinite() & slopes.isfinite().all(dim=1)
                size = g[kept].square().mean()
                if kept.any() and size > 0:
                    found = found + slopes[kept].T @ slopes[kept] / len(slopes[kept]) / size
            terms = [term for _, op, _ in here if op is not None for term in in_space_and_time(op, points.shape[1])]
            waves = waves or any(order == 2 for _, order, _ in terms)
    if waves:
        found = torch.diag(found.diagonal())
    sizes = torch.linalg.eigvalsh(found)
    boxed = isinstance(problem.domain.space, Box)  # type: ignore[attr-defined]
    return None if (waves and not boxed) or not sizes[-1] > UNEQUAL**2 * sizes[0] else found


def _columns(
    problem: Problem, condition: Condition, sample: Sample, x: Float[Tensor, "B d"], t: float
) -> dict[tuple[int, Operator | None, int], Float[Tensor, " B"]]:
    """What a condition is given: the residual of each equation where the solution is zero and, inside, its coefficients there."""
    inside = isinstance(condition, Interior)
    at = Sample((torch.cat([x, torch.full_like(x[:, :1], t)], dim=1),), None if inside else sample.normal)
    found: dict[tuple[int, Operator | None, int], Tensor] = {}
    for number, (residual, slopes) in enumerate(derivatives(condition, problem, [Recorder(len(problem.outputs), scale=0.0)], at)):
        found[number, None, 0] = residual
        if inside:
            found |= {(number, op, output): slope for (_, op, output), slope in slopes.items()}
    return found


def deformed(problem: Problem, network: RBFNetwork, basis: Tensor, start: Tensor, points: Float[Tensor, "B d"]) -> bool:
    """Whether the flow at the start deforms what it carries: the gradient of its velocity times the time exceeds :data:`TURNED`.

    The velocity are the coefficients of the first derivatives in space, relative to those of the derivative in time.
    """
    begin, end = problem.domain.box[:, -1].tolist()
    sides = (problem.domain.box[1] - problem.domain.box[0])[:-1].to(points)
    times = torch.tensor([begin], dtype=points.dtype)
    for condition in problem.named_conditions().values():
        if not isinstance(condition, Interior):
            continue
        found = []
        for step in torch.cat([torch.zeros_like(sides)[None], STEP * torch.diag(sides)]):
            at = torch.cat([points + step, times.expand(len(points), 1)], dim=1)
            rows = Rows(condition, Sample((at,)), network, basis)
            found.append(_velocities(rows.slopes(problem, times, start), points))
        for other, side in zip(found[1:], sides, strict=True):
            for key, velocity in found[0].items():
                bent = (end - begin) * ((other.get(key, velocity) - velocity) / (STEP * side))
                if bent[bent.isfinite()].square().sum() > TURNED**2 * len(points):
                    return True
    return False


def _velocities(
    equations: Sequence[tuple[Tensor, Slopes]], points: Float[Tensor, "B d"]
) -> dict[tuple[int, int, Along], Float[Tensor, " B"]]:
    """The coefficients of first derivatives in space, relative to the largest of a derivative in time, at each point."""
    flows: dict[tuple[int, int, Along], Tensor] = {}
    rate = torch.zeros_like(points[:, 0])
    for number, (_, slopes) in enumerate(equations):
        for (_, op, output), slope in slopes.items():
            for along, order, c in in_space_and_time(op, points.shape[1]):
                if order and not along:
                    rate = torch.maximum(rate, (slope * c).abs())
                elif len(along) == 1 and not order:
                    flows[number, output, along] = flows.get((number, output, along), 0.0) + slope * c
    return {key: flow / rate for key, flow in flows.items()}
