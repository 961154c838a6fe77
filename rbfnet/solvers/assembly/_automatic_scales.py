"""The automatic scale of each equation."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from rbfnet.operators import LinearModel, Operator
from rbfnet.problems import Problem, Sample, residuals
from rbfnet.solvers.assembly._linearize import AtZero, Equation, linearised

ROWS = 64
"""Number of points at which the scale of a condition is measured."""


def automatic_scales(model: torch.nn.Module, problem: Problem, samples: Mapping[str, Sample]) -> dict[str, list[float]]:
    """The factor of each equation of each condition in the loss: its weight, times

        mean phi_j(x)^2 / mean (L phi_j)(x)^2

    over points x and basis functions phi_j, where L u = 0 is the equation linearised at the zero of the model's coefficients.
    So a unit change of one coefficient changes every equation equally, whatever its derivatives and coefficients, and the loss
    has the units of u^2. An equation for the values themselves has scale 1. Outputs are measured in the units of the problem, if
    it has any. For basis functions wider than the domain this would be too large: the scale is at most that of functions that
    vary over the whole domain, 1 / max c^2 / l^2 over the terms c d^alpha u, where l is the product of the sides of the box
    along alpha.

    Models that are nonlinear in their coefficients, and equations without a linear part, have scale 1.

    Example:
        >>> import torch
        >>> from rbfnet.nn import RBFNetwork
        >>> from rbfnet.problems import Poisson
        >>> from rbfnet.solvers import automatic_scales
        >>> problem, net = Poisson(), RBFNetwork(2, 1, 50, dtype=torch.float64)
        >>> sorted(automatic_scales(net, problem, problem.sample()))
        ['dirichlet', 'interior']
    """
    few = {name: sample if sample.weights is not None else sample.rows(_spread(sample)) for name, sample in samples.items()}
    conditions = problem.named_conditions()
    if not isinstance(model, LinearModel):
        return {name: [conditions[name].weight] * len(values) for name, _, values in residuals(problem, model, few)}
    units = problem.units()
    sizes = [1.0] * len(problem.outputs) if units is None else units.output_scale.tolist()
    sides = (problem.domain.box[1] - problem.domain.box[0]).tolist()
    with torch.no_grad():
        return {
            name: [conditions[name].weight * _scale(model, equation, sizes, sides) for equation in equations]
            for name, equations in linearised(problem, few, AtZero(model)).items()
        }


def mean_square(model: LinearModel, samples: Mapping[str, Sample]) -> float:
    """The largest mean of u^2 over sample points of a condition."""
    few = [sample.rows(_spread(sample)).sites[0] for sample in samples.values()]
    with torch.no_grad():
        return max(float(model.apply_operator(x, Operator.identity()).square().mean()) for x in few)


def _scale(model: LinearModel, equation: Equation, sizes: list[float], sides: list[float]) -> float:
    x = equation.sample.sites[0]
    value = _values(model, x[_spread(equation.sample)])
    rows = sum(float((sizes[k] * factors).square().mean()) for k, factors in equation.columns(model).items())
    scale = float(value) / rows if rows else 1.0
    if not 0 < scale < math.inf:
        scale = 1.0
    least = max(_least(equation, sizes, sides), default=0.0)
    return rounded(min(scale, 1 / least**2) if least > 0 else scale)


def _values(model: LinearModel, x: Tensor) -> Tensor:
    """The mean square of the basis functions; of an output that depends on several columns, the sum over these."""
    if not model.coupled:
        return model.features(x, Operator.identity()).square().mean()
    each = [model.columns(x, {o: Operator.identity()}).values() for o in model.coupled]
    return torch.stack([part.square().mean() for parts in each for part in parts]).sum() / len(each)


def _least(equation: Equation, sizes: list[float], sides: list[float]) -> Iterator[float]:
    """A lower bound on the size of each term, for a function of order one that varies over the whole domain."""
    for x, ops in zip(equation.sample.sites, equation.ops, strict=True):
        for output, op in ops.items():
            for along, c in op.over(*x.shape).written_out(len(sides)):
                coefficient = float(c.square().mean().sqrt()) if isinstance(c, Tensor) else abs(c)
                yield sizes[output] * coefficient / math.prod(sides[i] for i in along)


def rounded(scale: float) -> float:
    """Round scales, so that similar equations have equal scales."""
    return float(f"{scale:.3g}")


def _spread(sample: Sample) -> Tensor:
    n = sample.num_points
    return torch.arange(n) if n <= ROWS else torch.linspace(0, n - 1, ROWS, dtype=torch.float64).round().long()
