"""The van der Pol oscillator."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from rbfnet.domains import Interval
from rbfnet.errors import InputError, positive
from rbfnet.operators import Field
from rbfnet.problems._problem import Problem
from rbfnet.problems.conditions import Condition, Initial, Interior, Residual
from rbfnet.problems.zoo import references

TURNS = 1000
"""The reference takes seconds up to so many turns, each of a time of about 1.6 mu, or 6.7 for a small mu."""


class VanDerPol(Problem):
    """y' = v, v' = mu (1 - y^2) v - y with y(0) = 2, v(0) = 0, on a time [0, end]: an oscillator that finds its own amplitude.

    Nonlinear. The reference is :func:`rbfnet.problems.zoo.references.van_der_pol`, a method of order 8, to 1e-11 for mu = 1.

    Source: van der Pol, On relaxation-oscillations, Phil. Mag. 2 (1926).

    Args:
        mu: how strongly it is driven and damped.
        end: the time it ends at; one turn takes 6.66 for mu = 1.
        num_interior, sampler: see :class:`Problem`.

    Raises:
        InputError: a mu or an end that is not positive, or a number of points below 1.

    Example:
        >>> import rbfnet
        >>> from rbfnet.problems import VanDerPol
        >>> rbfnet.solve(VanDerPol(end=2.0), num_centers=40).verdict
        'solved'
    """

    outputs = ("y", "v")

    def __init__(self, mu: float = 1.0, end: float = 10.0, num_interior: int = 400, sampler: str = "halton") -> None:
        super().__init__(num_interior=num_interior, sampler=sampler)
        self.mu = float(positive("mu", mu))
        if positive("end", end) > (longest := TURNS * max(self.mu, 1.0)):
            raise InputError(f"end must be at most {longest:g} for mu={mu!r}, but got {end!r}.")
        self.domain = Interval(t=(0, float(end)))

    def conditions(self) -> Iterable[Condition]:
        yield Interior(self._system)
        yield Initial(2.0, output="y")
        yield Initial(0.0, output="v")

    def exact(self, t: Tensor) -> tuple[Tensor, Tensor]:
        y, v = torch.from_numpy(references.van_der_pol(t.cpu(), self.mu)).to(t).unbind(dim=1)
        return y, v

    def _system(self, f: Field) -> Residual:
        y, v = f["y"], f["v"]
        return y.d("t") - v.value, v.d("t") - self.mu * (1 - y**2) * v + y.value
