"""Dimensionless relative residuals of the equations of a problem."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.operators import Along, Differentiable, Operator, Recorder
from rbfnet.problems import Data, Interior, Known, Problem, Sample
from rbfnet.solvers.assembly import Slopes, derivatives

STILL = 1e-3
"""The relative variation below which a solution counts as constant."""

NEIGHBOURS = 4
"""Number of neighbours with which the residual of a data point is compared."""


@dataclass(frozen=True)
class Miss:
    """The relative residual of one equation of a condition, relative to the size of its terms.

    Attributes:
        condition: its name. equation: its index within the condition, from 0.
        rms: root mean square of the residual over ``size``.
        largest: the largest residual over ``size``.
        at: the coordinates of the point of the largest residual.
        share: the fraction of points where the residual exceeds half the size of the terms there.
        residual: root mean square of the residual, in its own units.
        size: the size of the terms, in the same units.
        mean: like ``rms``, with means of absolute values. It is less sensitive to a few points next to a corner or a hole, as is
            the error of the solution, and needs fewer points.
        order: the order of its highest derivative.
    """

    condition: str
    equation: int
    rms: float
    largest: float
    at: tuple[float, ...]
    share: float
    residual: float
    size: float
    mean: float
    order: int


def misses(model: Differentiable, problem: Problem, samples: Mapping[str, Sample]) -> list[Miss]:
    """The relative residual of each equation at the points of ``samples``.

    An equation is a sum of terms T_i: derivatives of the solution times their coefficients, and what does not depend on it. The
    size of an equation is

        max(rms sum_i |T_i|, rms sum_i |c_i| U_i),

    where T_i = c_i d^alpha u and U_i is how large that derivative is anywhere: the larger of its root mean square over the points
    of the equations in the domain and of std(u) / L^alpha, L being the sides of the box (of a constant, 1e-3 u / L^alpha). The
    second is what counts where the terms all vanish, as for u = 0 on a boundary, or in Laplace's equation for a linear function.

    Where values alone are asked for, u = g, the largest of the terms counts rather than their sum, so that the number is relative
    to g, or to u. Measured values have noise, which is not the model's to follow: of their residual what neighbours have in
    common counts, relative to the spread of the values.

    Args:
        model: a model of the solution.
        problem: the problem; only its conditions with points in ``samples`` are evaluated.
        samples: the points of each condition; residuals at points used for the fit are too small.
    """
    return Yardstick.at(model, problem, samples).misses(model)


@dataclass(frozen=True)
class _Terms:
    """An equation as the sum of coefficient times derivative, over (site, derivative, output), and of a rest, at each point."""

    factors: Mapping[tuple[int, Along, int], Float[Tensor, " B"]]
    rest: Float[Tensor, " B"]

    def parts(self, values: list[dict[Along, Tensor]]) -> list[Float[Tensor, " B"]]:
        """The terms, from the derivatives of all outputs at each site."""
        return [c * values[site][along][:, output] for (site, along, output), c in self.factors.items()]


@dataclass(frozen=True)
class Yardstick:
    """The equations of a problem at some points, linearised once, to measure many models by (:func:`misses`).

    Attributes:
        problem, samples: the conditions that are looked at, and where.
        equations: for each condition its equations.
    """

    problem: Problem
    samples: Mapping[str, Sample]
    equations: Mapping[str, list[_Terms]]

    @classmethod
    @torch.no_grad()
    def at(cls, values: Differentiable, problem: Problem, samples: Mapping[str, Sample], known: Known | None = None) -> Yardstick:
        """The equations linearised where ``values`` has the fields; any will do for a problem that is linear.

        Args:
            values: a model of the fields.
            problem, samples: as for :func:`misses`.
            known: the operators each condition is known to need.
        """
        conditions = problem.named_conditions()
        found = {}
        for name, sample in samples.items():
            recorders = [Recorder(len(problem.outputs), values) for _ in sample.sites]
            residuals = derivatives(conditions[name], problem, recorders, sample, known[name] if known else None)
            each = [(residual, _factors(sample, slopes)) for residual, slopes in residuals]
            wanted = [
                {along for _, factors in each for at, along, _ in factors if at == site} for site in range(len(sample.sites))
            ]
            here = [_derivatives(values, x, sorted(alongs)) for x, alongs in zip(sample.sites, wanted, strict=True)]
            found[name] = [
                _Terms(factors, residual - sum(c * here[s][along][:, o] for (s, along, o), c in factors.items()))
                for residual, factors in each
            ]
        return cls(problem, samples, found)

    @torch.no_grad()
    def misses(self, model: Differentiable) -> list[Miss]:
        """The relative residual of ``model`` in each of the equations."""
        lives: dict[int, set[tuple[str, int]]] = {}
        for name in self._inside:
            for site, _, output in self._keys(name):
                lives.setdefault(output, set()).add((name, site))
        everywhere = {(), *(along for name in self.samples for _, along, _ in self._keys(name))}
        values: dict[tuple[str, int], dict[Along, Tensor]] = {}
        for name, sample in self.samples.items():
            for site, x in enumerate(sample.sites):
                alongs = everywhere if name in self._inside else {along for at, along, _ in self._keys(name) if at == site}
                values[name, site] = _derivatives(model, x, sorted(alongs))
        inside = {
            output: {along: torch.cat([values[at][along][:, output] for at in sorted(places)]) for along in everywhere}
            for output, places in lives.items()
        }
        sizes, conditions = _Sizes(self.problem, inside), self.problem.named_conditions()
        return [
            (_misfit if isinstance(conditions[name], Data) else _missed)(
                name, number, terms, [values[name, site] for site in range(len(sample.sites))], sample, sizes
            )
            for name, sample in self.samples.items()
            for number, terms in enumerate(self.equations[name])
        ]

    @property
    def _inside(self) -> list[str]:
        """The conditions whose points say how large a solution is: those in the domain, or all where there are none."""
        conditions = self.problem.named_conditions()
        return [name for name in self.samples if isinstance(conditions[name], Interior)] or list(self.samples)

    def _keys(self, name: str) -> Iterator[tuple[int, Along, int]]:
        return (key for terms in self.equations[name] for key in terms.factors)


def _factors(sample: Sample, slopes: Slopes) -> dict[tuple[int, Along, int], Tensor]:
    """The factor of each derivative of each output at each site, from the channel derivatives of a residual."""
    found: dict[tuple[int, Along, int], Tensor] = {}
    for (site, op, output), slope in slopes.items():
        x = sample.sites[site]
        for along, c in op.over(*x.shape).written_out(x.shape[1]):
            key = site, along, output
            found[key] = found[key] + slope * c if key in found else slope * c
    return found


def _derivatives(model: Differentiable, x: Tensor, alongs: list[Along]) -> dict[Along, Float[Tensor, "B O"]]:
    if not alongs:
        return {}
    ops = [Operator.d(*along).over(*x.shape) for along in alongs]
    return dict(zip(alongs, model.apply_operators(x, ops).unbind(-1), strict=True))


Norm = Callable[[Tensor], float]


def _rms(values: Tensor) -> float:
    return float(values.square().mean().sqrt())


def _mean(values: Tensor) -> float:
    return float(values.abs().mean())


class _Sizes:
    """The typical size of a derivative of an output, from its values at points in the domain."""

    def __init__(self, problem: Problem, values: Mapping[int, Mapping[Along, Tensor]]) -> None:
        self.values = values
        box = problem.domain.box
        self.sides = (box[1] - box[0]).tolist()

    def __call__(self, along: Along, output: int, norm: Norm) -> float:
        if output not in self.values:
            return 0.0
        size = norm(self.values[output][along])
        if not along:
            return size
        value = self.values[output][()]
        variation = max(norm(value - value.mean()), STILL * norm(value))
        return max(size, variation / math.prod(self.sides[i] for i in along))


def _missed(name: str, number: int, terms: _Terms, values: list[dict[Along, Tensor]], sample: Sample, sizes: _Sizes) -> Miss:
    parts = terms.parts(values)
    each = torch.stack([part.abs() for part in (*parts, terms.rest)])
    order = max((len(along) for _, along, _ in terms.factors), default=0)

    def size(norm: Norm) -> float:
        anywhere = [c.abs() * sizes(along, output, norm) for (_, along, output), c in terms.factors.items()]
        sums = (each, torch.stack([*anywhere, torch.zeros_like(terms.rest)]))
        total = [part.sum(dim=0) if order else part[int(torch.tensor([norm(p) for p in part]).argmax())] for part in sums]
        return max(norm(sample.contract(part)) for part in total)

    r = sample.contract(sum(parts, terms.rest))
    where = int(r.abs().argmax())
    at = tuple(sample.sites[0][where].tolist()) if sample.weights is None else ()
    rms, whole, mean = _rms(r), size(_rms), _mean(r) / (size(_mean) or 1.0)
    there = sample.contract(each.sum(dim=0) if order else each.amax(dim=0))
    share = float((r.abs() > 0.5 * there.clamp_min(whole)).double().mean())
    return Miss(name, number, rms / (whole or 1.0), float(r.abs().max()) / (whole or 1.0), at, share, rms, whole, mean, order)


def _misfit(name: str, number: int, terms: _Terms, values: list[dict[Along, Tensor]], sample: Sample, sizes: _Sizes) -> Miss:
    """For data: the part of the residual that is common to neighbours, relative to the spread of the values."""
    residual = torch.as_tensor(sum(terms.parts(values), terms.rest))
    scale, where = float(terms.rest.std(correction=0)) or _rms(terms.rest) or 1.0, int(residual.abs().argmax())
    common, rms = common_part(residual, sample.sites[0]), _rms(residual)
    share = float((residual.abs() > 0.5 * scale).double().mean()) if common > 0 else 0.0
    at = tuple(sample.sites[0][where].tolist())
    missed = common / scale
    return Miss(name, number, missed, float(residual.abs().max()) / scale, at, share, rms, scale, missed, 0)


def common_part(residual: Float[Tensor, " N"], x: Float[Tensor, "N D"]) -> float:
    """The root mean square of the part of residuals that is common to neighbouring points; near zero for independent noise.

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
