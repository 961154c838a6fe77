"""How wide kernels are, chosen by what a problem starts from."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

import torch
from jaxtyping import Float
from scipy.spatial import cKDTree
from torch import Tensor

from rbfnet.domains import SpaceTime
from rbfnet.nn import Diagonal, Full, Metric, RBFNetwork
from rbfnet.nn.initializers import automatic_margin, breadth, halton, spacing
from rbfnet.problems import Initial, Problem, Sample
from rbfnet.solvers.time._directions import deformed, wave_numbers
from rbfnet.solvers.time._semidiscrete import Rows
from rbfnet.solvers.time._space_basis import orthonormal

NARROWER = (1.0, 0.75, 0.5)
"""Fractions of the width a solver likes that are tried, the first first."""

BETTER = 0.5
"""A narrower kernel has to fit the start better by this factor: wide ones are better for what is smooth."""

FINE = 1e-8
"""A start that is missed by less, relative, is one that is fitted."""


CLEARLY = 0.1
"""Widths that differ by direction have to fit the start better than equal ones by this factor."""

PROBES = 500
"""Points at which the velocity of a flow is looked at."""

BESIDE = 1.5
"""Centres of such kernels are chosen from points that reach beyond the domain by this many times the margin of a box."""


def fitted(
    problem: Problem,
    network: RBFNetwork,
    overlap: float,
    samples: Mapping[str, Sample],
    points: Float[Tensor, "B d"],
    weights: Float[Tensor, " B"],
    unseen: Float[Tensor, "U d"],
) -> None:
    """Make kernels narrower, or of different widths along different directions, where that fits the start of a problem better at
    points that are not used for it.

    Where centres are spread evenly beyond the box of the domain they draw closer for narrow kernels, which reach less far. Where
    widths differ by direction the spacings of the centres differ as the widths do, and the metric is :class:`Full` unless it is
    diagonal.

    Args:
        problem, network: whose kernels they are.
        overlap: how wide they are now, in spacings.
        samples: points of the conditions.
        points, weights, unseen: where the start is fitted, and where it is looked at.
    """
    shapes = _Shapes(problem, network, overlap, unseen)
    shapes.equal(NARROWER[0])
    first = best_fit(problem, network, points, weights, unseen)
    if first.missed <= FINE:
        return
    missed = [first.missed]
    for fraction in NARROWER[1:]:
        shapes.equal(fraction)
        missed.append(max(FINE, best_fit(problem, network, points, weights, unseen).missed))
    shapes.equal(NARROWER[0])
    lower = shapes.directions(samples, first)
    turned: list[float] = []
    for fraction in NARROWER if lower is not None else ():
        shapes.unequal(fraction, cast(Tensor, lower))
        turned.append(max(FINE, best_fit(problem, network, points, weights, unseen).missed))
        if turned[-1] == FINE or turned[-1] > min(turned):
            break
    if lower is not None and min(turned) < CLEARLY * min(missed):
        shapes.unequal(NARROWER[_widest(turned)], lower)
    else:
        shapes.equal(NARROWER[_widest(missed)])


class _Shapes:
    """Widths and centres to choose from, written into a network."""

    def __init__(self, problem: Problem, network: RBFNetwork, overlap: float, unseen: Float[Tensor, "U d"]) -> None:
        self.problem, self.network, self.overlap, self.unseen = problem, network, overlap, unseen
        self.wide, self.spread = copy.deepcopy(network.metric), network.centers.detach().clone()
        box = unseen.amin(dim=0), unseen.amax(dim=0)
        self.middle, half = (box[0] + box[1]) / 2, (box[1] - box[0]) / 2
        self.free = not network.metric.per_center and network.layer.margin is not None
        self.beyond = self.free and bool((((self.spread - self.middle) / half).abs().amax(dim=0) > 1.1).all())

    def _margin(self, fraction: float) -> float:
        """How long each side of the box of the centres is, relative to that of the domain."""
        return 1 + 2 * automatic_margin(self.spread.shape[1], fraction * self.overlap)

    def equal(self, fraction: float) -> None:
        """Widths that are a fraction of those at first, along all directions."""
        closer = self._margin(fraction) / self._margin(1.0) if self.beyond else 1.0
        self.network.centers.copy_(self.spread if closer == 1.0 else self.middle + closer * (self.spread - self.middle))
        self.network.layer.metric = copy.deepcopy(self.wide)
        self.network.metric.widen(fraction * closer)

    def directions(self, samples: Mapping[str, Sample], start: Fit) -> Tensor | None:
        """L, lower triangular, such that what is given varies as fast along all directions of L^T x; None to keep x."""
        found = wave_numbers(self.problem, samples, self.unseen) if self.free else None
        if found is None or deformed(self.problem, self.network, start.basis, start.state, self.unseen[:PROBES]):
            return None
        return torch.linalg.cholesky(torch.diag(found.diagonal()) if isinstance(self.wide, Diagonal) else found)

    def unequal(self, fraction: float, lower: Float[Tensor, "d d"]) -> None:
        """Widths that are equal in the coordinates L^T x, the same fraction of those a solver likes."""
        volume = cast(SpaceTime, self.problem.domain).space.volume * float(lower.det())
        around = surrounding(self.unseen @ lower, len(self.spread), self._margin(fraction) ** len(lower), volume)
        width = fraction * self.overlap * breadth(self.network.kernel) * float(spacing(around).mean())
        self.network.centers.copy_(torch.linalg.solve_triangular(lower.T, around.T, upper=True).T)
        self.network.layer.metric = with_factor(self.wide, lower / width)


def said(metric: Metric, dims: int) -> list[str]:
    """A sentence on the widths along the principal directions of a metric for all centres, where they differ."""
    if dims < 2 or metric.per_center:
        return []
    sizes, axes = torch.linalg.eigh(metric.matrix(dims).detach())
    if not sizes[-1] > 1.01 * sizes[0]:
        return []
    # Of the two opposite directions, the one whose largest component is positive; no -0.
    axes = axes * axes.gather(0, axes.abs().argmax(dim=0)[None]).sign()
    along = [
        f"{width:.3g} along ({', '.join(f'{round(part, 2) + 0.0:g}' for part in axis)})"
        for width, axis in zip(sizes.rsqrt().tolist(), axes.T.tolist(), strict=True)
    ]
    return [f"Widths differ by direction: {', '.join(along)}."]


def _widest(missed: Sequence[float]) -> int:
    """The fraction that fits best, by its place; the first unless it is clearly worse."""
    least = min(missed)
    return list(missed).index(least) if least < BETTER * missed[0] else 0


def surrounding(cloud: Float[Tensor, "U d"], count: int, ratio: float, volume: float) -> Float[Tensor, "count d"]:
    """Halton points in a domain and around it: those nearest to it, as dense as if they filled ``ratio`` times its volume.

    Args:
        cloud: points inside that are denser than those wanted.
        count: how many points.
        ratio, volume: see above.
    """
    low, high = cloud.amin(dim=0), cloud.amax(dim=0)
    sides, least, most = high - low, 0.0, float((high - low).max()) * ratio
    for _ in range(60):
        reach = (least + most) / 2
        least, most = (reach, most) if float((1 + 2 * reach / sides).prod()) < ratio else (least, reach)
    box = torch.stack([low - BESIDE * most, high + BESIDE * most])
    pool = halton(box, max(count, round(count * float((box[1] - box[0]).prod()) / (ratio * volume)))).to(cloud)
    distance, _ = cKDTree(cloud.numpy()).query(pool.numpy())
    return pool[torch.from_numpy(distance).argsort(stable=True)[:count].sort().values]


def with_factor(metric: Metric, lower: Float[Tensor, "d d"]) -> Metric:
    """A metric A = L L^T for all centres: diagonal if the given one is, else full; trained if it is."""
    trainable = isinstance(metric.raw, torch.nn.Parameter)
    if isinstance(metric, Diagonal):
        return Diagonal(lower.diagonal(), trainable)
    found = Full(lower.diagonal(), trainable)
    found.set_factor(lower)
    return found


class Fit(NamedTuple):
    """The best fit to the initial conditions.

    Attributes:
        missed: by how much, relative, it misses them at other points.
        basis: (N, n), see :func:`orthonormal`.
        state: (2, 1, O, n), value and velocity.
    """

    missed: float
    basis: Tensor
    state: Tensor


def best_fit(
    problem: Problem,
    network: RBFNetwork,
    points: Float[Tensor, "B d"],
    weights: Float[Tensor, " B"],
    unseen: Float[Tensor, "U d"],
) -> Fit:
    """The fit to the initial conditions at points with weights, looked at at others."""
    basis = orthonormal(network, points, weights)
    times = torch.tensor([float(problem.domain.box[0, -1])], dtype=points.dtype)
    conditions = [c for c in problem.named_conditions().values() if isinstance(c, Initial)]

    def rows(x: Tensor, counts: Tensor | None) -> list[Rows]:
        at = torch.cat([x, times.expand(len(x), 1)], dim=1)
        return [Rows(condition, Sample((at,)), network, basis, counts) for condition in conditions]

    zero = basis.new_zeros((2, 1, len(problem.outputs), basis.shape[1]))
    used, others = rows(points, weights), rows(unseen, None)
    matrix = torch.cat([torch.cat(list(r.matrices(problem, times, zero, torch.ones_like(times))), dim=1) for r in used])
    target = torch.cat([r.residual(problem, times, zero)[0] for r in used])
    state = -torch.linalg.lstsq(matrix, target[:, None], driver="gelsd").solution.reshape(zero.shape)
    off = torch.cat([r.residual(problem, times, state)[0] for r in others])
    size = torch.cat([r.residual(problem, times, zero)[0] for r in others])
    return Fit(float(off.norm() / size.norm().clamp_min(1e-300)), basis, state)
