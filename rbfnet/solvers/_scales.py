"""The automatic scale of each equation."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from rbfnet.operators import LinearModel, Operator
from rbfnet.problems import Problem, Sample
from rbfnet.solvers._equation import AtZero, Equation, linearised

ROWS = 64
"""How many points of a condition its scale is measured at."""


def automatic_scales(model: torch.nn.Module, problem: Problem, samples: Mapping[str, Sample]) -> dict[str, list[float]]:
    """What each equation of each condition is multiplied by in the loss: its weight, times

        mean phi_j(x)^2 / mean (L phi_j)(x)^2

    over points x and basis functions phi_j, where L u = 0 is the equation linearised at the zero of the model's coefficients.
    So a change of one coefficient by one changes every equation alike, whatever derivatives and coefficients it has, and the
    loss has the units of u^2. An equation on the values themselves has the scale 1. Outputs are counted in the units of the
    problem, where it has any.

    Models that are not linear in their coefficients, and equations without any linear part, have the scale 1.
    """
    few = {name: sample if sample.weights is not None else sample.rows(_spread(sample)) for name, sample in samples.items()}
    conditions = problem.named_conditions()
    if not isinstance(model, LinearModel):
        return {
            name: [condition.weight]
            * len(condition.equations(problem.fields([model] * len(few[name].sites), few[name]), few[name].data))
            for name, condition in conditions.items()
        }
    units = problem.units()
    sizes = [1.0] * len(problem.outputs) if units is None else units.output_scale.tolist()
    with torch.no_grad():
        return {
            name: [conditions[name].weight * _scale(model, equation, sizes) for equation in equations]
            for name, equations in linearised(problem, few, AtZero(model)).items()
        }


def _scale(model: LinearModel, equation: Equation, sizes: list[float]) -> float:
    x = equation.sample.sites[0]
    value = model.features(x[_spread(equation.sample)], Operator.identity()).square().mean()
    rows = sum(float((sizes[o] * equation.features(model, o)).square().mean()) for o in equation.outputs)
    scale = float(value) / rows if rows else 1.0
    # Rounded, so that equations that are alike have scales that are alike.
    return float(f"{scale:.3g}") if 0 < scale < float("inf") else 1.0


def _spread(sample: Sample) -> Tensor:
    n = sample.num_points
    return torch.arange(n) if n <= ROWS else torch.linspace(0, n - 1, ROWS, dtype=torch.float64).round().long()
