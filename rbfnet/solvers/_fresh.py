"""Points of a problem that a solver has not seen."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import Tensor

from rbfnet.domains import Domain, PointCloud, SpaceTime
from rbfnet.problems import Data, Interior, Problem, Sample

DENSER = 2
"""How many times as many fresh points there are as points that were used."""

NEAREST, FARTHEST = 1e-4, 0.1
"""How far from the boundary points near it lie, as fractions of the size of the domain, evenly in the logarithm."""


def fresh_points(problem: Problem, samples: Mapping[str, Sample]) -> dict[str, Sample]:
    """Points for each condition like those of ``samples``, about twice as many, and none of them the same.

    Data are given points: there are no others.

    Args:
        problem: whose conditions they are for.
        samples: what a solver has used, of which number and dtype are taken.
    """
    denser = copy.copy(problem)
    conditions = problem.named_conditions()
    inside = [samples[name].num_points for name, c in conditions.items() if isinstance(c, Interior) and name in samples]
    others = [samples[name].num_points for name, c in conditions.items() if not isinstance(c, (Interior, Data)) and name in samples]
    denser.num_interior = DENSER * max(inside, default=1) + 1
    denser.num_boundary = DENSER * max(others, default=1) + 1
    return {
        name: sample if isinstance(conditions[name], Data) else _like(conditions[name].sample(denser), sample)
        for name, sample in samples.items()
    }


def close_points(problem: Problem, samples: Mapping[str, Sample], centers: Tensor | None = None) -> dict[str, Sample]:
    """Points for the equations inside where even ones are sparse: near the boundary, its corners and ends, and near centres.

    In space and time half of those near the boundary are near the start, and the end, instead.

    Args:
        problem, samples: as for :func:`fresh_points`.
        centers: (M, D), to look near them too, at as many points as there are near the boundary.
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
    """Random points where the domain ends, in time too, and the outward normals there."""
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
    """In the dtype, and on the device, of the points that were used."""
    like = used.sites[0]

    def part(t: Tensor | None) -> Tensor | None:
        return t if t is None else t.to(like) if t.is_floating_point() else t.to(like.device)

    sites = tuple(x.to(like) for x in sample.sites)
    data = tuple(t.to(like) if t.is_floating_point() else t.to(like.device) for t in sample.data)
    return Sample(sites, part(sample.normal), part(sample.weights), data)
