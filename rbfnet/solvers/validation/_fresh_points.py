"""Held-out points: new points for a problem."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping

import torch
from torch import Tensor

from rbfnet.domains import Domain, PointCloud, SpaceTime
from rbfnet.problems import Data, Interior, Problem, Sample

DENSER = 2
"""Number of new points, relative to the number of points used."""

FEWER, LEAST = 0.5, 200
"""The same for points used to choose options, and their minimum number."""

SHARE, FEW = 0.3, 12
"""The fraction of given points that is held out, and the minimum number of points for it."""

NEAREST, FARTHEST = 1e-4, 0.1
"""The log-uniform range of distances of near-boundary points, relative to the size of the domain."""


def fresh_points(problem: Problem, samples: Mapping[str, Sample], times: float = DENSER) -> dict[str, Sample]:
    """New points for each condition, distributed like those of ``samples``.

    Data have no other points.

    Args:
        problem: the problem.
        samples: the points used, which determine number and dtype.
        times: the ratio of new points to points used.
    """
    denser = copy.copy(problem)
    conditions = problem.named_conditions()
    # Data and quadrature nodes do not determine the number of points.
    given = [name for name, sample in samples.items() if isinstance(conditions[name], Data) or sample.weights is not None]
    used = {name: sample.num_points for name, sample in samples.items() if name not in given}
    inside = [n for name, n in used.items() if isinstance(conditions[name], Interior)]
    others = [n for name, n in used.items() if not isinstance(conditions[name], Interior)]
    denser.num_interior = math.ceil(times * max(inside, default=1)) + 1
    denser.num_boundary = math.ceil(times * max(others, default=1)) + 1
    return {
        name: sample if isinstance(conditions[name], Data) else _like(conditions[name].sample(denser), sample)
        for name, sample in samples.items()
    }


def kept_apart(problem: Problem, samples: Mapping[str, Sample]) -> tuple[dict[str, Sample], dict[str, Sample]] | None:
    """Split points into those to solve with and those to measure the solution at; None if there are no others.

    If a condition can be sampled again, all its points are used and it is measured at about half as many new ones. Of given
    points, such as data, three tenths are held out. Conditions with few points, and integrals, are in both sets.

    Args:
        problem, samples: as for :func:`fresh_points`.
    """
    largest = max(sample.num_points for sample in samples.values())
    fresh = fresh_points(problem, samples, max(FEWER, LEAST / largest))
    used, measured = dict(samples), dict(samples)
    for name, sample in samples.items():
        if _others(fresh[name], sample):
            measured[name] = fresh[name]
        elif sample.weights is None and sample.num_points >= FEW:
            # By the golden ratio, because every third point of a Halton sequence lies in one third of the domain.
            apart = torch.arange(1, sample.num_points + 1, dtype=torch.float64) * 0.6180339887498949 % 1.0 < SHARE
            used[name], measured[name] = sample.rows(~apart), sample.rows(apart)
    return None if all(measured[name] is sample for name, sample in samples.items()) else (used, measured)


def _others(fresh: Sample, used: Sample) -> bool:
    """Whether most of the points are new."""
    if fresh is used or fresh.weights is not None:
        return False
    both = torch.cat([fresh.sites[0], used.sites[0]])
    return len(both.unique(dim=0)) - len(used.sites[0].unique(dim=0)) > fresh.num_points / 2


def close_points(problem: Problem, samples: Mapping[str, Sample], centers: Tensor | None = None) -> dict[str, Sample]:
    """Points for the interior equations where uniform ones are sparse: near the boundary, its corners and ends, and near centres.

    In space and time half of those near the boundary are near the start, and the end, instead.

    Args:
        problem, samples: as for :func:`fresh_points`.
        centers: (M, D), to add points near them too, as many as near the boundary.
    """
    domain = problem.domain
    if isinstance(domain, PointCloud):
        return {}
    found = {}
    for name, condition in problem.named_conditions().items():
        if not isinstance(condition, Interior) or name not in samples:
            continue
        n = samples[name].num_points
        edge, normals = _edge(domain, n)
        times = -(-n // len(edge))
        edge, normals = edge.repeat(times, 1), normals.repeat(times, 1)
        size = float((domain.box[1] - domain.box[0]).max())
        depth = size * NEAREST * (FARTHEST / NEAREST) ** torch.rand(len(edge), 1, dtype=edge.dtype)
        near = [edge - depth * normals]
        if centers is not None:
            x = centers.detach().to(near[0])[torch.randint(len(centers), (n,))]
            near.append(x + size * n ** (-1 / x.shape[1]) * (torch.rand_like(x) - 0.5))
        x = condition.within(problem, torch.cat(near))
        if len(x):
            found[name] = _like(Sample((x,)), samples[name])
    return found


def _edge(domain: Domain, n: int) -> tuple[Tensor, Tensor]:
    """Random points on the boundary, in time too, and the outward normals there."""
    edge, normals = domain.boundary_with_normals(n, "random")
    if not isinstance(domain, SpaceTime):
        return edge, normals
    part = max(1, n // 4)
    first, last = domain.initial(part, "random"), domain.final(part, "random")
    onward = torch.zeros_like(first)
    onward[:, -1] = 1.0
    keep = max(1, n - 2 * part)
    return torch.cat([edge[:keep], first, last]), torch.cat([normals[:keep], -onward, onward])


def _like(sample: Sample, used: Sample) -> Sample:
    """Convert to the dtype and device of the points that were used."""
    like = used.sites[0]

    def part(t: Tensor | None) -> Tensor | None:
        return t if t is None else t.to(like) if t.is_floating_point() else t.to(like.device)

    sites = tuple(x.to(like) for x in sample.sites)
    data = tuple(t.to(like) if t.is_floating_point() else t.to(like.device) for t in sample.data)
    return Sample(sites, part(sample.normal), part(sample.weights), data)
