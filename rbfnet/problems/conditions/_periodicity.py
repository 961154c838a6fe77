"""Periodic boundary conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from rbfnet.errors import InputError, positive, unknown
from rbfnet.operators import Field, Operator
from rbfnet.problems.conditions._condition import Condition, Residual, Sample, positive_weight
from rbfnet.problems.conditions._placement import at_points
from rbfnet.problems.conditions._point_counts import across

if TYPE_CHECKING:
    from rbfnet.problems._problem import Problem


class Periodic(Condition):
    """The two ends of a coordinate are identified: u and its derivatives along the coordinate are equal there.

    An equation of order m needs the values and m - 1 derivatives. (:class:`rbfnet.nn.Periodic` gives a network that is
    periodic by construction.)

    Args:
        coordinate: whose lowest and highest value are one place.
        derivatives: up to which derivative along the coordinate both ends agree; 0 takes the values alone.
        output: which output; all of them if None.
        weight: how much more than by itself it counts.
        name: unique within the problem.
        points: how many pairs; if None the problem's ``num_boundary``, or as many as follow the centres.

    Raises:
        InputError: a number of derivatives below 0; when points are drawn, an unknown coordinate, or a domain whose two sides
            are not copies of each other.

    Example:
        >>> import rbfnet
        >>> from rbfnet.domains import Interval
        >>> from rbfnet.problems import Equations, Periodic
        >>> rod = Equations(Interval(x=(0, 1)), "u_xx = u - 1", [Periodic("x")])
        >>> rbfnet.solve(rod, num_centers=20).predict([0.3]).round(6)
        array([1.])
    """

    def __init__(
        self,
        coordinate: str,
        derivatives: int = 1,
        output: str | None = None,
        weight: float = 1.0,
        name: str | None = None,
        *,
        points: int | None = None,
    ) -> None:
        self.name = name or f"periodic_{coordinate}"
        self._derivatives = int(positive(f"The derivatives of condition {self.name!r}", derivatives, whole=True, zero=True))
        self._coordinate, self._output, self._points = coordinate, output, points
        self.weight = positive_weight(weight, self.name)

    def sample(self, problem: Problem) -> Sample:
        domain = problem.domain
        if self._coordinate not in domain.coords:
            raise unknown("coordinate", self._coordinate, domain.coords)
        along = domain.coords.index(self._coordinate)
        # With no other coordinate there is one pair of ends.
        n = 1 if len(domain.coords) == 1 else across(problem, self._points, self.name)
        x = domain.interior(n, problem.sampler)
        ends: list[Tensor] = []
        for end in domain.box:
            side = x.clone()
            side[:, along] = end[along].to(x)
            ends += at_points(domain, side, self.name).sites
        return Sample(tuple(ends))

    def residual(self, low: Field, high: Field) -> Residual:
        if self._output is not None and self._output not in low.outputs:
            raise InputError(str(unknown("output", self._output, low.outputs)))
        return tuple(
            low[name].apply(op) - high[name].apply(op)
            for name in (low.outputs if self._output is None else (self._output,))
            for op in (Operator.d(*[self._coordinate] * k) for k in range(self._derivatives + 1))
        )
