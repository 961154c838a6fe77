"""How far a solution that was carried through time is likely to be from the truth."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping

import torch
from jaxtyping import Float
from numpy.polynomial.chebyshev import chebvander
from torch import Tensor

from rbfnet.domains import Domain, Interval, SpaceTime
from rbfnet.errors import InputError
from rbfnet.nn import Evolving, RBFNetwork
from rbfnet.nn.initializers import spacing
from rbfnet.problems import Problem, Sample
from rbfnet.solvers.time._line_spacing import PER_CENTER, gauss
from rbfnet.solvers.time._linear_solve import Factored
from rbfnet.solvers.time._method_of_lines import Lines
from rbfnet.solvers.time._radau import Radau
from rbfnet.solvers.time._semidiscrete import Site
from rbfnet.solvers.validation import Estimate

STAGES = 4
"""Of the method in time for the error, in the plane and in space; of one more than that of the solution otherwise."""

COLUMNS = 800
"""Functions that take part at most, of all outputs: beyond, a random part of the centres stands for all."""

ITERATIONS = 4
"""Of Newton's method for the error on a slab."""

CLOSE = 0.03
"""The part of the error that it is asked for to."""

NEGLIGIBLE = 1e-5
"""An output that is smaller than this part of the largest is taken for as large."""

FIRST = 1e-6
"""A first slab that is shorter, relative to all time, leads from a start that contradicts the boundary conditions to one."""


@torch.no_grad()
def errors_in_time(model: Evolving, problem: Problem, samples: Mapping[str, Sample]) -> Estimate | None:
    """The likely error of a solution that was carried through time, relative L2 over space and time.

    What the equations, boundary conditions and start are missed by at points that were not used drives an equation for the
    error e,

        F(u + e) = 0,   u(0) + e(0) = start,

    which is solved in a richer space: the functions of the model and as many others, with centres between its own. In time it
    goes along the slabs of the model, with a method of one stage more, whose nodes are others too. So the error is damped,
    transported and amplified as the equations have it.

    Source: Zadunaisky, On the estimation of errors propagated in the numerical integration of ordinary differential equations,
    Numer. Math. 27 (1976); Skeel, Thirteen ways to estimate global error, Numer. Math. 48 (1986).

    Args:
        model, problem: the solution, where it is.
        samples: points for each condition that have not been used.

    Returns:
        None where there is no such system; errors are infinite where the equation for the error has no solution. Where a solution
        is carried from a start by equations, and the system is regular, it is determined.
    """
    try:
        each, error = _Error(model, problem, samples).through_time()
    except InputError:
        return None
    return Estimate(dict(zip(problem.outputs, each.tolist(), strict=True)), error, math.nan, True, (), False, {})


