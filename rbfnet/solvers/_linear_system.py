"""The linear system of a linear problem for a linear model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError
from rbfnet.operators import Coefficient, Differentiable, LinearModel, Operator, Recorder
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
class Equation:
    """sum over sites and outputs of ops[site][output] u_output at that site, + rest = 0: at each point, or in its integral."""

    sample: Sample
    ops: list[dict[int, Operator]]
    rest: Tensor

    @property
    def outputs(self) -> set[int]:
        """The outputs that take part."""
        return {output for ops in self.ops for output in ops}

    def features(self, model: LinearModel, output: int) -> Float[Tensor, "R N"]:
        """What multiplies the coefficients of one output."""
        total: Tensor | float = 0.0
        for x, ops in zip(self.sample.sites, self.ops, strict=True):
            if output in ops:
                total = total + model.features(x, ops[output])
        return self.sample.contract(cast(Tensor, total))

    def alike(self, other: Equation, output: int, others: int) -> bool:
        """Whether it asks of one output what another equation asks of another, at the same points."""
        here, there = self.sample, other.sample
        same = [*zip(here.sites, there.sites, strict=False), (here.weights, there.weights)]
        return (
            len(here.sites) == len(there.sites)
            and all(a is b for a, b in same)
            and all(a.get(output) == b.get(others) for a, b in zip(self.ops, other.ops, strict=True))
        )


Scales = Mapping[str, Sequence[float]]
"""For each condition what each of its equations is multiplied by in the loss."""


def linear_system(model: LinearModel, problem: Problem, samples: dict[str, Sample], scales: Scales | None = None) -> LinearSystem:
    """Assemble the rows of all conditions.

    A residual is a pointwise function of the channels of the field, so one backward pass an equation gives its
    coefficients at every point; what multiplies the unknowns is then one operator with these coefficients, applied to the basis,
    summed over the sites of the condition and contracted with its quadrature.

    Args:
        model, problem, samples: whose rows they are.
        scales: what :func:`automatic_scales` gives; None takes the weights of the conditions as they are.
    """
    weights = {name: condition.weight for name, condition in problem.named_conditions().items()}
    equations = [
        _normalised(equation, (scale / equation.sample.num_rows) ** 0.5)
        for name, found in linearised(model, problem, samples).items()
        for equation, scale in zip(found, scales[name] if scales else [weights[name]] * len(found), strict=True)
    ]
    outputs = len(problem.outputs)
    if blocks := _blocks(equations, outputs):
        # Every operator is asked of every output alike: one matrix, one right-hand side an output.
        matrix = torch.cat([scale * equation.features(model, 0) for (equation, scale), *_ in blocks])
        target = torch.cat([torch.stack([-b[0][1] * e.sample.contract(e.rest) for e, _ in b], dim=1) for b in blocks])
        return LinearSystem(matrix, target, model.moments() if _values_only(blocks) else None)
    matrix = torch.cat([scale * _stacked(model, equation, outputs) for equation, scale in equations])
    target = torch.cat([-scale * equation.sample.contract(equation.rest) for equation, scale in equations])
    return LinearSystem(matrix, target[:, None], None)


def linearised(model: LinearModel, problem: Problem, samples: dict[str, Sample]) -> dict[str, list[Equation]]:
    """The equations of each condition, linearised where all coefficients of the model are zero."""
    found: dict[str, list[Equation]] = {}
    for name, condition in problem.named_conditions().items():
        sample = samples[name]
        recorders = [Recorder(len(problem.outputs), AtZero(model)) for _ in sample.sites]
        found[name] = []
        for rest, derivatives in _derivatives(condition, problem, recorders, sample):
            ops: list[dict[int, Operator]] = [{} for _ in sample.sites]
            for (site, op, output), slope in derivatives.items():
                term = _coefficient(slope) * op
                ops[site][output] = ops[site][output] + term if output in ops[site] else term
            found[name].append(Equation(sample, ops, rest))
    return found


def require_linear(problem: Problem, samples: dict[str, Sample], advice: str) -> None:
    """Raise InputError, naming the condition, where a residual is not linear in the field.

    A linear residual has the same derivative in its channels whatever their values are.
    """
    for name, condition in problem.named_conditions().items():
        # Values of either sign and of several sizes: a function of the solution's sign or size is not linear.
        sample = samples[name]
        draws = [
            _derivatives(condition, problem, [Recorder(len(problem.outputs), scale=s) for _ in sample.sites], sample)
            for s in (1e-3, 1.0, 1e3)
        ]
        for equation in zip(*draws, strict=True):
            if not any(by_channel for _, by_channel in equation):
                raise InputError(f"Condition {name!r} does not depend on the solution; its residual must use the field.")
            slopes = [list(by_channel.values()) for _, by_channel in equation]
            # Channels are compared in their order: a direction made inside the residual is a new tensor each time.
            names = {tuple((site, str(op), output) for site, op, output in by_channel) for _, by_channel in equation}
            same = len(names) == 1 and all(
                torch.allclose(a, b, rtol=1e-9, atol=1e-12) for other in slopes[1:] for a, b in zip(slopes[0], other, strict=True)
            )
            if not same:
                raise InputError(f"Condition {name!r} of {type(problem).__name__} is not linear in the solution; {advice}.")


Scaled = tuple[Equation, float]
"""An equation, and what its rows are multiplied by."""


def _blocks(equations: Sequence[Scaled], outputs: int) -> list[list[Scaled]]:
    """Equations that ask the same of each output, in the order of the outputs; nothing where that is not all there is."""
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
    # The weights of one block against another matter, those of the outputs among each other do not.
    alike = len(complete) == 1 or all(len({scale for _, scale in block}) == 1 for block in complete)
    return complete if alike else []


def _values_only(blocks: list[list[Scaled]]) -> bool:
    """Whether all that is asked is values at points."""
    equation = blocks[0][0][0]
    return len(blocks) == 1 and equation.sample.weights is None and equation.ops == [{0: Operator.identity()}]


def _normalised(equation: Equation, scale: float) -> Scaled:
    """An equation that is a number times one derivative of one output at one site, with the number moved into the scale."""
    if len(equation.ops) == 1 and len(equation.ops[0]) == 1:
        ((output, op),) = equation.ops[0].items()
        if len(op.terms) == 1 and not isinstance(factor := op.terms[0][1], Tensor):
            bare = Operator.of([(op.terms[0][0], 1.0)])
            return Equation(equation.sample, [{output: bare}], equation.rest / factor), scale * abs(factor)
    return equation, scale


Slopes = dict[tuple[int, Operator, int], Tensor]
"""For each channel (site, operator, output) the derivative of a residual in it, (B,)."""


def _derivatives(
    condition: Condition, problem: Problem, recorders: Sequence[Recorder], sample: Sample
) -> Sequence[tuple[Tensor, Slopes]]:
    """For each equation of a condition its residual and the derivatives in its channels, at the recorders' values."""
    with torch.enable_grad():
        residuals = condition.equations(problem.fields(recorders, sample), sample.data)
        channels = [(site, op) for site, recorder in enumerate(recorders) for op in recorder.channels]
        leaves = [leaf for recorder in recorders for leaf in recorder.channels.values()]
        found = []
        for residual in residuals:
            slopes: Slopes = {}
            if residual.requires_grad and leaves:
                grads = torch.autograd.grad(residual.sum(), leaves, retain_graph=True, allow_unused=True)
                slopes = {
                    (site, op, o): grad[:, o]
                    for (site, op), grad in zip(channels, grads, strict=True)
                    if grad is not None
                    for o in range(grad.shape[1])
                    if grad[:, o].any()
                }
            found.append((residual.detach(), slopes))
    return found


def _coefficient(slope: Tensor) -> Coefficient:
    """A coefficient that is the same at all points is a number, which is cheaper and makes operators comparable."""
    return float(slope[0]) if bool((slope == slope[0]).all()) else slope


class AtZero(Differentiable):
    """A linear model with all its coefficients set to zero: what is left is its offset."""

    def __init__(self, model: LinearModel) -> None:
        super().__init__()
        self.model = model

    def apply_operators(self, x: Tensor, ops: Sequence[Operator]) -> Tensor:
        outputs = self.model.coefficients.shape[1]
        offsets = [self.model.offset(x, op) for op in ops]
        return torch.stack([x.new_zeros((len(x), outputs)) if o is None else o for o in offsets], dim=-1)


def _stacked(model: LinearModel, equation: Equation, outputs: int) -> Tensor:
    """The rows of an equation with the unknowns of all outputs side by side."""
    columns, sample = model.coefficients.shape[0], equation.sample
    zero = sample.sites[0].new_zeros((sample.num_rows, columns))
    return torch.cat([equation.features(model, o) if o in equation.outputs else zero for o in range(outputs)], dim=1)
