"""Count the boundary conditions and compare with the number that the equations require."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from scipy.spatial import cKDTree
from torch import Tensor

from rbfnet.domains import SpaceTime
from rbfnet.operators import Operator, Recorder, in_space_and_time
from rbfnet.problems import Interior, Problem, Sample
from rbfnet.solvers.assembly import derivatives
from rbfnet.solvers.time._conditions_in_time import starts

PROBES = 200
"""Number of boundary points that are checked."""

NEAR = 3.0
"""A condition covers a place if one of its points is within this many spacings of it."""

GAPS = 0.03
"""The share of the boundary that may seem uncovered, since points are not perfectly even."""


def has_enough(problem: Problem, samples: Mapping[str, Sample]) -> bool:
    """Whether a time-dependent problem has enough conditions everywhere on the boundary of its domain in space.

    An output with derivatives of order q in space requires q / 2 conditions, rounded down. With first derivatives only, the
    number depends on the direction of flow; here one condition anywhere suffices. Conditions of several outputs are counted
    together, and a condition that couples two places counts half at each.

    With fewer boundary conditions a problem has many solutions, and the method of lines would compute one of them.

    Source: Gustafsson, Kreiss and Oliger, Time-Dependent Problems and Difference Methods (2013), ch. 9.
    """
    domain = problem.domain
    if not isinstance(domain, SpaceTime):
        return True
    orders = [0] * len(problem.outputs)
    x = domain.space.boundary(PROBES)
    rows, some = x.new_zeros(len(x)), False
    for name, condition in problem.named_conditions().items():
        sample = samples[name]
        equations = derivatives(condition, problem, [Recorder(len(problem.outputs)) for _ in sample.sites], sample)
        if isinstance(condition, Interior):
            for _, slopes in equations:
                for (_, op, output), slope in slopes.items():
                    if slope.any():
                        orders[output] = max(orders[output], _order(op, len(domain.coords) - 1))
        elif not starts(problem, sample):
            some = True
            for site in sample.sites:
                rows += len(equations) / len(sample.sites) * _near(x, site[:, :-1])
    needed = sum(order // 2 for order in orders)
    return bool((rows < needed).double().mean() <= GAPS) if needed else some or not any(orders)


def _order(op: Operator, time: int) -> int:
    """The highest order in space of the terms of an operator."""
    return max((len(along) for along, _, _ in in_space_and_time(op, time)), default=0)


def _near(x: Tensor, site: Tensor) -> Tensor:
    """Whether each point is about as close to the points of a site as they are to each other."""
    places = torch.unique(site, dim=0).numpy()
    tree = cKDTree(places)
    distance = torch.from_numpy(tree.query(x.numpy())[0])
    if x.shape[1] == 1 or len(places) == 1:
        return distance <= 1e-6 * (x.amax(dim=0) - x.amin(dim=0)).norm()
    return distance <= NEAR * float(torch.from_numpy(tree.query(places, 2)[0][:, 1]).median())
