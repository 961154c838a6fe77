"""Integrals over any domain of up to three dimensions, along lines between the places where they meet its boundary."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from rbfnet.domains import _gauss
from rbfnet.domains._critical import critical
from rbfnet.domains._domain import Domain
from rbfnet.domains._meetings import in_rows

TOLERANCE = {1: 0.0, 2: 1e-12, 3: 3e-11}
"""How far a rule may be from the one on both halves, relative to the volume, by the number of dimensions."""

PROBES = 4096
"""Points that the volume is estimated by, for that."""

DEEPEST = 20
"""Maximum number of times an interval is halved."""

SAMPLES, MOST_SAMPLES, BISECTIONS = 33, 2048, 50
"""Between two corners, where a change of unknown place is looked for; in all; and how often what is found is halved."""

BLOCK = 2**22
"""So many meetings of lines and boundaries are looked at, at once."""


class Lines(NamedTuple):
    """Pieces of lines along the last coordinate.

    Attributes:
        owner: what each belongs to.
        at: the coordinates before the last.
        low, high: both ends.
        weight: of the rule over the coordinates before the last.
    """

    owner: Int[Tensor, " I"]
    at: Float[Tensor, "I D-1"]
    low: Float[Tensor, " I"]
    high: Float[Tensor, " I"]
    weight: Float[Tensor, " I"]

    def where(self, chosen: Tensor) -> Lines:
        """Some of them."""
        return Lines(*(column[chosen] for column in self))

    @staticmethod
    def joined(parts: list[Lines]) -> Lines:
        """All of several."""
        return Lines(*(torch.cat(column) for column in zip(*parts, strict=True)))

    @property
    def volume(self) -> float:
        """What they measure together, with their weights."""
        return float((self.weight * (self.high - self.low)).sum())


class Slices:
    """A domain, cut along its coordinates one after the other.

    Along the last one a line with the others fixed is cut where it meets boundaries. The integrals over these pieces are a
    function of the coordinate before, smooth between the values where the pieces change (their ends go over to another part of
    the boundary, they appear, vanish or part), and there with the root of the distance at worst. So between them it is integrated
    by Gauss's rule, or by that in t with x = middle - half cos(pi t), which knows roots. Where neither agrees with itself on both
    halves, it goes on with these. In three dimensions the same again along the first coordinate.

    Where the pieces change is known in closed form for spheres and planes (:func:`critical`), else by samples and bisection.

    Args:
        domain: of one, two or three dimensions.
        density: multiplies the number of nodes along each coordinate.
    """

    def __init__(self, domain: Domain, density: float = 1.0) -> None:
        self.domain, self.density, self.dims = domain, density, len(domain.coords)
        self.sides = domain.box[1] - domain.box[0]
        # What is less is rounding, along each coordinate.
        self.tiny = 1e-12 * self.sides + 1e-15 * domain.box.abs().amax(dim=0)
        self.closed = all(leaf.surfaces(domain.box[0]) is not None for leaf in domain.leaves)
        # Points of an additive recurrence with the roots of x^(D+1) = x + 1 (Roberts, 2018).
        root = (1.0, 1.618033988749895, 1.324717957244746, 1.220744084605759)[self.dims]
        steps = torch.tensor([root**-i for i in range(1, self.dims + 1)], dtype=torch.float64)
        probes = domain.box[0] + self.sides * ((0.5 + torch.arange(PROBES)[:, None] * steps) % 1)
        self.share = float(domain.within(probes, 0.0).double().mean().clamp(min=1 / PROBES))
        # For judging a rule: one, and two waves as long as the domain.
        turns = torch.tensor([[0.61, 0.72, 0.83], [-0.87, 0.59, 0.93]], dtype=torch.float64)[:, : self.dims]
        self.waves = 2 * math.pi * turns / self.sides

    def lines(self, x: Float[Tensor, "P k"]) -> Lines:
        """The domain where its first coordinates have given values."""
        if x.shape[1] == self.dims - 1:
            row, low, high, _ = self._pieces(x)
            return Lines(row, x[row], low, high, torch.ones_like(low))
        return self._integrated(x, *self._panels(x))

    def rule(self, lines: Lines) -> tuple[Float[Tensor, "N D"], Float[Tensor, " N"]]:
        """Nodes and weights on the lines."""
        orders = self._orders((lines.high - lines.low) / self.sides[-1])
        which, last, weights = _gauss.on_intervals(lines.low, lines.high, orders)
        return torch.cat([lines.at[which], last[:, None]], dim=1), weights * lines.weight[which]

    def _orders(self, waves: Tensor) -> Tensor:
        return (self.density * _gauss.enough(waves)).ceil().long()

    # -- along the last coordinate -------------------------------------------------------------------------------------

    def _pieces(self, x: Float[Tensor, "P D-1"]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Row, both ends of each piece of the domain along a line; and which boundaries a line's pieces begin and end with."""
        ends = self.domain.ends(x)
        count, most = ends.shape, int((~ends.isnan()).sum(dim=1).max()) if ends.numel() else 0
        ends, which = ends.topk(most, dim=1, largest=False)
        _same(which, ends[:, 1:] - ends[:, :-1] <= self.tiny[-1])
        row, j = (ends[:, 1:] - ends[:, :-1] > self.tiny[-1]).nonzero(as_tuple=True)
        low, high = ends[row, j], ends[row, j + 1]
        inside = self.domain.within(torch.cat([x[row], (low + high)[:, None] / 2], dim=1), 0.0)
        # Boundaries inside of the domain are none.
        joined = (row[1:] == row[:-1]) & inside[1:] & inside[:-1]
        begins, stops = inside.clone(), inside.clone()
        begins[1:] &= ~joined
        stops[:-1] &= ~joined
        form = torch.zeros(count, dtype=torch.int8)
        form[row[begins], which[row[begins], j[begins]]] += 1
        form[row[stops], which[row[stops], j[stops] + 1]] += 2
        return row[begins], low[begins], high[stops], form

    def _form(self, x: Float[Tensor, "P D-1"]) -> Tensor:
        """Which boundaries the pieces of each line begin and end with."""
        step = max(1, BLOCK // max(1, self.domain.ends(x[:1]).shape[1]))
        return torch.cat([self._pieces(part)[3] for part in x.split(step)])

    # -- along a coordinate before the last ------------------------------------------------------------------------------

    def _panels(self, x: Float[Tensor, "P k"]) -> tuple[Tensor, Tensor, Tensor]:
        """Row, low, high of the intervals along the next coordinate in which nothing changes but smoothly."""
        k = x.shape[1]
        low, high = self.domain.box[:, k]
        ends = torch.cat([self.domain.ends(x), critical(self.domain, x)], dim=1)
        ends = torch.where((ends > low) & (ends < high), ends, torch.nan)
        ends = torch.cat([ends, self.domain.box[:, k].expand(len(x), -1)], dim=1).sort(dim=1).values
        if k < self.dims - 2:
            return self._between(ends, k)
        if not self.closed:
            ends = torch.cat([ends, self._found(x, ends)], dim=1).sort(dim=1).values
        row, starts, stops = self._between(ends, k)
        form = self._form(torch.cat([x[row], (starts + stops)[:, None] / 2], dim=1))
        same = (row[1:] == row[:-1]) & (form[1:] == form[:-1]).all(dim=1)
        first, last = torch.ones_like(row, dtype=torch.bool), torch.ones_like(row, dtype=torch.bool)
        first[1:], last[:-1] = ~same, ~same
        kept = form[first].any(dim=1)
        return row[first][kept], starts[first][kept], stops[last][kept]

    def _between(self, ends: Float[Tensor, "P C"], k: int) -> tuple[Tensor, Tensor, Tensor]:
        """Row, low, high of the intervals between values in their order; NaN stands for none, and comes last."""
        new = torch.ones_like(ends, dtype=torch.bool)
        new[:, 1:] = ends[:, 1:] - ends[:, :-1] > self.tiny[k]
        row, j = new.nonzero(as_tuple=True)
        value = ends[row, j]
        known = ~value.isnan()
        row, value = row[known], value[known]
        follows = row[1:] == row[:-1]
        return row[:-1][follows], value[:-1][follows], value[1:][follows]

    def _found(self, x: Float[Tensor, "P D-2"], ends: Float[Tensor, "P C"]) -> Float[Tensor, "P C"]:
        """Values of the next coordinate where the form of a line changes, by bisection between samples."""
        row, low, high = self._between(ends, x.shape[1])
        samples = max(3, min(SAMPLES, MOST_SAMPLES * len(x) // max(1, len(row))))
        t = torch.linspace(0, math.pi, samples, dtype=ends.dtype)
        t[0], t[-1] = 1e-3, math.pi - 1e-3
        at = low[:, None] + (high - low)[:, None] * (t / 2).sin().square()
        form = self._form(torch.cat([x[row.repeat_interleave(samples)], at.reshape(-1, 1)], dim=1)).unflatten(0, at.shape)
        i, j = (form[:, 1:] != form[:, :-1]).any(dim=2).nonzero(as_tuple=True)
        a, b, before, fixed = at[i, j], at[i, j + 1], form[i, j], x[row[i]]
        for _ in range(BISECTIONS if len(i) else 0):
            middle = (a + b) / 2
            same = (self._form(torch.cat([fixed, middle[:, None]], dim=1)) == before).all(dim=1)
            a, b = torch.where(same, middle, a), torch.where(same, b, middle)
        return in_rows(row[i], (a + b) / 2, len(x))

    # -- rules -----------------------------------------------------------------------------------------------------------

    def _integrated(self, x: Float[Tensor, "P k"], owner: Tensor, low: Tensor, high: Tensor) -> Lines:
        """Lines for each row of x, from intervals along the next coordinate; where two rules differ these are halved."""
        k = x.shape[1]
        tolerance = TOLERANCE[self.dims] * self.share * float(self.sides[k:].prod())

        def agree(a: Tensor, b: Tensor) -> Bool[Tensor, " P"]:
            return ((a - b).abs() <= tolerance).all(dim=1)

        def rule(owner: Tensor, low: Tensor, high: Tensor, rounded: bool) -> Lines:
            waves = (high - low) / self.sides[k]
            orders = self._orders(1 + math.pi / 2 * waves if rounded else waves)
            which, at, weights = _gauss.on_intervals(low, high, orders, rounded)
            inner = self.lines(torch.cat([x[owner[which]], at[:, None]], dim=1))
            return inner._replace(owner=which[inner.owner], weight=inner.weight * weights[inner.owner])

        done: list[Lines] = []

        def settle(lines: Lines, which: Tensor) -> None:
            part = lines.where(which[lines.owner])
            done.append(part._replace(owner=owner[part.owner]))

        rounded = rule(owner, low, high, True)
        for depth in range(DEEPEST + 1):
            plain, whole = rule(owner, low, high, False), self._measured(rounded, len(owner))
            smooth = agree(self._measured(plain, len(owner)), whole)
            settle(plain, smooth)
            left = (~smooth).nonzero()[:, 0]
            middle = (low[left] + high[left]) / 2
            pairs, starts, ends = owner[left].repeat(2), torch.cat([low[left], middle]), torch.cat([middle, high[left]])
            both = rule(pairs, starts, ends, True)
            halves = self._measured(both, len(pairs)).unflatten(0, (2, -1)).sum(dim=0)
            good = agree(halves, whole[left]) | (depth == DEEPEST)
            settle(rounded, torch.zeros_like(smooth).index_put((left,), good))
            if good.all():
                break
            again = (~good).repeat(2)
            owner, low, high = pairs[again], starts[again], ends[again]
            rounded = both.where(again[both.owner])
            rounded = rounded._replace(owner=(again.cumsum(0) - 1)[rounded.owner])
        return Lines.joined(done)

    def _measured(self, lines: Lines, count: int) -> Float[Tensor, "count 3"]:
        """The integrals of one and of the two waves over what belongs to each owner."""
        slope, phase = self.waves[:, -1], lines.at @ self.waves[:, :-1].T + 1.0
        start = float(self.domain.box[0, -1])
        low, high = (phase + slope * (end - start)[:, None] for end in (lines.low, lines.high))
        each = torch.cat([(lines.high - lines.low)[:, None], (high.sin() - low.sin()) / slope], dim=1)
        return each.new_zeros((count, 3)).index_add_(0, lines.owner, lines.weight[:, None] * each)


def _same(which: Int[Tensor, "P K"], tied: Bool[Tensor, "P K-1"]) -> None:
    """Boundaries that lie on each other count for the first of them."""
    while tied.any():
        left, right = which[:, :-1], which[:, 1:]
        least = torch.minimum(left, right)
        if (least == torch.maximum(left, right))[tied].all():
            return
        which[:, 1:] = torch.where(tied, least, right)
        left.copy_(torch.where(tied, which[:, 1:].minimum(left), left))


def cut(domain: Domain, density: float = 1.0) -> Lines:
    """All of a domain as pieces of lines, as few as its shape asks for, times a density along each coordinate."""
    return Slices(domain, density).lines(torch.empty((1, 0), dtype=domain.box.dtype))


def along_lines(domain: Domain, n: int, lines: Lines) -> tuple[Float[Tensor, "N D"], Float[Tensor, " N"]]:
    """About n nodes and weights, or as many as the shape asks for, from what :func:`cut` gives."""
    points, weights = Slices(domain).rule(lines)
    if n < 1.5 * len(points):
        return points, weights
    density = (n / len(points)) ** (1 / len(domain.coords))
    return Slices(domain, density).rule(cut(domain, density))
