"""How far a solution is likely to be from the truth, and whether its conditions determine it at all."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.operators import LinearModel, Operator
from rbfnet.problems import Interior, Problem, Sample
from rbfnet.solvers import _processes
from rbfnet.solvers._factored import Factored
from rbfnet.solvers._posed import Posed
from rbfnet.solvers._unknowns import Unknowns
from rbfnet.solvers._yardstick import Miss

COLUMNS, ROWS = 1500, 3
"""Unknowns that take part at most, and rows for each of them: beyond, a random part stands for all."""

POINTS = 1000
"""Where the size of a function is measured."""

HONEST = 2.0
"""What the correction is multiplied by: measured on the zoo, it is .4 to 1 times the error (``scripts/verdicts.py``)."""

FREE = 100.0
"""A change of the solution that its equations feel this many times less than by its size is suspected to be free."""

STEADY = 10.0
"""The constant of a problem is the same in any space that resolves it. That of a free change grows with the space by more."""

STEPS = 20
"""Of the power iteration."""


@dataclass(frozen=True)
class Estimate:
    """What can be said of the error without knowing the truth.

    Attributes:
        errors: for each output the likely error, relative L2.
        error: of all outputs together, as ``rel_l2`` of :func:`rbfnet.training.errors`.
        constant: the largest |e| / |J e|: how much larger than what the equations miss, both relative, an error can be.
        determined: there is no change of the solution that satisfies all (homogeneous) conditions.
        free: the outputs that such a change is made of. flat: it is a constant in each of them.
        unknowns: for each trained parameter of the problem, by name, how large an error of it can be, relative to it.
    """

    errors: dict[str, float]
    error: float
    constant: float
    determined: bool
    free: tuple[str, ...]
    flat: bool
    unknowns: dict[str, float]


@torch.no_grad()
def estimate(model: LinearModel, problem: Problem, samples: Mapping[str, Sample], misses: Sequence[Miss]) -> Estimate | None:
    """The error by the residual at new points, sent through the linearised system.

    The rows of the linearised equations at points that have not been used, each equation relative to the size of its terms, are
    J e = -r for a change e of the solution. Its least-squares solution in the space of the model is small where the solution
    has no reason to change: the correction, times :data:`HONEST`, is the estimate. Whatever the residual, |e| <= C |J e| with

        C = max |e| / |J e|,

    found by power iteration on the factors. Where nothing determines the solution (no boundary condition, a free constant,
    resonance) C is as large as the space is good at representing what is free: in two thirds of the space it is far smaller,
    where the constant of a problem that is merely sensitive is the same.

    Source: for estimates by correction Skeel, Math. Comp. 49 (1986) (defect correction); for |e| <= C |r| the inf-sup constant
    of least-squares methods, Bochev and Gunzburger, Least-Squares Finite Element Methods (2009).

    Args:
        model, problem: the solution, where it is.
        samples: points for each condition that have not been used.
        misses: what :func:`rbfnet.solvers._yardstick.misses` says at these.

    Returns:
        None where the system is not finite or has no solution to be compared with (no equations in a domain).
    """
    sizes = {(miss.condition, miss.equation): miss.size for miss in misses}
    scales = {
        name: [_processes.count() / (sizes[name, k] or 1.0) ** 2 for k in range(sum(key[0] == name for key in sizes))]
        for name in samples
    }
    unknowns = Unknowns(model, problem, shapes=False)
    count = min(COLUMNS, unknowns.num_linear)
    few = _fewer(samples, scales, ROWS * count)
    residual, jacobian = unknowns.linearization(Posed(model, problem, few, scales))
    inside = [few[name].sites[0] for name, c in problem.named_conditions().items() if name in few and isinstance(c, Interior)]
    if not inside or not torch.isfinite(jacobian).all() or not torch.isfinite(residual).all():
        return None
    x = torch.cat(inside)
    x = x[torch.linspace(0, len(x) - 1, min(POINTS, len(x))).long()]
    chosen = _spread(unknowns.num_linear, count, len(unknowns), jacobian.device)
    space = _Space(model, x, len(problem.outputs), chosen[:count])
    factored = Factored(jacobian[:, chosen])
    if factored.wide:
        return None
    correction = factored.solve(-residual[:, None], refinements=1)[:, 0]
    changes = HONEST * space.of(correction[:count])
    largest, worst = constant(factored, space)
    some = torch.arange(len(chosen), device=chosen.device)
    some = some[some % 3 != 0]
    smaller, _ = constant(Factored(jacobian[:, chosen[some]]), space.part(some[some < count]))
    determined = largest < FREE or largest < STEADY * smaller
    shape = space.of(worst)
    names = problem.outputs
    free = () if determined else tuple(n for n, s in zip(names, shape.tolist(), strict=True) if s > 0.1 * float(shape.norm()))
    return Estimate(
        dict(zip(names, changes.tolist(), strict=True)),
        float((changes * space.sizes).norm() / (space.sizes.norm() or 1.0)),
        largest,
        determined,
        free,
        not determined and space.flat(worst),
        _sensitivities(problem, factored, count, float(residual.norm())),
    )


class _Space:
    """The functions of a model at some points, each output relative to what it is there.

    Args:
        model: the model. x: points. outputs: how many. columns: which coefficients, of all outputs one after the other.
    """

    def __init__(self, model: LinearModel, x: Tensor, outputs: int, columns: Tensor) -> None:
        self.features = model.features(x, Operator.identity())
        values = model.apply_operator(x, Operator.identity())
        self.sizes = values.square().mean(dim=0).sqrt()
        self.columns, self.outputs = columns, outputs

    def part(self, chosen: Tensor) -> _Space:
        """With some of the columns alone."""
        part = object.__new__(_Space)
        part.features, part.sizes, part.outputs, part.columns = self.features, self.sizes, self.outputs, self.columns[chosen]
        return part

    def values(self, coefficients: Float[Tensor, " n"]) -> Float[Tensor, "B O"]:
        """Relative values of a function, so scaled that the sum of squares is the square of its size."""
        whole = coefficients.new_zeros(self.features.shape[1] * self.outputs)
        whole[self.columns] = coefficients
        return self.features @ whole.reshape(self.outputs, -1).T / self._scale

    def back(self, values: Float[Tensor, "B O"]) -> Float[Tensor, " n"]:
        """The transpose of :meth:`values`."""
        return (self.features.T @ (values / self._scale)).T.reshape(-1)[self.columns]

    def of(self, coefficients: Float[Tensor, " n"]) -> Float[Tensor, " O"]:
        """The size of each output of a function."""
        return self.values(coefficients).norm(dim=0)

    def flat(self, coefficients: Float[Tensor, " n"]) -> bool:
        """Whether a function is a constant in each output."""
        values = self.values(coefficients)
        return float((values - values.mean(dim=0)).norm()) < 0.01 * float(values.norm())

    @property
    def _scale(self) -> Tensor:
        return len(self.features) ** 0.5 * torch.where(self.sizes > 0, self.sizes, 1.0)


def constant(factored: Factored, space: _Space) -> tuple[float, Tensor]:
    """The largest |e| / |J e|, and the e with J e of length one that has it, by its coefficients."""
    triangle, scale, count = factored.damped_triangle(), factored.scale[:, 0], len(space.columns)
    y = torch.cos(torch.arange(len(triangle), dtype=triangle.dtype, device=triangle.device))[:, None]
    largest, e = 0.0, scale
    for _ in range(STEPS):
        y = y / y.norm()
        e = torch.linalg.solve_triangular(triangle, y, upper=True)[:, 0] / scale
        values = space.values(e[:count])
        largest = float(values.norm())
        back = torch.cat([space.back(values), e.new_zeros(len(e) - count)]) / scale
        y = torch.linalg.solve_triangular(triangle.T, back[:, None], upper=False)
        if not math.isfinite(largest) or not y.any():
            break
    return largest, e[:count]


def _sensitivities(problem: Problem, factored: Factored, count: int, residual: float) -> dict[str, float]:
    """How far each trained parameter of the problem can be off for a residual of that size, relative to the parameter."""
    triangle, scale = factored.damped_triangle(), factored.scale[:, 0]
    found, start = {}, count
    for name, p in problem.named_parameters():
        if not p.requires_grad or not p.numel():
            continue
        unit = triangle.new_zeros((len(triangle), p.numel()))
        unit[start : start + p.numel()] = torch.eye(p.numel()).to(unit)
        rows = torch.linalg.solve_triangular(triangle.T, unit, upper=False).norm(dim=0) / scale[start : start + p.numel()]
        found[name] = residual * float(rows.norm()) / (float(p.detach().norm()) or 1.0)
        start += p.numel()
    return found


def _spread(linear: int, count: int, total: int, device: torch.device) -> Tensor:
    """Some of the coefficients, and all parameters of the problem behind them."""
    some = torch.arange(linear) if count == linear else torch.randperm(linear)[:count].sort().values
    return torch.cat([some, torch.arange(linear, total)]).to(device)


def _fewer(samples: Mapping[str, Sample], scales: Mapping[str, Sequence[float]], rows: int) -> dict[str, Sample]:
    """The same share of the points of each condition, such that there are about ``rows`` rows."""
    share = rows / sum(sample.num_rows * len(scales[name]) for name, sample in samples.items())
    if share >= 1:
        return dict(samples)
    return {
        name: sample
        if sample.weights is not None
        else sample.rows(torch.linspace(0, sample.num_points - 1, max(2, math.ceil(share * sample.num_points))).long())
        for name, sample in samples.items()
    }
