"""Points that are held out from a solver: they decide whether a step has helped, and are taken in where it has not."""

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
"""How many points are held out: evenly, and close to the boundary, as parts of those that are used."""


class HeldBack:
    """Points beside those of a problem, in rounds: those of a round are held out until they are taken in, by number.

    The points of a round are the same whenever they are drawn, so that its number is all there is to keep of them; of several
    processes all draw the same, and each has its share. Points that are given (data, values from files) and quadratures have no
    others, and stay as they are.
    """

    def __init__(self) -> None:
        self._known: list[tuple[Mapping[str, Sample], dict[str, Sample], dict[str, Sample]]] = []

    def taken_in(self, posed: Posed, rounds: int) -> Posed:
        """The problem with the points of so many rounds among its own."""
        samples = dict(posed.samples)
        for even, close in (self._round(posed, k) for k in range(rounds)):
            for part in (even, close):
                samples |= {name: _joined(samples[name], sample) for name, sample in posed.own(part).items()}
        return replace(posed, samples=samples)

    def loss(self, posed: Posed, rounds: int) -> float:
        """The loss at the points that are held out after so many rounds."""
        even, close = self._round(posed, rounds)
        both = {name: _joined(even[name], sample) for name, sample in close.items()}
        samples = {**posed.samples, **posed.own({**even, **both})}
        return replace(posed, samples=samples).loss()

    @torch.no_grad()
    def miss(self, posed: Posed, rounds: int) -> float:
        """By how much the equation that is missed most is missed there, relative to its own terms."""
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
    """As many points as a share of those that are used, by the golden ratio: neighbours in a sequence are taken or left."""
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
