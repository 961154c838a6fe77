"""How wide kernels are, chosen by what a problem starts from."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.nn import RBFNetwork
from rbfnet.nn.initializers import automatic_margin
from rbfnet.problems import Initial, Problem, Sample
from rbfnet.solvers.time._semidiscrete import Rows
from rbfnet.solvers.time._space_basis import orthonormal

NARROWER = (1.0, 0.75, 0.5)
"""Fractions of the width a solver likes that are tried, the first first."""

BETTER = 0.5
"""A narrower kernel has to fit the start better by this factor: wide ones are better for what is smooth."""

FINE = 1e-8
"""A start that is missed by less, relative, is one that is fitted."""


def narrowed(
    problem: Problem,
    network: RBFNetwork,
    overlap: float,
    points: Float[Tensor, "B d"],
    weights: Float[Tensor, " B"],
    unseen: Float[Tensor, "U d"],
) -> None:
    """Make kernels narrower where that fits the start of a problem better at points that are not used for it.

    Where centres are spread evenly beyond the box of the domain they draw closer then: narrow kernels reach less far.

    Args:
        problem, network: whose kernels they are.
        overlap: how wide they are now, in spacings.
        points, weights, unseen: where the start is fitted, and where it is looked at.
    """
    raw, centers = network.layer.metric.raw, network.centers
    wide, spread = raw.detach().clone(), centers.detach().clone()
    box = unseen.amin(dim=0), unseen.amax(dim=0)
    middle, half = (box[0] + box[1]) / 2, (box[1] - box[0]) / 2
    beyond = raw.numel() == 1 and bool((((spread - middle) / half).abs().amax(dim=0) > 1.1).all())
    dims, missed = spread.shape[1], []

    def make(fraction: float) -> None:
        closer = 1.0
        if beyond:
            closer = (1 + 2 * automatic_margin(dims, fraction * overlap)) / (1 + 2 * automatic_margin(dims, overlap))
        centers.copy_(middle + closer * (spread - middle))
        raw.copy_(wide - math.log(fraction * closer))

    for fraction in NARROWER:
        make(fraction)
        missed.append(max(FINE, start_missed(problem, network, points, weights, unseen)))
        if missed[0] == FINE:
            break
    least = min(missed)
    make(NARROWER[missed.index(least) if least < BETTER * missed[0] else 0])


def start_missed(
    problem: Problem,
    network: RBFNetwork,
    points: Float[Tensor, "B d"],
    weights: Float[Tensor, " B"],
    unseen: Float[Tensor, "U d"],
) -> float:
    """By how much, relative, the best fit to the initial conditions misses them at other points."""
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
    fitted = -torch.linalg.lstsq(matrix, target[:, None], driver="gelsd").solution.reshape(zero.shape)
    off = torch.cat([r.residual(problem, times, fitted)[0] for r in others])
    size = torch.cat([r.residual(problem, times, zero)[0] for r in others])
    return float(off.norm() / size.norm().clamp_min(1e-300))
