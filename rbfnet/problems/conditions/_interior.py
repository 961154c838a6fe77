"""Equations in the domain."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from rbfnet.domains import Domain
from rbfnet.errors import InputError
from rbfnet.given import call, true_each
from rbfnet.operators import Field
from rbfnet.problems.conditions._condition import Condition, Residual, Sample, of_field, positive_weight
from rbfnet.problems.conditions._point_counts import inside

if TYPE_CHECKING:
    from rbfnet.problems._problem import Problem

Where = Domain | Callable[..., Tensor]
"""A part of the domain: a Domain within it, or a function of the coordinates that is true there."""


class Interior(Condition):
    """A differential equation inside the domain, or inside a part of it.

    Args:
        residual: a function of the field, zero where the equation holds:
            ``lambda u: u.laplacian() + torch.sin(u.x)``; several equations as a tuple.
        where: the part it holds in, a Domain or a function of the coordinates: ``lambda x, y: x < 0.5``.
        weight: how much more than by itself it counts.
        name: unique within the problem.
        points: how many; if None the problem's ``num_interior``, or a share by volume of the points that follow the centres.

    Raises:
        InputError: when points are drawn, a part without any.

    Example:
        >>> import rbfnet
        >>> from rbfnet.domains import Interval
        >>> from rbfnet.problems import Dirichlet, Interior
        >>> class Rod(rbfnet.Problem):
        ...     domain = Interval(x=(0, 1))
        ...     def conditions(self):
        ...         yield Interior(lambda u: u.d("xx") - 6 * u.x)
        ...         yield Dirichlet(0.0)
        >>> rbfnet.solve(Rod(), num_centers=20).predict([0.5]).round(6)  # x^3 - x
        array([-0.375])
    """

    def __init__(
        self,
        residual: Callable[[Field], Residual],
        where: Where | None = None,
        weight: float = 1.0,
        name: str = "interior",
        points: int | None = None,
    ) -> None:
        self._residual, self._where, self._points = of_field(residual, name), where, points
        self.weight, self.name = positive_weight(weight, name), name
        if where is not None and not callable(where) and not isinstance(where, Domain):
            raise InputError(
                f"`where` of condition {name!r} must be a Domain or a function of the coordinates, but got {where!r}."
            )

    def sample(self, problem: Problem) -> Sample:
        return self.draw(
            problem, inside(problem, self._points, self.name, self._where if isinstance(self._where, Domain) else None)
        )

    def draw(self, problem: Problem, n: int) -> Sample:
        """n points; where the part is a function those of n points in the domain that lie in it."""
        if isinstance(self._where, Domain):
            return Sample((self._where.interior(n, problem.sampler),))
        x = problem.domain.interior(n, problem.sampler)
        x = x[self.holds(x)]
        if not len(x):
            raise InputError(f"Condition {self.name!r} holds at none of {n} points in the domain.")
        return Sample((x,))

    def holds(self, x: Float[Tensor, "B D"]) -> Bool[Tensor, " B"]:
        """Which points of the domain lie in the part where the condition holds."""
        if self._where is None:
            return torch.ones(len(x), dtype=torch.bool, device=x.device)
        if isinstance(self._where, Domain):
            return self._where.contains(x)
        what = f"`where` of condition {self.name!r}"
        return true_each(call(self._where, what, *[column.clone() for column in x.unbind(dim=1)]), x, what)

    def within(self, problem: Problem, x: Float[Tensor, "N D"]) -> Float[Tensor, "n D"]:
        """Those of some points where the condition holds."""
        found = x if isinstance(self._where, Domain) else x[problem.domain.contains(x)]
        return found[self.holds(found)]

    def at(self, problem: Problem, x: Float[Tensor, "N D"]) -> tuple[Bool[Tensor, " N"], Sample]:
        rows = problem.domain.contains(x) & self.holds(x)
        return rows, Sample((x[rows],))

    def residual(self, u: Field) -> Residual:
        return call(self._residual, f"The residual of condition {self.name!r}", u)
