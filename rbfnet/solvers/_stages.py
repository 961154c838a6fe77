"""Problems on the way to the one that is to be solved, each the start of the next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

import torch

from rbfnet.errors import InputError, number, positive, unknown
from rbfnet.operators import Field
from rbfnet.problems import Condition, Interior, Problem, Sample
from rbfnet.problems._initial import start_of
from rbfnet.solvers._posed import Posed
from rbfnet.solvers._scales import automatic_scales

HOLD = 1e-2
"""How much less than by itself it counts that nothing changes beyond the slabs that are solved."""


class Stages:
    """A whole problem in one stage, or in several: numbers of it that change from stage to stage, or more and more of its time.

    With ``slabs`` the k-th of K stages has the points of the first k / K of time. Beyond them u_t = 0 takes the place of the
    equations: it carries the last state on as the start for the next slab, where a network that nothing holds goes astray by
    orders of magnitude. It has no part in the last stage. An integral that reaches beyond the slabs waits.

    Args:
        continuation: attributes of the problem, each with its values before its own, which is the last.
        slabs: K.

    Raises:
        InputError: values that are no numbers or not equally many; or both at once.
    """

    def __init__(self, continuation: Mapping[str, Sequence[float]] | None, slabs: int) -> None:
        self.continuation = {name: _numbers(name, values) for name, values in (continuation or {}).items()}
        self.slabs = int(positive("slabs", slabs, whole=True))
        lengths = {len(values) for values in self.continuation.values()}
        if len(lengths) > 1:
            raise InputError(f"Attributes that are continued together have equally many values, but got {continuation!r}.")
        if self.continuation and self.slabs > 1:
            raise InputError("continuation and slabs are two ways to the same end; take one of them.")
        self.count = lengths.pop() + 1 if lengths else self.slabs

    def check(self, problem: Problem) -> None:
        """Raise InputError where the problem has no such number, or no time."""
        for name in self.continuation:
            value = getattr(problem, name, None)
            if number(value) is None:
                known = [key for key, v in vars(problem).items() if number(v) is not None]
                if name in problem.unknowns():
                    raise InputError(f"{name!r} is found with the solution, and cannot be continued too; continue a number.")
                raise unknown(f"number to continue in {type(problem).__name__} called", name, known)
        if self.slabs > 1:
            start_of(problem)

    @contextmanager
    def entered(self, stage: int, posed: Posed) -> Iterator[Posed]:
        """The problem of a stage; the attributes have their own values again when the context is left."""
        problem, last = posed.problem, stage + 1 == self.count
        own = {name: getattr(problem, name) for name in self.continuation}
        try:
            if not last:
                for name, values in self.continuation.items():
                    setattr(problem, name, values[stage])
            yield posed if last or self.slabs == 1 else _slabs(posed, (stage + 1) / self.count)
        finally:
            for name, value in own.items():
                setattr(problem, name, value)


def _slabs(posed: Posed, share: float) -> Posed:
    """The problem up to a share of its time, and rest after it."""
    start, end = (float(at[0, -1]) for at in (posed.problem.domain.initial(), posed.problem.domain.final()))
    until = start + share * (end - start) * (1 + 1e-12)
    chosen: dict[str, torch.Tensor] = {}
    late: list[torch.Tensor] = []
    for name, sample in posed.samples.items():
        early = torch.stack([x[:, -1] <= until for x in sample.sites]).all(dim=0)
        if sample.weights is None:
            late.append(sample.sites[0][~early])
        elif not early.all():
            continue
        if early.any():
            chosen[name] = early.nonzero()[:, 0]
    part, held = posed.part(chosen), Sample((torch.cat(late),))
    if not held.num_points:
        return part
    problem = _AtRest(posed.problem)
    scales = automatic_scales(posed.model, problem, {_AtRest.name: held})[_AtRest.name]
    return replace(
        part,
        problem=problem,
        samples={**part.samples, _AtRest.name: held},
        scales={**part.scales, _AtRest.name: [HOLD * scale for scale in scales]},
        known=None,
    )


class _AtRest(Problem):
    """A problem, and that nothing changes in time."""

    name = "at rest beyond the slabs"

    def __init__(self, problem: Problem) -> None:
        super().__init__()
        self.domain, self.outputs = problem.domain, problem.outputs
        # In a list, so that its parameters are not taken for those of this problem.
        self._whole = [problem]

    def conditions(self) -> Iterable[Condition]:
        yield from self._whole[0].named_conditions().values()
        yield Interior(self._rest, name=self.name)

    def _rest(self, u: Field) -> tuple[torch.Tensor, ...]:
        return tuple(u[output].d(self.domain.coords[-1]) for output in self.outputs)


def _numbers(name: str, values: Sequence[float]) -> list[float]:
    given = list(values) if isinstance(values, Sequence) and not isinstance(values, str) else [values]
    if not given or not all(number(v) is not None and abs(v) < float("inf") for v in given):
        raise InputError(f"continuation takes a list of numbers for {name!r}, as in {{{name}: [10, 100]}}, but got {values!r}.")
    return [float(v) for v in given]
