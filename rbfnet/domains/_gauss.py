"""Gauss rules: on intervals, simplices and balls."""

from __future__ import annotations

import itertools
import math
from functools import cache
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

Array = np.ndarray[Any, Any]

ACCURACY = 1e-13
"""The error, relative to the largest value, that rules have for one wave across the domain."""

MOST = 10
"""How many times the requested number of nodes a rule on simplices may have."""

HIGHEST = 256
"""A rule with more nodes is composed of several rules."""

ORDERS = np.arange(1, 65)
REACH = torch.from_numpy(2 / math.pi * np.exp([(math.lgamma(2 * k + 1) + math.log(ACCURACY)) / (2 * k) for k in ORDERS.tolist()]))
"""Up to which length, in waves, the rule with k nodes is as accurate as that: (pi r / 2)^(2k) / (2k)! = ACCURACY."""


def enough(waves: Float[Tensor, " I"]) -> Int[Tensor, " I"]:
    """How many Gauss nodes integrate waves over intervals of these lengths, in units of the wave length, to ``ACCURACY``.

    From the remainder of the rule, (w h / 4)^(2k) / (2k)! for the wave number w and the length h, to leading order.
    """
    return 1 + torch.searchsorted(REACH, waves).clamp(max=len(REACH) - 1)


@cache
def unit(nodes: int, power: float = 0.0) -> tuple[Float[Tensor, " k"], Float[Tensor, " k"]]:
    """The Gauss rule on [0, 1] for the weight (1 + power) t^power, whose integral is 1.

    Very many nodes are about as many, on parts of equal length (for the power 0).
    """
    from scipy.special import roots_jacobi

    if nodes > HIGHEST and not power:
        parts = math.ceil(nodes / HIGHEST)
        t, sizes = unit(round(nodes / parts))
        return ((torch.arange(parts)[:, None] + t) / parts).flatten(), (sizes / parts).repeat(parts)
    t, weights = roots_jacobi(nodes, 0.0, power)
    return torch.from_numpy((1 + t) / 2), torch.from_numpy(weights / weights.sum())


def on_intervals(
    low: Float[Tensor, " I"], high: Float[Tensor, " I"], orders: Int[Tensor, " I"], rounded: bool = False
) -> tuple[Int[Tensor, " N"], Float[Tensor, " N"], Float[Tensor, " N"]]:
    """The Gauss rule with its own number of nodes on each interval: which interval a node belongs to, nodes and weights.

    Args:
        low, high, orders: of each interval.
        rounded: take x = middle - half cos(pi t), and the rule in t: for integrands that are sqrt(x - low), or another power of
            it, times a smooth function at the ends.
    """
    found = []
    for k in orders.unique().tolist():
        which = (orders == k).nonzero()[:, 0]
        t, weights = unit(k)
        k = len(t)
        if rounded:
            # 1 - cos without cancellation, and its slope.
            t, weights = (math.pi / 2 * t).sin().square(), weights * (math.pi / 2) * (math.pi * t).sin()
        length = (high - low)[which, None]
        x = torch.where(t < 0.5, low[which, None] + length * t, high[which, None] - length * (1 - t))
        found.append((which.repeat_interleave(k), x.flatten(), (length * weights).flatten()))
    if not found:
        return orders, low, low
    which, x, weights = (torch.cat(parts) for parts in zip(*found, strict=True))
    return which, x, weights


def on_simplices(corners: Array, sides: Array, n: int) -> tuple[Float[Tensor, "N D"], Float[Tensor, " N"]]:
    """Conical product rules of Gauss and Jacobi: nodes inside, weights positive.

    A simplex is the cone from a corner to the face opposite, which is one again. There are as many nodes along each direction
    as its length asks for (:func:`enough`, one wave across the whole), and more if n is more.

    Args:
        corners: (C, D + 1, D).
        sides: the lengths that are the whole along each coordinate.
        n: how many nodes, about; more where there are many simplices, up to ``MOST`` times as many as long as each has one.

    Source: Stroud, Approximate Calculation of Multiple Integrals (1971), section 2.4.
    """
    dims = corners.shape[2]
    corners, lengths = _from_the_narrow_end(corners, sides)
    least = enough(torch.from_numpy(lengths)).double()
    count = float(least.prod(dim=1).sum())
    factor = (max(n, count) / count) ** (1 / dims)
    while (orders := (factor * least).round().clamp(min=1)).prod(dim=1).sum() > max(MOST * n, len(corners)):
        factor *= 0.95
    volumes = np.abs(np.linalg.det(corners[:, 1:] - corners[:, :1])) / math.factorial(dims)
    points, weights = [], []
    for row in orders.unique(dim=0).long():
        which = (orders == row).all(dim=1).numpy()
        shares, sizes = _cone(tuple(row.tolist()))
        points.append(np.einsum("qi,cij->cqj", shares, corners[which]).reshape(-1, dims))
        weights.append((volumes[which, None] * sizes).ravel())
    return torch.from_numpy(np.concatenate(points)), torch.from_numpy(np.concatenate(weights))


