"""The linear system of a linear problem for a linear model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError
from rbfnet.operators import Coefficient, Differentiable, Field, LinearModel, Operator, Recorder
from rbfnet.problems import Condition, Problem, Sample


@dataclass(frozen=True)
class LinearSystem:
    """Weighted rows: what is to be least is |matrix @ unknowns - target|^2, where ``unknowns`` are the model's coefficients.

    Where no equation couples outputs, and all outputs have the same operators, there is one column of ``target`` for each
    output and ``unknowns`` is (N, O); otherwise the outputs are stacked and it is (N O, 1).

    ``moments`` (N, T) is given where the rows are nothing but values at points, so that the model may interpolate.
    """

    matrix: Float[Tensor, "R U"]
    target: Float[Tensor, "R C"]
    moments: Float[Tensor, "N T"] | None

    def as_coefficients(self, unknowns: Float[Tensor, "U C"], num_outputs: int) -> Float[Tensor, "N O"]:
        """The unknowns in the shape of the model's coefficients."""
        return unknowns if unknowns.shape[1] == num_outputs else unknowns.reshape(num_outputs, -1).T


@dataclass(frozen=True)
class _Equation:
    """sum over outputs of ops[o] u_o + rest = 0 at the points x, weighted."""

    x: Tensor
    ops: dict[int, Operator]
    rest: Tensor
    scale: float


def linear_system(model: LinearModel, problem: Problem, samples: dict[str, Sample]) -> LinearSystem:
    """Assemble the rows of all conditions.

    A residual is a pointwise function of the channels of the field, so one backward pass an equation gives its
    coefficients at every point; what multiplies the unknowns is then one operator with these coefficients, applied to the basis.
    """
    equations = [
        equation
        for name, condition in problem.named_conditions().items()
        for equation in _equations(model, problem, condition, samples[name])
    ]
    outputs = len(problem.outputs)
    blocks: dict[tuple[int, Operator], dict[int, _Equation]] = {}
    for equation in equations:
        if len(equation.ops) == 1:
            ((output, op),) = equation.ops.items()
            blocks.setdefault((id(equation.x), op), {})[output] = equation
    complete = sum(map(len, blocks.values())) == len(equations) and all(len(b) == outputs for b in blocks.values())
    # The weights of one block against another matter, those of the outputs among each other do not.
    alike = len(blocks) == 1 or all(len({e.scale for e in b.values()}) == 1 for b in blocks.values())
    if complete and alike:
        # Every operator is asked of every output alike: one matrix, one right-hand side an output.
        matrix = torch.cat([b[0].scale * model.features(b[0].x, op) for (_, op), b in blocks.items()])
        target = torch.cat([-b[0].scale * torch.stack([b[o].rest for o in range(outputs)], dim=1) for b in blocks.values()])
        values_only = all(not op.tensors and op == Operator.identity() for _, op in blocks) and len(blocks) == 1
        return LinearSystem(matrix, target, model.moments() if values_only else None)
    matrix = torch.cat([e.scale * _stacked(model, e, outputs) for e in equations])
    return LinearSystem(matrix, torch.cat([-e.scale * e.rest for e in equations])[:, None], None)


def require_linear(problem: Problem, samples: dict[str, Sample], advice: str) -> None:
    """Raise InputError, naming the condition, where a residual is not linear in the field.

    A linear residual has the same derivative in its channels whatever their values are.
    """
    for name, condition in problem.named_conditions().items():
        # Values of either sign and of several sizes: a function of the solution's sign or size is not linear.
        draws = [
            _derivatives(condition, problem, Recorder(len(problem.outputs), scale=s), samples[name]) for s in (1e-3, 1.0, 1e3)
        ]
        for equation in zip(*draws, strict=True):
            if not any(by_channel for _, by_channel in equation):
                raise InputError(f"Condition {name!r} does not depend on the solution; its residual must use the field.")
            slopes = [list(by_channel.values()) for _, by_channel in equation]
            # Channels are compared in their order: a direction made inside the residual is a new tensor each time.
            names = {tuple((str(op), output) for op, output in by_channel) for _, by_channel in equation}
            same = len(names) == 1 and all(
                torch.allclose(a, b, rtol=1e-9, atol=1e-12) for other in slopes[1:] for a, b in zip(slopes[0], other, strict=True)
            )
            if not same:
                raise InputError(f"Condition {name!r} of {type(problem).__name__} is not linear in the solution; {advice}.")


