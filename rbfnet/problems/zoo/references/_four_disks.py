"""Laplace's equation in a square with four holes."""

from __future__ import annotations

from itertools import product

import numpy as np
import numpy.typing as npt

from rbfnet.errors import InputError
from rbfnet.problems.zoo.references._cache import Arrays, cached

CENTER, RADIUS = 0.3 + 0.3j, 0.1
POLES, POWERS = 24, 10

Real = npt.NDArray[np.float64]
Complex = npt.NDArray[np.complex128]


def four_disks(x: npt.ArrayLike, y: npt.ArrayLike, *, block: int = 2048) -> Real:
    """Lap u = 0 in [-.5, .5]^2 without the discs of radius .1 about (+-.3, +-.3); u = 1 on the square, u = 0 on the circles.

    Shape as x and y together.

    With z = x + iy, w = (z - c) e^{-i pi/4}, c = .3 + .3i and r = .1,

        u = sum over j of a_j Re z^{4j} + b_0 L_0 + sum over n of b_n L_n,
        L_n(z) = sum over |p|, |q| <= 1 of (-1)^{p+q} f_n(z + p + iq),

    where f_n is Re (r/w)^n, or log |w| for n = 0, summed over the four turns of z by 90 degrees: all symmetries of the square
    are in the functions. u - 1 continues by odd reflection across the sides; L_n has the poles of the eight neighbouring
    squares in it, so that the polynomial only stands for what is farther away and converges as fast as (.71/1.6)^{4j}. The
    coefficients are fitted to the boundary values by least squares, and cached.

    Points inside the discs or outside the square get values that mean nothing.

    Args:
        x, y: coordinates, of shapes that go together.
        block: points treated at a time.

    Raises:
        InputError: non-finite coordinates.

    Accuracy: 1e-14: the worst error in the boundary values, at points the fit has not seen, which by the maximum principle
    bounds the error inside.
    """
    x, y = np.broadcast_arrays(np.asarray(x, dtype=float), np.asarray(y, dtype=float))
    z = (x + 1j * y).ravel()
    if not np.isfinite(z).all():
        raise InputError("The coordinates must be finite.")
    kept = cached("four_disks", 1, solve)
    parts = [evaluate(z[start : start + block], kept["powers"], kept["poles"]) for start in range(0, z.size, block)]
    return np.concatenate([np.empty(0), *parts]).reshape(x.shape)


def solve(poles: int = POLES, powers: int = POWERS) -> Arrays:
    """The coefficients ``powers`` (J,) and ``poles`` (N + 1,), the logarithm first."""
    z, values = boundary(8 * (poles + powers))
    columns = [(z**4) ** j for j in range(powers)]
    matrix = np.stack([*(column.real for column in columns), *(_pole(z, n) for n in range(poles + 1))], axis=1)
    scale = np.abs(matrix).max(axis=0)
    found = np.linalg.lstsq(matrix / scale, values, rcond=None)[0] / scale
    return {"powers": found[:powers], "poles": found[powers:]}


def boundary(count: int) -> tuple[Complex, Real]:
    """``count`` points on half a side and on half a circle each, which by symmetry stand for all, and the values there."""
    half = (np.arange(count) + 0.5) / count
    side = 0.5 + 0.5j * np.sin(np.pi / 2 * half)
    circle = CENTER + RADIUS * np.exp(1j * np.pi * (0.25 + half))
    return np.concatenate([side, circle]), np.repeat([1.0, 0.0], count)


def evaluate(z: Complex, powers: Real, poles: Real) -> Real:
    """u at z (N,) with these coefficients."""
    u = np.array(np.polyval(powers[::-1], z**4).real)
    for n, b in enumerate(poles):
        u += b * _pole(z, n)
    return u


def _pole(z: Complex, n: int) -> Real:
    """L_n at z (N,)."""
    total = np.zeros(z.shape)
    for p, q, turn in product((-1, 0, 1), (-1, 0, 1), (1, 1j, -1, -1j)):
        w = ((z + p + 1j * q) * turn - CENTER) * np.exp(-0.25j * np.pi)
        total += (-1) ** (p + q) * (np.log(np.abs(w)) if n == 0 else ((RADIUS / w) ** n).real)
    return total
