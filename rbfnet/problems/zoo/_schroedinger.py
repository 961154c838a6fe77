"""The nonlinear Schroedinger equation."""

from __future__ import annotations

from collections.abc import Iterable
from math import pi

import numpy.typing as npt
from torch import cosh

from rbfnet.domains import Interval, SpaceTime
from rbfnet.operators import Field
from rbfnet.problems.conditions import Condition, Initial, Interior, Periodic, Residual
from rbfnet.problems.zoo._on_grid import OnGrid
from rbfnet.problems.zoo.references import schroedinger


class Schroedinger(OnGrid):
    """i h_t + h_xx / 2 + |h|^2 h = 0 for h = u + i v, periodic in x on [-5, 5], h(x, 0) = 2 sech x, for t in [0, pi/2].

    Errors are measured against :func:`rbfnet.problems.zoo.references.schroedinger`, on its grid of 256 x 101 points.

    Source: Raissi, Perdikaris & Karniadakis, J. Comput. Phys. 378 (2019).

    Args:
        num_interior, num_boundary, sampler: see :class:`Problem`.

    Example:
        >>> from rbfnet.problems import Schroedinger
        >>> Schroedinger().outputs  # real and imaginary part
        ('u', 'v')
    """

    domain = SpaceTime(Interval(x=(-5, 5)), t=(0, pi / 2))
    outputs = ("u", "v")

    def conditions(self) -> Iterable[Condition]:
        yield Interior(equations)
        yield Periodic("x")
        yield Initial(lambda x: 2 / cosh(x), output="u")
        yield Initial(0.0, output="v")

    def table(self) -> tuple[npt.ArrayLike, ...]:
        kept = schroedinger()
        return kept["x"], kept["t"], kept["h"].real, kept["h"].imag


def equations(h: Field) -> Residual:
    """Imaginary and real part."""
    u, v = h["u"], h["v"]
    density = u.value**2 + v.value**2
    return u.d("t") + v.d("xx") / 2 + density * v.value, -v.d("t") + u.d("xx") / 2 + density * u.value
