"""Posed: a problem, a model and points, as what a solver that solves asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError
from rbfnet.operators import LinearModel
from rbfnet.problems import Known, Problem, Sample, residuals
from rbfnet.solvers.algebra import processes, triangle
from rbfnet.solvers.assembly._linear_system import LinearSystem, Scales, Values, linear_system, values_asked
from rbfnet.solvers.assembly._linearize import Equation, linearised


@dataclass(frozen=True)
class Posed:
    """A problem for a model, with points and scales: all that its rows are made of, from where the model is.

    The rows are weighted: the loss is the sum of their squares, over all processes. Each process has its own points of a
    condition, as many as the others; an integral is whole in each, and each counts as its part.

    Attributes:
        model, problem: which share their unknowns with whoever changes them.
        samples: the points of each condition, those of this process; a condition without any has no rows.
        scales: what :func:`rbfnet.solvers.automatic_scales` gives.
        known: the operators each condition needs.
        prior: for each parameter of the problem that is trained a further row, what it is multiplied by; none if None.

    Example:
        >>> import torch
        >>> from rbfnet.nn import RBFNetwork
        >>> from rbfnet.problems import Poisson
        >>> from rbfnet.solvers import Posed, automatic_scales
        >>> problem, net = Poisson(num_interior=80, num_boundary=40), RBFNetwork(2, 1, 50, dtype=torch.float64)
        >>> samples = problem.sample()
        >>> Posed(net, problem, samples, automatic_scales(net, problem, samples)).residual().shape
        torch.Size([120])
    """

    model: LinearModel
    problem: Problem
    samples: Mapping[str, Sample]
    scales: Scales
    known: Known | None = None
    prior: Float[Tensor, " P"] | None = None

    @property
    def parameters(self) -> list[torch.nn.Parameter]:
        """Those of the problem that are trained."""
        return [p for p in self.problem.parameters() if p.requires_grad and p.numel()]

    @cached_property
    def everywhere(self) -> Mapping[str, Sample]:
        """The points of all processes, in the order they would have in one."""
        if processes.count() == 1:
            return self.samples
        return {name: sample if sample.weights is not None else _collected(sample) for name, sample in self.samples.items()}

    def own(self, samples: Mapping[str, Sample]) -> dict[str, Sample]:
        """Of points that all processes have, those that are this one's."""
        if processes.count() == 1:
            return dict(samples)
        return {
            name: self.samples[name]
            if sample is self.everywhere.get(name)
            else sample
            if sample.weights is not None
            else sample.rows(processes.dealt(sample.num_points))
            for name, sample in samples.items()
        }

    @staticmethod
    def factor(scale: float, sample: Sample) -> float:
        """What the rows of an equation are multiplied by."""
        return (scale / (sample.num_rows * processes.count())) ** 0.5

    def linear_system(self) -> LinearSystem:
        """The rows of a linear problem; the triangle of those of all processes where there are several.

        Raises:
            InputError: the points are the centres, and there are several processes.
        """
        system = linear_system(self.model, self.problem, dict(self.samples), self.scales)
        if processes.count() == 1:
            return system
        if system.moments is not None:
            centers = system.matrix.shape[1] - system.moments.shape[1]
            if (len(system.matrix) - 1) * processes.count() < centers <= len(system.matrix) * processes.count():
                raise InputError("Interpolation, with all points as centres, runs in one process; use trainer=default.")
        rows = triangle([torch.cat([system.matrix, system.target], dim=1)])
        columns = system.matrix.shape[1]
        return LinearSystem(rows[:, :columns], rows[:, columns:], system.moments)

    def values(self) -> Values | None:
        """The points and values of a problem that asks for nothing else; None for any other, and where processes share them."""
        return values_asked(self.model, self.problem, self.samples) if processes.count() == 1 else None

    @property
    def num_rows(self) -> int:
        """Of this process."""
        return sum(self.samples[name].num_rows * len(scales) for name, scales in self.scales.items() if name in self.samples)

    def equations(self) -> list[tuple[Equation, float]]:
        """Every equation, linearised where the model is, and what its rows are multiplied by."""
        found = linearised(self.problem, self.samples, self.model, self.known)
        return [
            (equation, self.factor(scale, equation.sample))
            for name, equations in found.items()
            for equation, scale in zip(equations, self.scales[name], strict=True)
        ]

    def residual(self) -> Float[Tensor, " R"]:
        """The weighted residuals; differentiable in all that is trained."""
        rows = []
        for name, sample, equations in residuals(self.problem, self.model, self.samples, self.known):
            for values, scale in zip(equations, self.scales[name], strict=True):
                rows.append(self.factor(scale, sample) * sample.contract(values))
        if self.prior is not None:
            rows.append(self.prior * torch.cat([p.reshape(-1) for p in self.parameters]))
        return torch.cat(rows)

    def loss(self) -> float:
        """The sum of the squares of all rows of all processes."""
        residual = self.residual().detach()
        return float(processes.total(residual @ residual))

    def part(self, chosen: Mapping[str, Any]) -> Posed:
        """Some points of some conditions (a list, slice or tensor of indices), their rows as they are among all."""
        samples = {name: self.samples[name].rows(rows) for name, rows in chosen.items()}
        scales = {
            name: [scale * sample.num_rows / self.samples[name].num_rows for scale in self.scales[name]]
            for name, sample in samples.items()
        }
        return replace(self, samples=samples, scales=scales)

    def parts(self, size: int) -> Iterator[Posed]:
        """All rows in blocks: one condition and ``size`` points at a time, an integral at once."""
        for name, sample in self.samples.items():
            step = sample.num_points if sample.weights is not None else size
            for start in range(0, sample.num_points, step):
                yield self.part({name: slice(start, start + step)})


def _collected(sample: Sample) -> Sample:
    """The rows of all processes; those that were dealt out twice once."""
    sites, data = (tuple(map(processes.collected, part)) for part in (sample.sites, sample.data))
    whole = Sample(sites, None if sample.normal is None else processes.collected(sample.normal), None, data)
    rows, most = whole.num_points, min(processes.count(), whole.num_points) - 1
    twice = next((k for k in range(most, 0, -1) if all(torch.equal(x[-k:], x[:k]) for x in whole.sites)), 0)
    return whole.rows(slice(0, rows - twice)) if twice else whole
