"""Initial conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from rbfnet.operators import Field
from rbfnet.problems.conditions._boundary import named, one
from rbfnet.problems.conditions._condition import Condition, Residual, Sample, positive_weight
from rbfnet.problems.conditions._given_values import FileValue, Value, checked, evaluate, from_file, require_inside
from rbfnet.problems.conditions._point_counts import across

if TYPE_CHECKING:
    from rbfnet.problems._problem import Problem


class Initial(Condition):
    """The initial state of a problem in space and time: u = u0, and u_t = v0 if a velocity is given.

    Time is the last coordinate of the domain, a :class:`rbfnet.domains.SpaceTime`.

    Args:
        value: u0: a number, a function of the coordinates of space, u0(x, y), or a file whose rows are the points: columns
            named as these coordinates and the output.
        velocity: v0, a number or a function of the coordinates of space; None where there is none to be given.
        output: which output, where the problem has several.
        weight: how much more than by itself it counts.
        name: unique within the problem.
        points: how many; if None the problem's ``num_boundary``, or as many as follow the centres.
        hard: the model satisfies it by construction, :meth:`rbfnet.problems.Problem.ansatz`.

    Raises:
        InputError: a value of another kind; when points are drawn, a domain without time, or a column that is not there.

    Example:
        >>> import rbfnet
        >>> from rbfnet.domains import Interval
        >>> from rbfnet.problems import Equations, Initial
        >>> decay = Equations(Interval(t=(0, 1)), "u_t + u", [Initial(1.0)])
        >>> rbfnet.solve(decay, num_centers=20).predict([1.0]).round(6)  # exp(-1)
        array([0.367879])
    """

    def __init__(
        self,
        value: Value | FileValue = 0.0,
        velocity: Value | None = None,
        output: str | None = None,
        weight: float = 1.0,
        name: str | None = None,
        *,
        points: int | None = None,
        hard: bool = False,
    ) -> None:
        self.name = name or named("initial", output, None)
        value = checked(value, self.name, file=True)
        velocity = velocity if velocity is None else checked(velocity, self.name)
        self.value, self.velocity, self.output, self.hard = value, velocity, output, hard
        self._points, self.weight = points, positive_weight(weight, self.name)

    def sample(self, problem: Problem) -> Sample:
        domain = problem.domain
        start = start_of(problem)
        if isinstance(self.value, (Tensor, float, int)) or callable(self.value):
            return Sample((domain.initial(across(problem, self._points, self.name), problem.sampler),))
        x, values = from_file(self.value, domain, domain.coords[:-1], [self.output or problem.outputs[0]])
        x = torch.cat([x, torch.full_like(x[:, :1], start)], dim=1)
        require_inside(domain, x, f"The file {str(self.value)!r}")
        return Sample((x,), data=(values[:, 0],))

    def at(self, problem: Problem, x: Float[Tensor, "N D"]) -> tuple[Bool[Tensor, " N"], Sample] | None:
        if not (isinstance(self.value, (Tensor, float, int)) or callable(self.value)):
            return None
        start, end = problem.domain.box[:, -1].tolist()
        rows = problem.domain.contains(x) & ((x[:, -1] - start).abs() <= torch.finfo(x.dtype).eps ** 0.5 * (end - start))
        return rows, Sample((x[rows],))

    def residual(self, u: Field, *data: Tensor) -> Residual:
        space = u.points[:, :-1].unbind(dim=1)
        field = one(u, self.output)
        value = data[0] if data else evaluate(self.value, space, self.name)  # type: ignore[arg-type]
        if self.velocity is None:
            return field.value - value
        return field.value - value, field.d(u.coords[-1]) - evaluate(self.velocity, space, self.name)


def start_of(problem: Problem) -> float:
    """The time a problem starts at.

    Raises:
        InputError: a domain without time.
    """
    return float(problem.domain.initial()[0, -1])
