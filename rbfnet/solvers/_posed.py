"""What a solver that solves is handed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.operators import LinearModel
from rbfnet.problems import Problem, Sample
from rbfnet.solvers._equation import Equation, Known, linearised
from rbfnet.solvers._linear_system import LinearSystem, Scales, linear_system


@dataclass(frozen=True)
class Posed:
    """A problem for a model, with points and scales: all that its rows are made of, from where the model is.

    The rows are weighted: the loss is the sum of their squares.

    Attributes:
        model, problem: which share their unknowns with whoever changes them.
        samples: the points of each condition, those of this process.
        scales: what :func:`rbfnet.solvers.automatic_scales` gives.
        known: the operators each condition needs.
        prior: for each parameter of the problem that is trained a further row, what it is multiplied by; none if None.
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

    @staticmethod
    def factor(scale: float, sample: Sample) -> float:
        """What the rows of an equation are multiplied by."""
        return (scale / sample.num_rows) ** 0.5

    def linear_system(self) -> LinearSystem:
        """The rows of a linear problem."""
        return linear_system(self.model, self.problem, dict(self.samples), self.scales)

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
        for name, condition in self.problem.named_conditions().items():
            sample = self.samples[name]
            fields = self.problem.fields([self.model] * len(sample.sites), sample, self.known[name] if self.known else None)
            for values, scale in zip(condition.equations(fields, sample.data), self.scales[name], strict=True):
                rows.append(self.factor(scale, sample) * sample.contract(values))
        if self.prior is not None:
            rows.append(self.prior * torch.cat([p.reshape(-1) for p in self.parameters]))
        return torch.cat(rows)
