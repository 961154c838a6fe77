"""Time slabs: the problem in a slab, its network, and the piecewise solution."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import torch
from jaxtyping import Float
from scipy.spatial import cKDTree
from torch import Tensor, nn

from rbfnet.domains import Interval, SpaceTime
from rbfnet.nn import RBFNetwork, Wrapper
from rbfnet.nn.wrappers import innermost
from rbfnet.operators import Differentiable, Field, LinearModel, Operator
from rbfnet.problems import Condition, Interior, Problem, Sample, residuals_of

REACH = 2.0
"""Kernels whose centres are farther from a slab than this many widths are omitted."""


class Slab(Problem):
    """A problem restricted to a time interval, with the end of the previous slab as initial value.

    Args:
        problem: the problem for all times.
        at_start: its initial conditions, by name; they are used in the first slab and replaced in the others.
        start, end: the times of the slab.
        before: the solution in the previous slab; None in the first.
        at_rest: replace the equations by zero time derivatives, for the initial guess of Newton's method.
    """

    def __init__(
        self,
        problem: Problem,
        at_start: Mapping[str, Condition],
        start: float,
        end: float,
        before: Differentiable | None,
        at_rest: bool = False,
    ) -> None:
        super().__init__(num_interior=problem.num_interior, num_boundary=problem.num_boundary, sampler=problem.sampler)
        whole, self.outputs = problem.domain, problem.outputs
        time = {whole.coords[-1]: (start, end)}
        self.domain = SpaceTime(whole.space, **time) if isinstance(whole, SpaceTime) else Interval(**time)
        self.at_start, self.at_rest = at_start, at_rest
        # In a list, so that their parameters are not registered with this problem.
        self._others: list[Any] = [problem, before]

    def conditions(self) -> Iterable[Condition]:
        problem, before = self._others
        yield from self.at_start.values() if before is None else [Carried(c, before) for c in self.at_start.values()]
        if self.at_rest:
            yield Interior(self._rest, name="at rest")
            return
        for name, condition in problem.named_conditions().items():
            if name not in self.at_start:
                yield condition

    def _rest(self, u: Field) -> tuple[Tensor, ...]:
        return tuple(u[output].d(self.domain.coords[-1]) for output in self.outputs)


class Carried(Condition):
    """An initial condition that takes its values, and velocities if it prescribes them, from another solution.

    Args:
        condition: the initial condition.
        before: the other solution.
    """

    def __init__(self, condition: Condition, before: Differentiable) -> None:
        self.condition, self.before = condition, before
        self.name, self.weight = condition.name, condition.weight

    @torch.no_grad()
    def sample(self, problem: Problem) -> Sample:
        sample = self.condition.sample(problem)
        theirs = torch.stack(residuals_of(problem, self.condition, [self.before] * len(sample.sites), sample), dim=1)
        return sample._replace(data=(*sample.data, theirs))

    def residual(self, *given: Any) -> tuple[Tensor, ...]:
        fields = tuple(part for part in given if isinstance(part, Field))
        ours = self.condition.equations(fields, given[len(fields) : -1])
        return tuple(a - b for a, b in zip(ours, given[-1].unbind(1), strict=True))


class Slabwise(Differentiable):
    """A piecewise model in time, with one model per slab.

    Args:
        ends: the final times of the slabs, in order.
        models: one per slab.
    """

    def __init__(self, ends: Sequence[float], models: Sequence[Differentiable]) -> None:
        super().__init__()
        self.ends, self.models = list(ends), nn.ModuleList(models)

    def apply_operators(self, x: Float[Tensor, "B D"], ops: Sequence[Operator]) -> Float[Tensor, "B O K"]:
        slab = torch.bucketize(x[:, -1].contiguous(), torch.tensor(self.ends[:-1]).to(x))
        found: Tensor | None = None
        for k, model in enumerate(self.models):
            if (here := slab == k).any():
                values = cast(Differentiable, model).apply_operators(x, ops)
                found = values if found is None else torch.where(here[:, None, None], values, found)
        assert found is not None
        return found


def local_model(model: LinearModel, points: Float[Tensor, "B D"]) -> LinearModel:
    """The model restricted to the basis functions that are relevant at some points, with zero weights."""
    local = copy.deepcopy(model)
    network = cast(RBFNetwork, innermost(local))
    centers, raw, epsilon = network.centers.detach(), network.metric.raw.detach(), network.epsilon.detach()
    if epsilon.ndim > (1 if network.metric.per_center else 0):
        epsilon = epsilon.log().mean(dim=-1).exp()
    distance, _ = cKDTree(inside(local, points).cpu().double().numpy()).query(centers.cpu().double().numpy())
    near = torch.from_numpy(distance).to(centers) * epsilon <= REACH
    network.replace_centers(centers[near], raw[near] if network.metric.per_center else raw)
    local.set_coefficients(torch.zeros_like(local.coefficients))
    return local


def inside(model: LinearModel, x: Float[Tensor, "B D"]) -> Float[Tensor, "B E"]:
    """Points in the input coordinates of the network inside all wrappers."""
    ops = [Operator.identity()]
    while isinstance(model, Wrapper):
        x, ops = model.inner(x, [op.over(len(x), x.shape[1]) for op in ops])
        model = model.network
    return x
