"""The linear system of a linear problem for a linear model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.operators import LinearModel, Operator
from rbfnet.problems import Problem, Sample
from rbfnet.solvers.assembly._linearize import AtZero, Equation, linearised


@dataclass(frozen=True)
class LinearSystem:
    """Weighted rows of the problem min |matrix @ unknowns - target|^2, where ``unknowns`` are the model's coefficients.

    If no equation couples outputs and all outputs have the same operators, ``target`` has one column per output and
    ``unknowns`` is (N, O); otherwise the outputs are stacked and it is (N O, 1). ``moments`` (N, T) is given if the rows are only
    values at points, so that the model may interpolate; the rows are not weighted then.

    Example:
        >>> import torch
        >>> from rbfnet.nn import RBFNetwork
        >>> from rbfnet.problems import Poisson
        >>> from rbfnet.solvers import linear_system
        >>> problem, net = Poisson(), RBFNetwork(2, 1, 50, epsilon=2.0, dtype=torch.float64)
        >>> system = linear_system(net, problem, problem.sample())
        >>> unknowns = torch.linalg.lstsq(system.matrix, system.target).solution
        >>> net.set_coefficients(system.as_coefficients(unknowns, 1))
    """

    matrix: Float[Tensor, "R U"]
    target: Float[Tensor, "R C"]
    moments: Float[Tensor, "N T"] | None

    def as_coefficients(self, unknowns: Float[Tensor, "U C"], num_outputs: int) -> Float[Tensor, "N O"]:
        """The unknowns in the shape of the model's coefficients."""
        return unknowns if unknowns.shape[1] == num_outputs else unknowns.reshape(num_outputs, -1).T


@dataclass(frozen=True)
class Values:
    """The equations of a pure data problem: features(x) @ unknowns = target.

    Attributes:
        x: (N, D). target: (N, O), for unknowns (U, O).
    """

    x: Float[Tensor, "N D"]
    target: Float[Tensor, "N O"]


Scales = Mapping[str, Sequence[float]]
"""The factors of the equations of each condition in the loss."""


def linear_system(model: LinearModel, problem: Problem, samples: dict[str, Sample], scales: Scales | None = None) -> LinearSystem:
    """Assemble the rows of all conditions.

    The matrix of an equation is a linear operator (``linearised``) applied to the basis, summed over the sites of the
    condition and contracted with its quadrature.

    Args:
        model, problem, samples: the model, the problem and its points.
        scales: as returned by :func:`automatic_scales`; None uses the weights of the conditions unchanged.

    Example:
        >>> import torch
        >>> from rbfnet.nn import RBFNetwork
        >>> from rbfnet.problems import Poisson
        >>> from rbfnet.solvers import linear_system
        >>> problem, net = Poisson(num_interior=80, num_boundary=40), RBFNetwork(2, 1, 50, dtype=torch.float64)
        >>> system = linear_system(net, problem, problem.sample())
        >>> system.matrix.shape, system.target.shape
        (torch.Size([120, 50]), torch.Size([120, 1]))
    """
    weights = {name: condition.weight for name, condition in problem.named_conditions().items()}
    equations = [
        normalised(equation, (scale / equation.sample.num_rows) ** 0.5)
        for name, found in linearised(problem, samples, AtZero(model)).items()
        for equation, scale in zip(found, scales[name] if scales else [weights[name]] * len(found), strict=True)
    ]
    outputs = len(problem.outputs)
    if blocks := [] if model.coupled else alike_for_all(equations, outputs):
        # All outputs have the same operators: one matrix, and one right-hand side per output.
        if _values_only(blocks):
            # One block: its scale would only change the meaning of smoothing.
            blocks = [[(equation, 1.0) for equation, _ in block] for block in blocks]
        found = [_times(scale, equation.columns(model)[0]) for (equation, scale), *_ in blocks]
        matrix = found[0] if len(found) == 1 else torch.cat(found)
        target = torch.cat([torch.stack([-b[0][1] * e.sample.contract(e.rest) for e, _ in b], dim=1) for b in blocks])
        return LinearSystem(matrix, target, model.moments() if _values_only(blocks) else None)
    matrix = torch.cat([scale * stacked(model, equation, outputs) for equation, scale in equations])
    target = torch.cat([-scale * equation.sample.contract(equation.rest) for equation, scale in equations])
    return LinearSystem(matrix, target[:, None], None)


def values_asked(model: LinearModel, problem: Problem, samples: Mapping[str, Sample]) -> Values | None:
    """The points and values of a pure data problem, for a model with centres; None for other problems."""
    if len(samples) > 1 or model.moments() is None:
        return None
    equations = [normalised(e, 1.0) for found in linearised(problem, samples, AtZero(model)).values() for e in found]
    blocks = alike_for_all(equations, len(problem.outputs))
    if not blocks or not _values_only(blocks):
        return None
    (first, _), *_ = blocks[0]
    return Values(first.sample.sites[0], torch.stack([-equation.rest for equation, _ in blocks[0]], dim=1))


def _times(scale: float, rows: Tensor) -> Tensor:
    # The matrix of all pairs of data and centres is large; avoid a copy for a factor of one.
    return rows if scale == 1.0 else scale * rows


Scaled = tuple[Equation, float]
"""An equation and the factor of its rows."""


def alike_for_all(equations: Sequence[Scaled], outputs: int) -> list[list[Scaled]]:
    """Equations that are the same for each output, in the order of the outputs; empty if there are others."""
    blocks: list[list[Scaled | None]] = []
    for equation, scale in equations:
        if len(equation.outputs) != 1:
            return []
        (output,) = equation.outputs
        for block in blocks:
            o, other = next((o, e[0]) for o, e in enumerate(block) if e is not None)
            if block[output] is None and equation.alike(other, output, o):
                block[output] = (equation, scale)
                break
        else:
            blocks.append([(equation, scale) if o == output else None for o in range(outputs)])
    if any(e is None for block in blocks for e in block):
        return []
    complete = cast(list[list[Scaled]], blocks)
    # Relative weights of blocks matter; those of the outputs within a block do not.
    alike = len(complete) == 1 or all(len({scale for _, scale in block}) == 1 for block in complete)
    return complete if alike else []


def _values_only(blocks: list[list[Scaled]]) -> bool:
    """Whether all equations are values at points."""
    equation = blocks[0][0][0]
    return len(blocks) == 1 and equation.sample.weights is None and equation.ops == [{0: Operator.identity()}]


def normalised(equation: Equation, scale: float) -> Scaled:
    """Move the constant factor of a single-term equation into its scale."""
    if len(equation.ops) == 1 and len(equation.ops[0]) == 1:
        ((output, op),) = equation.ops[0].items()
        if len(op.terms) == 1 and not isinstance(factor := op.terms[0][1], Tensor):
            bare = Operator.of([(op.terms[0][0], 1.0)])
            return Equation(equation.sample, [{output: bare}], equation.rest / factor), scale * abs(factor)
    return equation, scale


def stacked(model: LinearModel, equation: Equation, outputs: int) -> Tensor:
    """The rows of an equation with the unknowns of all outputs side by side."""
    size, sample, found = model.coefficients.shape[0], equation.sample, equation.columns(model)
    zero = sample.sites[0].new_zeros((sample.num_rows, size))
    return torch.cat([found.get(o, zero) for o in range(outputs)], dim=1)
