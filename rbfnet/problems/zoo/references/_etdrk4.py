"""ETDRK4: exponential time differencing with a Runge-Kutta scheme of order 4."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[Any]

CONTOUR = 64
"""Points on the circle of radius 1 about each h * linear over which the phi functions are averaged."""


def etdrk4(v: Vector, linear: Vector, nonlinear: Callable[[Vector], Vector], h: float) -> Iterator[Vector]:
    """v(h), v(2h), ... of v' = linear * v + nonlinear(v), each (N,).

    The linear part, diagonal, is exact. The phi functions, which cancel near 0, are means over a circle about
    each h * linear, and so good to rounding for every mode (Cauchy's formula).

    Args:
        v: at time 0, (N,).
        linear: the eigenvalues of the linear part, (N,), real or complex.
        nonlinear: (N,) to (N,).
        h: the step.

    Source: Cox & Matthews, J. Comput. Phys. 176 (2002); Kassam & Trefethen, SIAM J. Sci. Comput. 26 (2005).
    """
    q, f1, f2, f3 = (h * f for f in _phi(h * linear))
    whole, half = np.exp(h * linear), np.exp(h * linear / 2)
    while True:
        nv = nonlinear(v)
        a = half * v + q * nv
        na = nonlinear(a)
        b = half * v + q * na
        nb = nonlinear(b)
        c = half * a + q * (2 * nb - nv)
        v = whole * v + f1 * nv + 2 * f2 * (na + nb) + f3 * nonlinear(c)
        yield v


def _phi(z0: Vector) -> list[Vector]:
    """The weights Q, f1, f2, f3 of Kassam & Trefethen (2005), equations 2.5, without the factor h."""
    sums = [np.zeros(z0.shape, dtype=complex) for _ in range(4)]
    for root in np.exp(2j * np.pi * (np.arange(CONTOUR) + 0.5) / CONTOUR):
        z = z0 + root
        e = np.exp(z)
        sums[0] += np.expm1(z / 2) / z
        sums[1] += (-4 - z + e * (4 - 3 * z + z**2)) / z**3
        sums[2] += (2 + z + e * (z - 2)) / z**3
        sums[3] += (-4 - 3 * z - z**2 + e * (4 - z)) / z**3
    means = [s / CONTOUR for s in sums]
    return means if np.iscomplexobj(z0) else [m.real for m in means]
