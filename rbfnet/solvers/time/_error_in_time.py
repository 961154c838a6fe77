"""Estimate the error of a solution computed by the method of lines."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from numpy.polynomial.chebyshev import chebvander
from torch import Tensor

from rbfnet.domains import Domain, Interval, SpaceTime
from rbfnet.errors import InputError
from rbfnet.nn import Evolving, RBFNetwork
from rbfnet.nn.initializers import spacing
from rbfnet.problems import Initial, Problem, Sample
from rbfnet.solvers.time._boundary_count import has_enough
from rbfnet.solvers.time._line_spacing import PER_CENTER, gauss
from rbfnet.solvers.time._linear_solve import Factored
from rbfnet.solvers.time._method_of_lines import Lines
from rbfnet.solvers.time._radau import Radau
from rbfnet.solvers.time._semidiscrete import Site
from rbfnet.solvers.time._space_basis import resolved
from rbfnet.solvers.validation import Estimate, Miss

STAGES = 4
"""Stages of the method in time for the error, in two and three dimensions; otherwise one more than the solution has."""

COLUMNS = 800
"""Maximum number of functions of all outputs; above it, a random subset of the centres is used."""

ITERATIONS = 4
"""Maximum number of Newton steps for the error on a slab."""

CLOSE = 0.03
"""Relative accuracy of the error itself."""

NEGLIGIBLE = 1e-5
"""Minimum size of an output, relative to the largest."""

FIRST = 1e-6
"""A shorter first slab, relative to the time span, is a transition from a start that contradicts the boundary conditions."""


@torch.no_grad()
def errors_in_time(model: Evolving, problem: Problem, samples: Mapping[str, Sample], found: Sequence[Miss]) -> Estimate | None:
    """The estimated error of a solution computed by the method of lines, relative L2 over space and time.

    The residuals of the equations, boundary and initial conditions at held-out points drive an equation for the error e,

        F(u + e) = 0,   u(0) + e(0) = start,

    which is solved in a richer space: the functions of the model and as many others, with centres between its own. In time it
    uses the slabs of the model and a method with one more stage, hence other nodes. So the error is damped, transported and
    amplified as by the equations themselves. What of the initial conditions is missed and is not in the richer space either
    is taken to become what that part becomes which is in it, and to stay as it is at most.

    Source: Zadunaisky, On the estimation of errors propagated in the numerical integration of ordinary differential equations,
    Numer. Math. 27 (1976); Skeel, Thirteen ways to estimate global error, Numer. Math. 48 (1986).

    Args:
        model, problem: the solution and its problem, on one device.
        samples: held-out points of each condition.
        found: the relative residuals there.

    Returns:
        None if the system cannot be set up; the errors are infinite if the equation for the error has no solution. The solution
        counts as determined if the boundary has enough conditions (:func:`has_enough`).
    """
    try:
        system = _Error(model, problem, samples)
        each, error = system.through_time()
    except InputError:
        return None
    beyond = _beyond(problem, found, system.first, error)
    each, error = (each.square() + beyond**2).sqrt(), math.hypot(error, beyond)
    determined = has_enough(problem, samples)
    free = () if determined else tuple(problem.outputs)
    return Estimate(dict(zip(problem.outputs, each.tolist(), strict=True)), error, math.inf, determined, free, False, {})


class _Error:
    """The system for the error, in a richer space.

    Attributes:
        first: the error at first, relative.
    """

    first: float

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
        self.first = float(known[0].norm() / lines.start[0].norm().clamp_min(1e-300))
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
        """The error of the initial value and velocity; zero for outputs without a time derivative."""
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


def _beyond(problem: Problem, found: Sequence[Miss], first: float, error: float) -> float:
    """The error that initial values leave which are missed by more than ``first``."""
    conditions = problem.named_conditions()
    values = [miss.rms for miss in found if miss.order == 0 and isinstance(conditions[miss.condition], Initial)]
    missed = max(values, default=0.0)
    if not missed > first:
        return 0.0
    return math.sqrt(missed**2 - first**2) * (min(1.0, error / first) if first else 1.0)


def _richer(network: RBFNetwork, most: int) -> RBFNetwork:
    """The network with as many centres again between its own; from at most ``most`` of its centres, chosen at random."""
    richer = copy.deepcopy(network)
    centers, raw = network.centers.detach(), network.metric.raw.detach()
    chosen = torch.randperm(len(centers))[:most].sort().values
    per_center = network.metric.per_center
    # In coordinates in which kernels are as wide along every direction.
    dims = centers.shape[1]
    lower = torch.eye(dims).to(centers) if per_center else torch.linalg.cholesky(network.shape_matrix.detach())
    apart = spacing(centers @ lower)[chosen, None] * (torch.rand_like(centers[chosen]) - 0.5)
    between = centers[chosen] + torch.linalg.solve_triangular(lower.T, apart.T, upper=True).T
    richer.replace_centers(
        torch.cat([centers[chosen], between]), raw[chosen].repeat(2, *[1] * (raw.ndim - 1)) if per_center else raw
    )
    return richer


def _quadrature(space: Domain, network: RBFNetwork) -> tuple[Tensor, Tensor]:
    """Points and weights of a quadrature; on an interval, of panels between the centres."""
    if not isinstance(space, Interval):
        if network.metric.per_center:
            return resolved(space, network, PER_CENTER)
        return space.quadrature(PER_CENTER * network.num_centers)
    low, high = (float(end) for end in space.box[:, 0])
    inside = network.centers[:, 0].detach().sort().values
    edges = torch.cat([inside.new_tensor([low]), inside[(inside > low) & (inside < high)][::2], inside.new_tensor([high])])
    return gauss(edges.unique().numpy(), 2 * PER_CENTER)
