"""The equations of a problem, linearised in the channels of its fields."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.operators import Coefficient, Differentiable, LinearModel, Operator, Recorder, tensors_of
from rbfnet.problems import Condition, Known, Problem, Sample, residuals_of

POINTS = 2**12
"""Number of nodes of an integral per block."""


@dataclass(frozen=True)
class Equation:
    """sum over sites and outputs of ops[site][output] u_output at that site, + rest = 0: at each point, or in its integral."""

    sample: Sample
    ops: list[dict[int, Operator]]
    rest: Tensor

    @property
    def outputs(self) -> set[int]:
        """The outputs that occur in the equation."""
        return {output for ops in self.ops for output in ops}

    def columns(self, model: LinearModel) -> dict[int, Float[Tensor, "R N"]]:
        """The factors of each column of the coefficients that occurs."""
        if self.sample.weights is not None and self.sample.num_points > POINTS:
            # A single row, summed over all nodes.
            return summed(part.columns(model) for part in self._parts())
        sites = zip(self.sample.sites, self.ops, strict=True)
        return {k: self.sample.contract(part) for k, part in summed(model.columns(x, ops) for x, ops in sites if ops).items()}

    def _parts(self) -> Iterator[Equation]:
        """The same in blocks of points."""
        old = tensors_of([op for ops in self.ops for op in ops.values()])
        for start in range(0, self.sample.num_points, POINTS):
            rows = slice(start, start + POINTS)
            new = [tensor[rows] for tensor in old]
            ops = [{output: op.substitute(old, new) for output, op in each.items()} for each in self.ops]
            yield Equation(self.sample.rows(rows), ops, self.rest[rows])

    def alike(self, other: Equation, output: int, others: int) -> bool:
        """Whether another equation has the same operators for another output at the same points."""
        here, there = self.sample, other.sample
        same = [*zip(here.sites, there.sites, strict=False), (here.weights, there.weights)]
        return (
            len(here.sites) == len(there.sites)
            and all(a is b for a, b in same)
            and all(a.get(output) == b.get(others) for a, b in zip(self.ops, other.ops, strict=True))
        )


def summed(parts: Iterable[Mapping[int, Tensor]]) -> dict[int, Tensor]:
    """The sum of tensors with the same number."""
    total: dict[int, Tensor] = {}
    for part in parts:
        for k, tensor in part.items():
            total[k] = total[k] + tensor if k in total else tensor
    return total


def linearised(
    problem: Problem, samples: Mapping[str, Sample], values: Differentiable, known: Known | None = None
) -> dict[str, list[Equation]]:
    """The equations of each condition with points, linearised at the fields of ``values``.

    A residual is a pointwise function of the channels of the field, so one backward pass per equation gives its coefficients at
    every point for any user code.
    """
    found: dict[str, list[Equation]] = {}
    for name, condition in problem.named_conditions().items():
        if name not in samples:
            continue
        sample = samples[name]
        recorders = [Recorder(len(problem.outputs), values) for _ in sample.sites]
        found[name] = equations_of(condition, problem, recorders, sample, known[name] if known else None)
    return found


def equations_of(
    condition: Condition,
    problem: Problem,
    recorders: Sequence[Recorder],
    sample: Sample,
    known: Sequence[Sequence[Operator]] | None = None,
) -> list[Equation]:
    """The equations of one condition."""
    found = []
    for rest, slopes in derivatives(condition, problem, recorders, sample, known):
        ops: list[dict[int, Operator]] = [{} for _ in sample.sites]
        for (site, op, output), slope in slopes.items():
            term = _coefficient(slope) * op
            ops[site][output] = ops[site][output] + term if output in ops[site] else term
        found.append(Equation(sample, ops, rest))
    return found


Slopes = dict[tuple[int, Operator, int], Tensor]
"""The derivative of a residual with respect to each channel (site, operator, output), (B,)."""


def derivatives(
    condition: Condition,
    problem: Problem,
    recorders: Sequence[Recorder],
    sample: Sample,
    known: Sequence[Sequence[Operator]] | None = None,
) -> Sequence[tuple[Tensor, Slopes]]:
    """The residual and channel derivatives of each equation of a condition, at the recorders' values."""
    with torch.enable_grad():
        residuals = residuals_of(problem, condition, recorders, sample, known)
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
    """Replace a constant coefficient by a number, which is cheaper and makes operators comparable."""
    return float(slope[0]) if bool((slope == slope[0]).all()) else slope


class AtZero(Differentiable):
    """A linear model with all coefficients set to zero; only its offset remains."""

    def __init__(self, model: LinearModel) -> None:
        super().__init__()
        self.model = model

    def apply_operators(self, x: Tensor, ops: Sequence[Operator]) -> Tensor:
        outputs = self.model.coefficients.shape[1]
        offsets = [self.model.offset(x, op) for op in ops]
        return torch.stack([x.new_zeros((len(x), outputs)) if o is None else o for o in offsets], dim=-1)
