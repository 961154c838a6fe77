"""The shipped kernels, and what is known of them from elsewhere: what tests of kernels and of networks go through."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mpmath
import torch

from rbfnet.kernels import (
    Cubic,
    Gaussian,
    GeneralizedMultiquadric,
    InverseMultiquadric,
    InverseQuadratic,
    Kernel,
    Linear,
    Matern,
    Multiquadric,
    Polyharmonic,
    Product,
    Quintic,
    RationalQuadratic,
    Scaled,
    Sum,
    ThinPlateSpline,
    Wendland,
)

FEW: list[Kernel] = [
    Gaussian(),
    Multiquadric(),
    InverseMultiquadric(),
    Matern(0.5),
    Matern(1.5),
    Matern(2.5),
    Matern(3.5),
    ThinPlateSpline(),
]
"""Of each kind of smoothness one."""

KERNELS: list[Kernel] = [
    Gaussian(),
    Multiquadric(),
    InverseMultiquadric(),
    InverseQuadratic(),
    GeneralizedMultiquadric(),
    GeneralizedMultiquadric(1.5),
    RationalQuadratic(),
    *map(Matern, (0.5, 1.5, 2.5, 3.5, 4.5)),
    ThinPlateSpline(),
    *map(Polyharmonic, (1, 3, 4, 5, 6, 7)),
    *map(Wendland, (0, 2, 4, 6)),
    Sum(["gaussian", Matern(2.5)]),
    Product([Wendland(4), InverseQuadratic()]),
]
"""Each family, its members that have formulas of their own, a sum and a product."""

GROWTH: dict[Kernel, float] = {
    Gaussian(): 0,
    Multiquadric(): 1,
    InverseMultiquadric(): 0,
    InverseQuadratic(): 0,
    GeneralizedMultiquadric(): 0,
    GeneralizedMultiquadric(1.5): 3,
    GeneralizedMultiquadric(-0.75, trainable=True): 0,
    RationalQuadratic(): 0,
    RationalQuadratic(2.0, trainable=True): 0,
    **{Matern(nu): 0 for nu in (0.5, 1.5, 2.5, 3.5, 4.5)},
    ThinPlateSpline(): 2,
    **{Polyharmonic(m): m for m in (1, 3, 4, 5, 6, 7)},
    **{Wendland(continuity): 0 for continuity in (0, 2, 4, 6)},
    Sum(["gaussian", Matern(2.5)]): 0,
    2.0 * Multiquadric() + Polyharmonic(5): 5,
    Product([Wendland(4), "gaussian", InverseQuadratic()]): 0,
    Product([Multiquadric(), Matern(3.5)]): 0,
    Scaled(Matern(2.5), 3.0, 0.5): 0,
    Scaled("gaussian", 0.5, 2.0, trainable=True): 0,
}
"""The kernels, and the power of r they grow as, up to a logarithm."""


@dataclass(frozen=True)
class Row:
    """A shipped kernel, and what is known of it from elsewhere.

    laplacian, biharmonic: at a centre, divided by D epsilon^2 and D (D + 2) epsilon^4; None where the kernel has none.
    """

    kernel: Kernel
    phi: Callable[[Any], Any]
    smoothness: float
    order: int | None
    laplacian: float | None = None
    biharmonic: float | None = None
    max_dims: float = math.inf
    compact: bool = False


def _matern(nu: float, polynomial: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def phi(s: Any) -> Any:
        z = mpmath.sqrt(2 * nu * s)
        return polynomial(z) * mpmath.exp(-z)

    return phi


def _radial(phi: Callable[[Any], Any], support: float = math.inf) -> Callable[[Any], Any]:
    return lambda s: phi(mpmath.sqrt(s)) if s < support else mpmath.mpf(0)


def _power(b: str) -> Callable[[Any], Any]:
    return lambda s: (1 + s) ** mpmath.mpf(b)


MATERN = {
    0.5: _matern(0.5, lambda z: 1),
    1.5: _matern(1.5, lambda z: 1 + z),
    2.5: _matern(2.5, lambda z: 1 + z + z**2 / 3),
    3.5: _matern(3.5, lambda z: 1 + z + 2 * z**2 / 5 + z**3 / 15),
    # Its general definition, by a Bessel function.
    4.5: lambda s: (
        2 ** mpmath.mpf(-3.5) / mpmath.gamma(4.5) * mpmath.sqrt(9 * s) ** 4.5 * mpmath.besselk(4.5, mpmath.sqrt(9 * s))
    ),
}

WENDLAND = {
    0: _radial(lambda r: (1 - r) ** 2, 1.0),
    2: _radial(lambda r: (1 - r) ** 4 * (4 * r + 1), 1.0),
    4: _radial(lambda r: (1 - r) ** 6 * (35 * r**2 + 18 * r + 3) / 3, 1.0),
    6: _radial(lambda r: (1 - r) ** 8 * (32 * r**3 + 25 * r**2 + 8 * r + 1), 1.0),
}


def _wendland(continuity: int, laplacian: float | None = None, biharmonic: float | None = None) -> Row:
    return Row(Wendland(continuity), WENDLAND[continuity], continuity, 0, laplacian, biharmonic, max_dims=3, compact=True)


def double(make: Callable[[], Kernel]) -> Kernel:
    """A kernel with parameters of float64: log(3/4) in float32 is not that of 50 digits."""
    torch.set_default_dtype(torch.float64)
    try:
        return make()
    finally:
        torch.set_default_dtype(torch.float32)


ROWS = [
    Row(Gaussian(), lambda s: mpmath.exp(-s), math.inf, 0, -2, 4),
    Row(Multiquadric(), lambda s: mpmath.sqrt(1 + s), math.inf, 1, 1, -1),
    Row(InverseMultiquadric(), lambda s: 1 / mpmath.sqrt(1 + s), math.inf, 0, -1, 3),
    Row(InverseQuadratic(), lambda s: 1 / (1 + s), math.inf, 0, -2, 8),
    Row(GeneralizedMultiquadric(), _power("-2"), math.inf, 0, -4, 24),
    Row(GeneralizedMultiquadric(1.5), _power("1.5"), math.inf, 2, 3, 3),
    Row(GeneralizedMultiquadric(2.25), _power("2.25"), math.inf, 3, 4.5, 11.25),
    Row(double(lambda: GeneralizedMultiquadric(-0.75, trainable=True)), _power("-0.75"), math.inf, 0, -1.5, 5.25),
    Row(RationalQuadratic(), lambda s: 1 / (1 + s / 2), math.inf, 0, -1, 2),
    Row(double(lambda: RationalQuadratic(2.0, trainable=True)), lambda s: 1 / (1 + s / 4) ** 2, math.inf, 0, -1, 1.5),
    Row(Matern(0.5), MATERN[0.5], 0, 0),
    # The design's list is per unit of z^2 = 2 nu s, hence the factors 2 nu and (2 nu)^2.
    Row(Matern(1.5), MATERN[1.5], 2, 0, -1 * 3),
    Row(Matern(2.5), MATERN[2.5], 4, 0, -1 / 3 * 5, 1 / 3 * 25),
    Row(Matern(3.5), MATERN[3.5], 6, 0, -1 / 5 * 7, 1 / 15 * 49),
    Row(Matern(4.5), MATERN[4.5], 8, 0, -1 / 7 * 9, 1 / 35 * 81),
    Row(ThinPlateSpline(), lambda s: s * mpmath.log(s) / 2, 1, 2),
    Row(Linear(), _radial(lambda r: r), 0, 1),
    Row(Cubic(), _radial(lambda r: r**3), 2, 2, 0),
    Row(Quintic(), _radial(lambda r: r**5), 4, 3, 0, 0),
    Row(Polyharmonic(1), _radial(lambda r: r), 0, 1),
    Row(Polyharmonic(), _radial(lambda r: r**3), 2, 2, 0),
    Row(Polyharmonic(4), _radial(lambda r: r**4 * mpmath.log(r)), 3, 3, 0),
    Row(Polyharmonic(5), _radial(lambda r: r**5), 4, 3, 0, 0),
    Row(Polyharmonic(6), _radial(lambda r: r**6 * mpmath.log(r)), 5, 4, 0, 0),
    Row(Polyharmonic(7), _radial(lambda r: r**7), 6, 4, 0, 0),
    _wendland(0),
    _wendland(2, -20),
    _wendland(4, -56 / 3, 560),
    _wendland(6, -22, 528),
    Row(Sum(["gaussian", Matern(2.5)]), lambda s: mpmath.exp(-s) + MATERN[2.5](s), 4, 0, -2 - 5 / 3, 4 + 25 / 3),
    Row(2.0 * Multiquadric() + Polyharmonic(5), lambda s: 2 * mpmath.sqrt(1 + s) + mpmath.sqrt(s) ** 5, 4, 3, 2, -2),
    Row(
        Product([Wendland(4), "gaussian", InverseQuadratic()]),
        lambda s: WENDLAND[4](s) * mpmath.exp(-s) / (1 + s),
        4,
        0,
        # f'(0) and f''(0) of the product by hand, of (1 - 28/3 s + 70 s^2) (1 - s + s^2/2) (1 - s + s^2).
        2 * (-28 / 3 - 2),
        4 * 2 * (70 + 2 * 28 / 3 + 2.5),
        max_dims=3,
        compact=True,
    ),
    Row(Scaled(Matern(2.5), 3.0, 0.5), lambda s: 3 * MATERN[2.5](s / 4), 4, 0, -5 / 4, 25 / 16),
    Row(double(lambda: Scaled("gaussian", 0.5, 2.0, trainable=True)), lambda s: mpmath.exp(-4 * s) / 2, math.inf, 0, -4, 32),
]