def _equations(model: LinearModel, problem: Problem, condition: Condition, sample: Sample) -> list[_Equation]:
    found = []
    x = sample[0]
    recorder = Recorder(len(problem.outputs), _AtZero(model))
    for rest, derivatives in _derivatives(condition, problem, recorder, sample):
        ops: dict[int, Operator] = {}
        for (op, output), slope in derivatives.items():
            term = _coefficient(slope) * op
            ops[output] = ops[output] + term if output in ops else term
        found.append(_normalised(_Equation(x, ops, rest, (condition.weight / len(x)) ** 0.5)))
    return found


def _normalised(equation: _Equation) -> _Equation:
    """An equation that is a number times one derivative of one output, with the number moved into the scale."""
    if len(equation.ops) == 1:
        ((output, op),) = equation.ops.items()
        if len(op.terms) == 1 and not isinstance(factor := op.terms[0][1], Tensor):
            bare = Operator.of([(op.terms[0][0], 1.0)])
            return _Equation(equation.x, {output: bare}, equation.rest / factor, equation.scale * abs(factor))
    return equation


Slopes = dict[tuple[Operator, int], Tensor]
"""For each channel (operator, output) the derivative of a residual in it, (B,)."""


def _derivatives(condition: Condition, problem: Problem, recorder: Recorder, sample: Sample) -> Sequence[tuple[Tensor, Slopes]]:
    """For each equation of a condition its residual and the derivatives in its channels, at the recorder's values."""
    x, *extra = sample
    with torch.enable_grad():
        residuals = condition.equations(Field(recorder, x, problem.domain.coords, problem.outputs), *extra)
        ops, leaves = list(recorder.channels), list(recorder.channels.values())
        found = []
        for residual in residuals:
            slopes: Slopes = {}
            if residual.requires_grad:
                grads = torch.autograd.grad(residual.sum(), leaves, retain_graph=True, allow_unused=True)
                slopes = {
                    (op, o): grad[:, o]
                    for op, grad in zip(ops, grads, strict=True)
                    if grad is not None
                    for o in range(grad.shape[1])
                    if grad[:, o].any()
                }
            found.append((residual.detach(), slopes))
    return found


def _coefficient(slope: Tensor) -> Coefficient:
    """A coefficient that is the same at all points is a number, which is cheaper and makes operators comparable."""
    return float(slope[0]) if bool((slope == slope[0]).all()) else slope


class _AtZero(Differentiable):
    """A linear model with all its coefficients set to zero: what is left is its offset."""

    def __init__(self, model: LinearModel) -> None:
        super().__init__()
        self.model = model

    def apply_operators(self, x: Tensor, ops: Sequence[Operator]) -> Tensor:
        outputs = self.model.coefficients.shape[1]
        offsets = [self.model.offset(x, op) for op in ops]
        return torch.stack([x.new_zeros((len(x), outputs)) if o is None else o for o in offsets], dim=-1)


def _stacked(model: LinearModel, equation: _Equation, outputs: int) -> Tensor:
    """The rows of an equation with the unknowns of all outputs side by side."""
    columns = model.coefficients.shape[0]
    parts = [
        model.features(equation.x, equation.ops[o]) if o in equation.ops else equation.x.new_zeros((len(equation.x), columns))
        for o in range(outputs)
    ]
    return torch.cat(parts, dim=1)
