"""Held-out points: they decide whether a step is accepted, and are added to the collocation points if steps fail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from rbfnet.problems import Sample
from rbfnet.solvers.algebra.processes import agreed
from rbfnet.solvers.assembly import Posed
from rbfnet.solvers.validation import close_points, fresh_points, misses

AS_MANY, CLOSE = 1.0, 0.25
"""Numbers of held-out points, as fractions of the points used: evenly distributed, and close to the boundary."""


class HeldBack:
    """Rounds of additional points for a problem: the points of a round are held out until the round is added.

    The points of a round are reproducible, so that only its number has to be stored. All processes draw the same points, and
    each uses its share. Given points (data, values from files) and quadratures are not extended.
    """

    def __init__(self) -> None:
        self._known: list[tuple[Mapping[str, Sample], dict[str, Sample], dict[str, Sample]]] = []

    def taken_in(self, posed: Posed, rounds: int) -> Posed:
        """The problem with the points of this many rounds added."""
        samples = dict(posed.samples)
        for even, close in (self._round(posed, k) for k in range(rounds)):
            for part in (even, close):
                samples |= {name: _joined(samples[name], sample) for name, sample in posed.own(part).items()}
        return replace(posed, samples=samples)

    def loss(self, posed: Posed, rounds: int) -> float:
        """The loss at the points that are held out after this many rounds."""
        even, close = self._round(posed, rounds)
        both = {name: _joined(even[name], sample) for name, sample in close.items()}
        samples = {**posed.samples, **posed.own({**even, **both})}
        return replace(posed, samples=samples).loss()

    @torch.no_grad()
    def miss(self, posed: Posed, rounds: int) -> float:
        """The maximum relative residual of all equations there."""
        even, close = self._round(posed, rounds)
        found = misses(posed.model, posed.problem, {**posed.everywhere, **even})
        if close:
            found += misses(posed.model, posed.problem, close)
        return max(agreed(torch.tensor([miss.rms for miss in found], dtype=torch.float64)).tolist())

    def _round(self, posed: Posed, number: int) -> tuple[dict[str, Sample], dict[str, Sample]]:
        if self._known and not _same(self._known[0][0], posed.samples):
            self._known.clear()
        while len(self._known) <= number:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(len(self._known))
                drawn = fresh_points(posed.problem, used := posed.everywhere)
                close = close_points(posed.problem, used)
            even = {name: _part(sample, used[name], AS_MANY) for name, sample in drawn.items() if _can_be_drawn(sample)}
            close = {name: _part(sample, used[name], CLOSE) for name, sample in close.items()}
            self._known.append((posed.samples, even, close))
        return self._known[number][1:]


def _can_be_drawn(sample: Sample) -> bool:
    return sample.weights is None and not sample.data


def _part(sample: Sample, used: Sample, share: float) -> Sample:
    """Select a fraction of the points by the golden ratio, which spreads the choice evenly over a sequence."""
    wanted = share * used.num_points / sample.num_points
    chosen = torch.arange(1, sample.num_points + 1, dtype=torch.float64) * 0.6180339887498949 % 1.0 < wanted
    return sample.rows(chosen.to(sample.sites[0].device))


def _same(one: Mapping[str, Sample], other: Mapping[str, Sample]) -> bool:
    return one.keys() == other.keys() and all(
        a is b for name in one for a, b in zip(one[name].sites, other[name].sites, strict=True)
    )


def _joined(one: Sample, other: Sample) -> Sample:
    def both(a: Tensor | None, b: Tensor | None) -> Tensor | None:
        return None if a is None or b is None else torch.cat([a, b])

    sites = tuple(torch.cat(pair) for pair in zip(one.sites, other.sites, strict=True))
    return Sample(sites, both(one.normal, other.normal))
