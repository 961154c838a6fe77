"""Conditions on one number: an integral, or a mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from torch import Tensor

from rbfnet.domains import Domain
from rbfnet.errors import InputError, positive
from rbfnet.given import call
from rbfnet.operators import Field
from rbfnet.problems.conditions._condition import Condition, Residual, Sample, of_field, positive_weight
from rbfnet.problems.conditions._given_values import checked
from rbfnet.problems.conditions._point_counts import inside

if TYPE_CHECKING:
    from rbfnet.problems._problem import Problem


class Integral(Condition):
    """The integral of a function of the field over the domain has a given value.

    Example: ``Integral(0.0, of=lambda u: u["p"])`` fixes the constant that a pressure is known up to.

    Args:
        value: what the integral is.
        of: the integrand, from the field; the field itself if None.
        where: a Domain within the problem's to integrate over.
        weight: how much more than by itself it counts.
        name: unique within the problem.
        points: how many the quadrature has, about; the problem's ``num_interior`` if None. Where the shape of the domain asks for
            more there are more (:meth:`rbfnet.domains.Domain.quadrature`).
        noise: the standard deviation of the error of a measured value, by which fits to data weigh; None if it is not known.

    Raises:
        InputError: a value that is not a number, a part that is not a Domain.
    """

    kind = "integral"

    def __init__(
        self,
        value: float | Tensor = 0.0,
        of: Callable[[Field], Tensor | Field] | None = None,
        where: Domain | None = None,
        weight: float = 1.0,
        name: str | None = None,
        *,
        points: int | None = None,
        noise: float | None = None,
    ) -> None:
        self.name = name or self.kind
        value = checked(value, self.name)
        if where is not None and not isinstance(where, Domain):
            raise InputError(f"`where` of condition {self.name!r} must be a Domain, but got {where!r}.")
        self._value, self._where, self._points = value, where, points
        self._of = None if of is None else of_field(of, self.name)
        self.weight = positive_weight(weight, self.name)
        self._noise = None if noise is None else float(positive(f"The noise of condition {self.name!r}", noise))

    def support(self) -> Tensor | None:
        return None if self._where is None else self._where.scattered(2 ** len(self._where.coords))

    def noise(self, equation: int) -> float | None:
        return self._noise

    def sample(self, problem: Problem) -> Sample:
        domain = self._where or problem.domain
        x, weights = domain.quadrature(inside(problem, self._points, self.name))
        return self._measured(x, weights)

    def _measured(self, x: Tensor, weights: Tensor) -> Sample:
        # The value is part of the integrand, spread over the volume, so that the residual is pointwise like any other.
        return Sample((x,), weights=weights, data=((1 / weights.sum()).expand(len(x)),))

    def residual(self, u: Field, share: Tensor) -> Residual:
        integrand = u.value if self._of is None else call(self._of, f"The integrand of condition {self.name!r}", u)
        return integrand - self._value * share


class Mean(Integral):
    """The mean of a function of the field over the domain has a given value.

    Args:
        value: what the mean is.
        of, where, weight, name, points, noise: see :class:`Integral`.

    Raises:
        InputError: a value that is not a number.

    Example:
        >>> import rbfnet
        >>> from rbfnet.domains import Interval
        >>> from rbfnet.problems import Equations, Mean, Neumann
        >>> rod = Equations(Interval(x=(0, 1)), "u_xx = 1", [Neumann(0.5), Mean(0.0)])  # without Mean any constant could be added
        >>> rbfnet.solve(rod, num_centers=20).predict([0.5]).round(6)
        array([-0.041667])
    """

    kind = "mean"

    def _measured(self, x: Tensor, weights: Tensor) -> Sample:
        return super()._measured(x, weights / weights.sum())
