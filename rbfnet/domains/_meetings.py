"""Intersections of lines with a boundary that is only known by an inside test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int
from torch import Tensor

if TYPE_CHECKING:
    from rbfnet.domains._domain import Domain

SAMPLES, MOST = 129, 32
"""Points on a line between which meetings are looked for, and how many of them there may be."""

BISECTIONS, SECTIONS = 50, 40
"""How often an interval with a meeting is halved, and one with an extreme value cut by the golden ratio."""

GOLDEN = (5**0.5 - 1) / 2


def meetings(domain: Domain, x: Float[Tensor, "P k"]) -> Float[Tensor, "P E"]:
    """By bisection between samples of ``within``; along coordinates before the last, both ends of the bounding box.

    Samples are even, and where ``implicit`` is extreme between them without a change of sign: there a line may just touch.
    """
    low, high = domain.box[:, x.shape[1]]
    if x.shape[1] < len(domain.coords) - 1:
        return domain.box[:, x.shape[1]].expand(len(x), -1)
    even = torch.linspace(0, 1, SAMPLES, dtype=low.dtype)
    # A little beyond the box, so that its own ends are met.
    share = torch.cat([even.new_tensor([-1e-3]), even, even.new_tensor([1 + 1e-3])])
    at = (low + (high - low) * share).expand(len(x), -1)
    at = torch.cat([at, _touching(domain, x, at)], dim=1).sort(dim=1).values
    row, j = (~at.isnan()).nonzero(as_tuple=True)
    found = torch.zeros(at.shape, dtype=torch.bool)
    found[row, j] = domain.within(torch.cat([x[row], at[row, j, None]], dim=1), 0.0)
    row, j = ((found[:, 1:] != found[:, :-1]) & ~at[:, 1:].isnan()).nonzero(as_tuple=True)
    a, b, before = at[row, j], at[row, j + 1], found[row, j]
    for _ in range(BISECTIONS if len(row) else 0):
        middle = (a + b) / 2
        same = domain.within(torch.cat([x[row], middle[:, None]], dim=1), 0.0) == before
        a, b = torch.where(same, middle, a), torch.where(same, b, middle)
    met = in_rows(row, (a + b) / 2, len(x))[:, :MOST]
    return torch.cat([met, met.new_full((len(x), MOST - met.shape[1]), torch.nan)], dim=1)


def _touching(domain: Domain, x: Float[Tensor, "P k"], at: Float[Tensor, "P S"]) -> Float[Tensor, "P T"]:
    """Where ``implicit`` is nearest to zero between samples that have the same sign, by golden sections."""

    def size(row: Tensor, last: Tensor) -> Tensor:
        return domain.implicit(torch.cat([x[row], last[:, None]], dim=1))

    rows = torch.arange(len(x)).repeat_interleave(at.shape[1])
    value = size(rows, at.reshape(-1)).reshape(at.shape)
    sign = value.sign()
    height = value.abs()
    alike = (sign[:, 1:-1] == sign[:, :-2]) & (sign[:, 1:-1] == sign[:, 2:])
    row, j = (alike & (height[:, 1:-1] <= height[:, :-2]) & (height[:, 1:-1] <= height[:, 2:])).nonzero(as_tuple=True)
    a, b, side = at[row, j], at[row, j + 2], sign[row, j + 1]
    for _ in range(SECTIONS if len(row) else 0):
        left, right = b - GOLDEN * (b - a), a + GOLDEN * (b - a)
        lower = side * size(row, left) < side * size(row, right)
        a, b = torch.where(lower, a, left), torch.where(lower, right, b)
    return in_rows(row, (a + b) / 2, len(x))


def in_rows(row: Int[Tensor, " I"], values: Float[Tensor, " I"], count: int) -> Float[Tensor, "count K"]:
    """Values in the rows they belong to, filled up with NaN; rows are given in their order."""
    counts = torch.bincount(row, minlength=count)
    table = values.new_full((count, int(counts.max()) if count else 0), torch.nan)
    place = torch.arange(len(row)) - (counts.cumsum(0) - counts)[row]
    table[row, place] = values
    return table