class _Error:
    """The system for the error, in a richer space."""

    def __init__(self, model: Evolving, problem: Problem, samples: Mapping[str, Sample]) -> None:
        self.model, network = model, model.network
        if model.is_point or not isinstance(problem.domain, SpaceTime):
            richer, points, weights = network, network.weight.new_zeros((1, 0)), network.weight.new_ones(1)
        else:
            richer = _richer(network, COLUMNS // (2 * len(problem.outputs)))
            points, weights = _quadrature(problem.domain.space, richer)
        self.radau = Radau.of(STAGES if points.shape[1] > 1 and model.degree > STAGES else model.degree + 1)
        self.lines = Lines(problem, richer, dict(samples), points, weights)
        own = torch.eye(model.carried.shape[2], dtype=points.dtype)
        self.own = [rows.of(network, own) for rows in self.lines.rows]
        # Orthonormal but for rounding, which functions that hardly differ make large.
        root = (weights / weights.sum()).sqrt()
        inverse = torch.linalg.pinv(root[:, None] * Site(richer, self.lines.basis, points).matrix(())) * root
        self.project = inverse @ Site(network, own, points).matrix(())

    def through_time(self) -> tuple[Tensor, float]:
        """See :func:`errors_in_time`."""
        lines, breaks = self.lines, self.model.breaks
        steps = breaks.diff().tolist()
        first = int(len(steps) > 1 and steps[0] < FIRST * float(breaks[-1] - breaks[0]))
        known = self._at_first(first, steps[first])
        missed, size = breaks.new_zeros(lines.outputs), breaks.new_zeros(lines.outputs)
        kept: tuple[float, Factored] | None = None
        for piece in range(first, len(steps)):
            step = steps[piece]
            times = breaks[piece] + step * self.radau.nodes
            own = self._own(piece, step, self.radau.nodes)
            solution = own @ self.project.T
            if kept is None or not lines.constant or abs(kept[0] / step - 1) > 1e-12:
                system = kept[1].system if kept and lines.constant else lines.linearise(times, solution, step, self.radau.weights)
                kept = step, Factored.of(system, step, self.radau)
            shift = lines.missed(times, own, self.own) - lines.missed(times, solution)
            error = self._slab(times, step, solution, shift, known, kept[1])
            if error is None:
                return torch.full_like(missed, math.inf), math.inf
            known = error[: lines.order, -1].flatten(1)
            missed += step * self.radau.weights @ error[0].square().sum(dim=2)
            size += step * self.radau.weights @ solution[0].square().sum(dim=2)
        least = NEGLIGIBLE**2 * size.max()
        total = float((missed.sum() / size.sum().clamp_min(1e-300)).sqrt())
        return (missed / torch.maximum(size, least).clamp_min(1e-300)).sqrt(), total

    def _at_first(self, piece: int, step: float) -> Float[Tensor, "p On"]:
        """The error of the start, and of the velocity. What has no rate has none."""
        lines = self.lines
        start = self._own(piece, step, self.radau.nodes.new_zeros(1))[: lines.order, 0] @ self.project.T
        error = lines.start.unflatten(1, (lines.outputs, -1)) - start
        error[:, lines.algebraic] = 0.0
        return error.flatten(1)

    def _slab(
        self, times: Tensor, step: float, solution: Tensor, shift: Tensor, known: Tensor, linear: Factored
    ) -> Float[Tensor, "p+1 K O n"] | None:
        """The error at the nodes and its derivatives."""
        lines, radau = self.lines, self.radau
        highest = known.new_zeros((len(radau.nodes), lines.size))
        for _ in range(ITERATIONS):
            values = radau.integrated(highest, known, step).unflatten(2, (lines.outputs, -1))
            change = linear.change(*lines.tested(shift + lines.missed(times, solution + values), linear.system))
            highest = highest - change
            if not highest.isfinite().all():
                return None
            if change.norm() <= CLOSE * highest.norm():
                break
        return radau.integrated(highest, known, step).unflatten(2, (lines.outputs, -1))

    def _own(self, piece: int, step: float, nodes: Float[Tensor, " K"]) -> Float[Tensor, "p+1 K O N"]:
        """The weights of the solution and their derivatives in time."""
        values = torch.from_numpy(chebvander((2 * nodes - 1).numpy(), self.model.degree))
        found = []
        for _ in range(self.lines.order + 1):
            found.append(torch.einsum("kc,cno->kon", values, self.model.carried[piece]))
            values = values @ self.model.slope * (2 / step)
        return torch.stack(found)


def _richer(network: RBFNetwork, most: int) -> RBFNetwork:
    """The network with as many centres again between its own; of more than ``most`` of these so many, chosen at random."""
    richer = copy.deepcopy(network)
    centers, raw = network.centers.detach(), network.metric.raw.detach()
    chosen = torch.randperm(len(centers))[:most].sort().values
    between = centers[chosen] + spacing(centers)[chosen, None] * (torch.rand_like(centers[chosen]) - 0.5)
    per_center = network.metric.per_center
    richer.replace_centers(
        torch.cat([centers[chosen], between]), raw[chosen].repeat(2, *[1] * (raw.ndim - 1)) if per_center else raw
    )
    return richer


def _quadrature(space: Domain, network: RBFNetwork) -> tuple[Tensor, Tensor]:
    """Points and weights: on a line those of panels between its centres."""
    if not isinstance(space, Interval):
        return space.quadrature(PER_CENTER * network.num_centers)
    low, high = (float(end) for end in space.box[:, 0])
    inside = network.centers[:, 0].detach().sort().values
    edges = torch.cat([inside.new_tensor([low]), inside[(inside > low) & (inside < high)][::2], inside.new_tensor([high])])
    return gauss(edges.unique().numpy(), 2 * PER_CENTER)
