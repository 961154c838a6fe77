"""By how much a model misses the equations of a problem, in numbers that mean the same whatever the problem."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.operators import Differentiable, Operator, Recorder
from rbfnet.problems import Data, Interior, Problem, Sample
from rbfnet.solvers._equation import Slopes, derivatives

STILL = 1e-5
"""The relative variation of a solution that counts as rounding: that of a constant."""

NEIGHBOURS = 4
"""Of a measured point, whose residuals are compared with its own."""


@dataclass(frozen=True)
class Miss:
    """How far one equation of one condition is from holding, relative to the size of its own terms.

    Attributes:
        condition: its name. equation: its number within the condition, from 0.
        rms: root mean square of the residual over ``size``: 0.11 is 'missed by 11 %'.
        largest: the largest residual over ``size``.
        at: the coordinates of the point where it is.
        share: of the points, those where the residual is more than half of the terms there.
        residual: root mean square of the residual, in its own units.
        size: that of the terms, in the same units.
    """

    condition: str
    equation: int
    rms: float
    largest: float
    at: tuple[float, ...]
    share: float
    residual: float
    size: float


@torch.no_grad()
def misses(model: Differentiable, problem: Problem, samples: Mapping[str, Sample]) -> list[Miss]:
    """How far each equation is from holding at the points of ``samples``.

    An equation is a sum of terms T_i: derivatives of the solution times their coefficients, and what does not depend on it. The
    size of an equation is

        max(rms sum_i |T_i|, rms sum_i |c_i| U_i),

    where T_i = c_i d^alpha u and U_i is how large that derivative is anywhere: the larger of its root mean square over the points
    of the equations in the domain and of std(u) / L^alpha, L being the sides of the box (of a constant, 1e-5 u / L^alpha). The
    second is what counts where the terms all vanish, as for u = 0 on a boundary, or in Laplace's equation for a linear function.

    Where values alone are asked for, u = g, the largest of the terms counts rather than their sum, so that the number is relative
    to g, or to u. Measured values have noise, which is not the model's to follow: of their residual what neighbours have in
    common counts, relative to the spread of the values.

    Args:
        model: a model of the solution.
        problem: whose conditions are looked at, those of them that have points in ``samples``.
        samples: for each condition its points; those that the model was fitted at say little.
    """
    conditions = problem.named_conditions()
    found: dict[str, list[tuple[Tensor, Slopes]]] = {}
    for name, sample in samples.items():
        recorders = [Recorder(len(problem.outputs), model) for _ in sample.sites]
        found[name] = list(derivatives(conditions[name], problem, recorders, sample))
    inside = [name for name in samples if isinstance(conditions[name], Interior)] or list(samples)
    lives: dict[int, list[Tensor]] = {}
    for name in inside:
        for site, x in enumerate(samples[name].sites):
            for output in {o for _, slopes in found[name] for (s, _, o) in slopes if s == site}:
                lives.setdefault(output, []).append(x)
    sizes = _Sizes(model, problem, {output: torch.cat(points) for output, points in lives.items()})
    measured = []
    for name, equations in found.items():
        for number, (residual, slopes) in enumerate(equations):
            terms, sample = _terms(model, samples[name], residual, slopes), samples[name]
            if isinstance(conditions[name], Data):
                measured.append(_misfit(name, number, residual, terms[-1].value, sample))
            else:
                measured.append(_missed(name, number, residual, terms, sample, sizes))
    return measured


@dataclass(frozen=True)
class _Term:
    """Coefficient times a derivative of an output, at one site; what does not depend on the solution has no derivative."""

    value: Float[Tensor, " B"]
    coefficient: Float[Tensor, " B"] | None = None
    along: tuple[int, ...] = ()
    output: int = 0


def _terms(model: Differentiable, sample: Sample, residual: Tensor, slopes: Slopes) -> list[_Term]:
    terms: list[_Term] = []
    rest = residual.clone()
    dims = sample.sites[0].shape[1]
    for site, x in enumerate(sample.sites):
        factors: dict[tuple[tuple[int, ...], int], Tensor] = {}
        for (at, op, output), slope in slopes.items():
            if at == site:
                for along, c in op.over(len(x), dims).written_out(dims):
                    key = along, output
                    factors[key] = factors[key] + slope * c if key in factors else slope * c
        needed = sorted({along for along, _ in factors})
        if not needed:
            continue
        values = dict(zip(needed, model.apply_operators(x, [Operator.d(*along) for along in needed]).unbind(-1), strict=True))
        for (along, output), factor in factors.items():
            value = factor * values[along][:, output]
            rest = rest - value
            terms.append(_Term(value, factor, along, output))
    return [*terms, _Term(rest)]


class _Sizes:
    """How large a derivative of an output is anywhere."""

    def __init__(self, model: Differentiable, problem: Problem, points: Mapping[int, Tensor]) -> None:
        self.model, self.points = model, points
        box = problem.domain.box
        self.sides = (box[1] - box[0]).tolist()
        self._known: dict[tuple[tuple[int, ...], int], float] = {}

    def __call__(self, along: tuple[int, ...], output: int) -> float:
        if output not in self.points:
            return 0.0
        if (along, output) not in self._known:
            x = self.points[output]
            value = self.model.apply_operator(x, Operator.d(*along))[:, output]
            size = float(value.square().mean().sqrt())
            if along:
                size = max(size, self._variation(output) / math.prod(self.sides[i] for i in along))
            self._known[along, output] = size
        return self._known[along, output]

    def _variation(self, output: int) -> float:
        values = self.model.apply_operator(self.points[output], Operator.identity())[:, output]
        return max(float(values.std(correction=0)), STILL * float(values.square().mean().sqrt()))


def _missed(name: str, number: int, residual: Tensor, terms: list[_Term], sample: Sample, sizes: _Sizes) -> Miss:
    each = torch.stack([term.value.abs() for term in terms])
    anywhere = torch.stack([_anywhere(term, sizes) for term in terms])
    if all(not term.along for term in terms):
        total, least = each[each.square().mean(dim=1).argmax()], anywhere[anywhere.square().mean(dim=1).argmax()]
    else:
        total, least = each.sum(dim=0), anywhere.sum(dim=0)
    r, total, least = (sample.contract(part) for part in (residual, total, least))
    size = max(float(part.square().mean().sqrt()) for part in (total, least))
    rms, largest, where = float(r.square().mean().sqrt()), float(r.abs().max()), int(r.abs().argmax())
    at = tuple(sample.sites[0][where].tolist()) if sample.weights is None else ()
    share = float((r.abs() > 0.5 * total.clamp_min(size)).double().mean())
    return Miss(name, number, rms / (size or 1.0), largest / (size or 1.0), at, share, rms, size)


def _misfit(name: str, number: int, residual: Tensor, values: Tensor, sample: Sample) -> Miss:
    """Of measured values: what neighbours have in common, relative to their spread."""
    size, where = float(values.std(correction=0)), int(residual.abs().argmax())
    scale = size or float(values.square().mean().sqrt()) or 1.0
    common, rms = common_part(residual, sample.sites[0]), float(residual.square().mean().sqrt())
    share = float((residual.abs() > 0.5 * scale).double().mean()) if common > 0 else 0.0
    at = tuple(sample.sites[0][where].tolist())
    return Miss(name, number, common / scale, float(residual.abs().max()) / scale, at, share, rms, scale)


def common_part(residual: Float[Tensor, " N"], x: Float[Tensor, "N D"]) -> float:
    """The root mean square of what residuals at neighbouring points have in common; of independent noise next to nothing.

    Noise has no part in the mean of r times the mean of r at the nearest points, but for its scatter, which is taken off. Of a
    few points it cannot be told from anything else.
    """
    from scipy.spatial import cKDTree

    square = float(residual.square().mean())
    if len(residual) <= 2 * NEIGHBOURS:
        return square**0.5
    places = x.cpu().double().numpy()
    _, nearest = cKDTree(places).query(places, NEIGHBOURS + 1)
    around = residual[torch.from_numpy(nearest[:, 1:]).to(residual.device)].mean(dim=1)
    common = float((residual * around).mean()) - 2 * square / (len(residual) * NEIGHBOURS) ** 0.5
    return min(max(common, 0.0), square) ** 0.5


def _anywhere(term: _Term, sizes: _Sizes) -> Tensor:
    if term.coefficient is None:
        return torch.zeros_like(term.value)
    return term.coefficient.abs() * sizes(term.along, term.output)
