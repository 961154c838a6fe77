"""Conditions that a model satisfies by construction."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError
from rbfnet.nn import Ansatz, RBFNetwork, Wrapper
from rbfnet.problems.conditions._boundary import Dirichlet
from rbfnet.problems.conditions._condition import Condition
from rbfnet.problems.conditions._given_values import evaluate
from rbfnet.problems.conditions._initial import Initial, start_of
from rbfnet.problems.conditions._placement import is_file

if TYPE_CHECKING:
    from rbfnet.problems._problem import Problem


def hard_ansatz(problem: Problem, network: RBFNetwork | Wrapper, conditions: Iterable[Condition]) -> RBFNetwork | Wrapper:
    """g(x) + d(x) network(x) that satisfies the conditions that are hard; the network itself where none is.

    d is the domain's distance to its boundary for Dirichlet values, t - t0 for initial values, (t - t0)^2 with a velocity, or
    their product; g = g_D, u0 + (t - t0) v0, or g_D + u0 - g_D(t0), which has both values where they agree.

    Raises:
        InputError: hard conditions that have no such form: on a part of the boundary, with values from a file, with an output
            left out, or a velocity beside boundary values that move.
    """
    hard = [condition for condition in conditions if condition.hard]
    if not hard:
        return network
    boundary = {c.output: c for c in hard if isinstance(c, Dirichlet)}
    initial = {c.output: c for c in hard if isinstance(c, Initial)}
    advice = "remove hard=True, or write your own ansatz (Problem.ansatz)"
    known: list[Dirichlet | Initial] = [*boundary.values(), *initial.values()]
    for c in known:
        if is_file(c.value):
            raise InputError(
                f"Condition {c.name!r} cannot be hard with values from a file, which are known only at points; {advice}."
            )
        if isinstance(c, Dirichlet) and c.on is not None:
            raise InputError(f"Condition {c.name!r} cannot be hard on only a part of the boundary ({c.on!r}); {advice}.")
    every: list[str | None] = [None] if len(problem.outputs) == 1 and None in {*boundary, *initial} else list(problem.outputs)
    for kind, found in (("Dirichlet", boundary), ("Initial", initial)):
        if found and set(found) != set(every):
            raise InputError(f"Hard {kind} conditions are needed for all of the outputs {', '.join(problem.outputs)}; {advice}.")
    velocities = {c.velocity is not None for c in initial.values()}
    if len(velocities) > 1 or (True in velocities and any(callable(c.value) for c in boundary.values())):
        raise InputError(
            "A hard initial velocity is needed for all outputs or none, and beside boundary values that are numbers; "
            + advice
            + "."
        )
    order = 2 if True in velocities else 1
    form = _Form(problem, [boundary.get(o) for o in every], [initial.get(o) for o in every], order)
    return Ansatz(network, form.distance, form.lift)


class _Form:
    """Distance and lift of the hard conditions, one of each kind for every output or none."""

    def __init__(self, problem: Problem, boundary: list[Dirichlet | None], initial: list[Initial | None], order: int) -> None:
        self.geometry = problem.domain
        self.boundary, self.initial, self.order = boundary, initial, order
        self.start = start_of(problem) if initial[0] is not None else 0.0

    def distance(self, x: Float[Tensor, "B D"]) -> Float[Tensor, " B"]:
        product: Tensor | None = self.geometry.distance(x) if self.boundary[0] is not None else None
        if self.initial[0] is None:
            assert product is not None
            return product
        since = (x[:, -1] - self.start) ** self.order
        return since if product is None else product * since

    def lift(self, x: Float[Tensor, "B D"]) -> Float[Tensor, "B O"]:
        return torch.stack([self._lift(b, i, x) for b, i in zip(self.boundary, self.initial, strict=True)], dim=1)

    def _lift(self, boundary: Dirichlet | None, initial: Initial | None, x: Tensor) -> Tensor:
        total = torch.zeros_like(x[:, 0])
        columns = x.unbind(dim=1)
        if boundary is not None:
            total = total + _value(boundary, columns)
        if initial is not None:
            space = columns[:-1]
            total = total + _value(initial, space)
            if boundary is not None:
                total = total - _value(boundary, (*space, torch.full_like(columns[-1], self.start)))
            if initial.velocity is not None:
                total = total + (columns[-1] - self.start) * evaluate(initial.velocity, space, initial.name)
        return total


def _value(condition: Dirichlet | Initial, columns: tuple[Tensor, ...]) -> Tensor | float:
    value: Callable[..., Any] | Any = condition.value
    return evaluate(value, columns, condition.name)