def _cone(orders: tuple[int, ...]) -> tuple[Array, Array]:
    """Barycentric coordinates (Q, D + 1) and weights (Q,) of sum 1: t_j goes from corner j to the face of those after it."""
    dims = len(orders)
    rules = [unit(k, dims - 1.0 - j) for j, k in enumerate(orders)]
    t = np.array(list(itertools.product(*[rule[0].tolist() for rule in rules])))
    weights = np.array(list(itertools.product(*[rule[1].tolist() for rule in rules]))).prod(axis=1)
    so_far = np.cumprod(np.column_stack([np.ones(len(t)), t]), axis=1)
    return np.column_stack([so_far[:, :-1] * (1 - t), so_far[:, -1]]), weights


def _from_the_narrow_end(corners: Array, sides: Array) -> tuple[Array, Array]:
    """Corners in such an order that each is opposite to the smallest face of those after it; the lengths (C, D) of these parts,
    in units of the sides.
    """
    count = corners.shape[1]
    rest, ordered, lengths = corners, [], []
    for _ in range(count - 1):
        edges = np.linalg.norm((rest[:, :, None] - rest[:, None]) / sides, axis=3)
        lengths.append(edges.max(axis=(1, 2)))
        size = np.stack([np.delete(np.delete(edges, i, 1), i, 2).max(axis=(1, 2)) for i in range(rest.shape[1])], axis=1)
        first = size.argmin(axis=1)
        ordered.append(rest[np.arange(len(rest)), first])
        rest = rest[np.arange(rest.shape[1]) != first[:, None]].reshape(len(rest), -1, rest.shape[2])
    return np.stack([*ordered, rest[:, 0]], axis=1), np.stack(lengths, axis=1)


def in_ball(n: int, dims: int) -> tuple[Float[Tensor, "N D"], Float[Tensor, " N"]]:
    """About n nodes in the unit ball and weights of sum 1, exact for polynomials of degree 4k - 1 with N = (2k)^D.

    The product of k nodes along the squared radius, 4k directions in the plane and 2k heights in each further dimension.

    Source: Stroud, Approximate Calculation of Multiple Integrals (1971), sections 2.6 and 2.7.
    """
    k = max(1, round(n ** (1 / dims) / 2))
    points, weights = _on_circle(4 * k)
    for d in range(3, dims + 1):
        height, sizes = _heights(2 * k, d)
        rings = (1 - height.square()).sqrt()[:, None, None] * points
        points = torch.cat([rings, height[:, None, None].expand(-1, len(points), 1)], dim=2).flatten(0, 1)
        weights = (sizes[:, None] * weights).flatten()
    square, sizes = unit(k, dims / 2 - 1)
    return (square.sqrt()[:, None, None] * points).flatten(0, 1), (sizes[:, None] * weights).flatten()


def _on_circle(count: int) -> tuple[Tensor, Tensor]:
    angle = 2 * math.pi / count * (torch.arange(count, dtype=torch.float64) + 0.5)
    return torch.stack([angle.cos(), angle.sin()], dim=1), torch.full_like(angle, 1 / count)


def _heights(count: int, dims: int) -> tuple[Tensor, Tensor]:
    """The last coordinate on the unit sphere, whose density is (1 - t^2)^((D - 3) / 2)."""
    from scipy.special import roots_jacobi

    t, weights = roots_jacobi(count, (dims - 3) / 2, (dims - 3) / 2)
    return torch.from_numpy(t), torch.from_numpy(weights / weights.sum())
