"""Posed: a problem with a model and points, as passed to direct solvers."""

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
from rbfnet.solvers.assembly._measurements import Measurement, measurements_asked


@dataclass(frozen=True)
class Posed:
    """A problem with a model, points and scales, which define its rows at the current unknowns.

    The rows are weighted: the loss is the sum of their squares over all processes. Each process has its own points of a
    condition, equally many in each; an integral is complete in every process, which counts its share.

    Attributes:
        model: the model, not a copy.
        problem: the problem, not a copy.
        samples: the points of each condition in this process; a condition without points has no rows.
        scales: as returned by :func:`rbfnet.solvers.automatic_scales`.
        known: the operators that each condition needs.
        prior: the factor of an additional row for each trained parameter of the problem; no such rows if None.

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
        """The trained parameters of the problem."""
        return [p for p in self.problem.parameters() if p.requires_grad and p.numel()]

    @cached_property
    def everywhere(self) -> Mapping[str, Sample]:
        """The points of all processes, in the order of a single process."""
        if processes.count() == 1:
            return self.samples
        return {name: sample if sample.weights is not None else _collected(sample) for name, sample in self.samples.items()}

    def own(self, samples: Mapping[str, Sample]) -> dict[str, Sample]:
        """This process's share of points that all processes have."""
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
        """The factor of the rows of an equation."""
        return (scale / (sample.num_rows * processes.count())) ** 0.5

    def linear_system(self) -> LinearSystem:
        """The rows of a linear problem; with several processes, the triangle of all their rows.

        Raises:
            InputError: the points are the centres and there are several processes.
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
        """The points and values of a pure data problem; None for other problems and for several processes."""
        return values_asked(self.model, self.problem, self.samples) if processes.count() == 1 else None

    def measurements(self) -> list[Measurement]:
        """The rows of a data problem with several kinds of measurements; none for other problems."""
        return measurements_asked(self.model, self.problem, self.samples)

    @property
    def num_rows(self) -> int:
        """The number of rows of this process."""
        return sum(self.samples[name].num_rows * len(scales) for name, scales in self.scales.items() if name in self.samples)

    def equations(self) -> list[tuple[Equation, float]]:
        """Every equation, linearised at the current model, and the factor of its rows."""
        found = linearised(self.problem, self.samples, self.model, self.known)
        return [
            (equation, self.factor(scale, equation.sample))
            for name, equations in found.items()
            for equation, scale in zip(equations, self.scales[name], strict=True)
        ]

    def residual(self) -> Float[Tensor, " R"]:
        """The weighted residuals, differentiable in all trained parameters."""
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
        """The problem at selected points (a list, slice or tensor of indices), with unchanged rows."""
        samples = {name: self.samples[name].rows(rows) for name, rows in chosen.items()}
        scales = {
            name: [scale * sample.num_rows / self.samples[name].num_rows for scale in self.scales[name]]
            for name, sample in samples.items()
        }
        return replace(self, samples=samples, scales=scales)

    def parts(self, size: int) -> Iterator[Posed]:
        """All rows in blocks of one condition and ``size`` points; an integral is one block."""
        for name, sample in self.samples.items():
            step = sample.num_points if sample.weights is not None else size
            for start in range(0, sample.num_points, step):
                yield self.part({name: slice(start, start + step)})


def _collected(sample: Sample) -> Sample:
    """The rows of all processes, without duplicates."""
    sites, data = (tuple(map(processes.collected, part)) for part in (sample.sites, sample.data))
    whole = Sample(sites, None if sample.normal is None else processes.collected(sample.normal), None, data)
    rows, most = whole.num_points, min(processes.count(), whole.num_points) - 1
    twice = next((k for k in range(most, 0, -1) if all(torch.equal(x[-k:], x[:k]) for x in whole.sites)), 0)
    return whole.rows(slice(0, rows - twice)) if twice else whole
