"""The Allen-Cahn equation."""

from __future__ import annotations

from collections.abc import Iterable
from math import pi

import numpy.typing as npt
from torch import cos

from rbfnet.domains import Interval, SpaceTime
from rbfnet.problems.conditions import Condition, Initial, Interior, Periodic
from rbfnet.problems.zoo._on_grid import OnGrid
from rbfnet.problems.zoo.references import allen_cahn


class AllenCahn(OnGrid):
    """u_t = 1e-4 u_xx + 5 (u - u^3), periodic in x on [-1, 1], u(x, 0) = x^2 cos(pi x), for t in [0, 1].

    Errors are measured against :func:`rbfnet.problems.zoo.references.allen_cahn`, on its grid of 512 x 101 points.

    Source: Raissi, Perdikaris & Karniadakis, J. Comput. Phys. 378 (2019).

    Args:
        num_interior, num_boundary, sampler: see :class:`Problem`.

    Example:
        >>> import rbfnet
        >>> from rbfnet.problems import AllenCahn
        >>> solution = rbfnet.solve(AllenCahn(), num_centers=60)
        >>> solution.verdict, solution.errors["rel_l2"] < 0.1
        ('rough', True)
    """

    domain = SpaceTime(Interval(x=(-1, 1)), t=(0, 1))

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda u: u.d("t") - 1e-4 * u.d("xx") - 5 * (u.value - u.value**3))
        yield Periodic("x")
        yield Initial(lambda x: x**2 * cos(pi * x))

    def table(self) -> tuple[npt.ArrayLike, ...]:
        kept = allen_cahn()
        return kept["x"], kept["t"], kept["u"]
