"""Known equations of a fit to data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.domains import Box, Domain, SpaceTime
from rbfnet.errors import InputError, positive
from rbfnet.given import call
from rbfnet.operators import Field
from rbfnet.problems.conditions._condition import Condition, Residual, Sample
from rbfnet.problems.text import parse

if TYPE_CHECKING:
    from rbfnet.problems._problem import Problem

POINTS, MOST = {1: 60, 2: 300}, 700
"""Number of collocation points on a line and in the plane, and in more dimensions."""

FRESH = 500
"""Number of points at which the equation is checked."""


class Law(Condition):
    """Known equations at collocation points of a fit to data.

    Args:
        equation: ``"u_t = u_xx"`` (:class:`rbfnet.problems.Equations`), ``lambda u: u.d("t") - u.d("xx")``, or several.
        domain: where they hold.
        outputs: the names of the outputs.
        noise: the standard deviation of their residuals; 0 for equations that hold exactly.

    Raises:
        InputError: a text that cannot be read, or a negative noise.
    """

    name, weight = "equation", 1.0

    def __init__(self, equation: object, domain: Domain, outputs: Sequence[str], noise: float) -> None:
        given = equation if isinstance(equation, (list, tuple)) else [equation]
        self._parts = [_read(part, domain, outputs) for part in given]
        if not self._parts:
            raise InputError("equation is an empty list; give equations, or remove it.")
        self._noise = float(positive("equation_noise", noise, zero=True))
        self.domain = domain
        self._x = domain.scattered(POINTS.get(len(domain.coords), MOST))

    def sample(self, problem: Problem) -> Sample:
        return Sample((self._x.to(problem.domain.box),))

    def fresh(self, problem: Problem) -> Sample:
        """Other points, to check how closely the equations hold between the collocation points."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            return Sample((self.domain.interior(FRESH, "random").to(problem.domain.box),))

    def support(self) -> Tensor:
        return self._x

    def noise(self, equation: int) -> float | None:
        """The standard deviation of the residuals; None for equations that hold exactly."""
        return self._noise or None

    def residual(self, u: Field) -> Residual:
        found: list[Tensor | Field] = []
        for part in self._parts:
            residual = call(part, "The equation", u)
            found += residual if isinstance(residual, tuple) else [residual]
        return tuple(found)


def law_domain(domain: Domain | None, box: Float[Tensor, "2 D"], coords: Sequence[str]) -> Domain:
    """Where equations hold: the given domain, or the bounding box of the data, whose last coordinate is time if it is called t.

    Raises:
        InputError: something else than a domain, or one with other coordinates.
    """
    if domain is not None:
        if not isinstance(domain, Domain) or tuple(domain.coords) != tuple(coords):
            raise InputError(
                f"domain must be one of rbfnet.domains with the coordinates {', '.join(coords)}, but got {domain!r}."
            )
        return domain
    sides = {name: (low, high) for name, low, high in zip(coords, *box.tolist(), strict=True)}
    if len(coords) > 1 and coords[-1] == "t":
        time = sides.pop("t")
        return SpaceTime(Box(**sides), t=time)
    return Box(**sides)


def _read(equation: object, domain: Domain, outputs: Sequence[str]) -> Callable[[Field], Residual]:
    if isinstance(equation, str):
        return parse(equation, domain.coords, outputs, equation=True, space=domain.space_coords)
    if not callable(equation):
        raise InputError(f"equation must be a text such as 'u_t = u_xx' or a function of the field, but got {equation!r}.")
    return equation
