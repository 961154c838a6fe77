"""How many conditions a boundary has, beside how many the equations inside ask for."""

from __future__ import annotations

import torch
from scipy.spatial import cKDTree
from torch import Tensor

from rbfnet.domains import SpaceTime
from rbfnet.operators import Operator, Recorder, in_space_and_time
from rbfnet.problems import Interior, Problem, Sample
from rbfnet.solvers.assembly import derivatives
from rbfnet.solvers.time import starts

PROBES = 200
"""Points of the boundary that are looked at."""

NEAR = 3.0
"""A condition holds where one of its points is within so many of their spacings."""

GAPS = 0.03
"""The part of the boundary that may seem to be without, for points are never quite even."""


def has_enough(problem: Problem, samples: dict[str, Sample]) -> bool:
    """Whether there are enough conditions everywhere on the boundary of space for a problem that goes through time.

    An output with derivatives of order q in space takes q / 2 conditions, rounded down; of one with first derivatives it depends
    on the direction of flow, and here there has to be a condition somewhere. Those of several outputs are counted together,
    and one that ties two places together counts half at each.

    Without the boundary conditions that it takes, a problem has many solutions, of which a method of lines follows one.

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
    """Whether points are as near to those of a site as these are to one another."""
    places = torch.unique(site, dim=0).numpy()
    tree = cKDTree(places)
    distance = torch.from_numpy(tree.query(x.numpy())[0])
    if x.shape[1] == 1 or len(places) == 1:
        return distance <= 1e-6 * (x.amax(dim=0) - x.amin(dim=0)).norm()
    return distance <= NEAR * float(torch.from_numpy(tree.query(places, 2)[0][:, 1]).median())
