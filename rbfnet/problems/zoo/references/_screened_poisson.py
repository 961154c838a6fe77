"""The screened Poisson equation in a square with four holes of different sizes."""

from __future__ import annotations

from itertools import product

import numpy as np
import numpy.typing as npt
from scipy.special import k0e, k1e

from rbfnet.problems.zoo.references._cache import Arrays, cached

KAPPA = 8.0
HOLES = ((0.5, 0.5, 0.2), (0.4, -0.4, 0.4), (-0.2, -0.7, 0.1), (-0.6, 0.5, 0.3))
POLES, SINES, REFLECTIONS = 40, 2000, 2
SIDE = 151

Real = npt.NDArray[np.float64]
Complex = npt.NDArray[np.complex128]


def screened_poisson() -> Arrays:
    """-Lap u + 64 u = 10 (17 + x^2 + y^2) sin(pi x) sin(4 pi y), u = .2 on the square [-1, 1]^2, u = 1 on four circles.

    The sum of a particular solution, with s = sin(pi x) sin(4 pi y) of the form A r^2 s + B s + C (x s_x + y s_y); of the
    solution in the square without holes that takes it to the values on the square, by separation of variables; and of multipoles
    K_n(8 r) e^(i n theta) about the four centres, continued by odd reflection across the sides, which vanish on the square. Their
    coefficients are fitted to the values on the circles by least squares.

    Returns:
        ``x``, ``y`` and ``u`` at the points of a grid of 151 x 151 outside of the holes; cached.

    Accuracy: 1e-10, the worst error in the values on the circles at points the fit has not seen; 3e-8 next to the sides y = -1
    and 1, where the sines converge slowly.
    """
    return cached("screened_poisson", 1, _on_a_grid)


def _on_a_grid() -> Arrays:
    line = np.linspace(-1, 1, SIDE)
    x, y = (part.ravel() for part in np.meshgrid(line, line, indexing="ij"))
    outside = np.all([np.hypot(x - cx, y - cy) >= r for cx, cy, r in HOLES], axis=0)
    x, y = x[outside], y[outside]
    return {"x": x, "y": y, "u": evaluate(x, y, solve())}


def solve(poles: int = POLES, points: int = 200) -> Complex:
    """The coefficients (4, 2 poles + 1), fitted at ``points`` on each circle."""
    angles = 2 * np.pi * np.arange(points) / points
    x = np.concatenate([cx + r * np.cos(angles) for cx, cy, r in HOLES])
    y = np.concatenate([cy + r * np.sin(angles) for cx, cy, r in HOLES])
    columns = np.concatenate([_multipoles(x, y, hole, poles) for hole in HOLES], axis=1)
    both = np.concatenate([columns.real, -columns.imag], axis=1)
    found = np.linalg.lstsq(both, 1 - regular(x, y), rcond=1e-14)[0]
    return (found[: len(found) // 2] + 1j * found[len(found) // 2 :]).reshape(len(HOLES), -1)


def evaluate(x: Real, y: Real, coefficients: Complex, block: int = 4000) -> Real:
    """u at points (N,) with these coefficients."""
    u = np.empty_like(x)
    poles = (coefficients.shape[1] - 1) // 2
    for start in range(0, len(x), block):
        part = slice(start, start + block)
        u[part] = regular(x[part], y[part])
        for hole, c in zip(HOLES, coefficients, strict=True):
            u[part] += (_multipoles(x[part], y[part], hole, poles) @ c).real
    return u


def regular(x: Real, y: Real) -> Real:
    """The solution without holes: right-hand side and values .2 on the square."""
    k = 17 * np.pi**2 + KAPPA**2
    a, c = 10 / k, 40 / k**2
    b = (170 + 4 * a - 34 * np.pi**2 * c) / k
    sx, sy = np.sin(np.pi * x), np.sin(4 * np.pi * y)
    gx, gy = x * np.pi * np.cos(np.pi * x) * sy, y * 4 * np.pi * sx * np.cos(4 * np.pi * y)
    particular = (a * (x**2 + y**2) + b) * sx * sy + c * (gx + gy)
    wide, high = np.hypot(4 * np.pi, KAPPA), np.hypot(np.pi, KAPPA)
    # On the square only gx and gy are left, -+ pi sin(4 pi y) and +- 4 pi sin(pi x).
    back = c * np.pi * (_odd(wide, x) * sy - 4 * _odd(high, y) * sx)
    return particular + back + 0.2 * _of_one(x, y)


def _of_one(x: Real, y: Real) -> Real:
    """The solution of the homogeneous equation that is 1 on the square."""
    a = np.pi / 2 * np.arange(1, 2 * SINES, 2)
    amplitude = 2 * KAPPA**2 / (a * (a**2 + KAPPA**2))
    rate = np.hypot(a, KAPPA)
    along = np.sin(a * (x[:, None] + 1))
    decay = np.exp(-rate * (1 - y[:, None])) + np.exp(-rate * (1 + y[:, None]))
    return _even(KAPPA, x) + (along * decay) @ (amplitude / (1 + np.exp(-2 * rate)))


def _odd(rate: float, x: Real) -> Real:
    """sinh(rate x) / sinh(rate)."""
    return (np.exp(-rate * (1 - x)) - np.exp(-rate * (1 + x))) / -np.expm1(-2 * rate)


def _even(rate: float, x: Real) -> Real:
    """cosh(rate x) / cosh(rate)."""
    return (np.exp(-rate * (1 - x)) + np.exp(-rate * (1 + x))) / (1 + np.exp(-2 * rate))


def _multipoles(x: Real, y: Real, hole: tuple[float, float, float], poles: int) -> Complex:
    """K_n(8 r) e^(i n theta) / K_n(8 R) for |n| <= poles, less their reflections: zero on the square, (N, 2 poles + 1)."""
    cx, cy, radius = hole
    on_circle = bessel(np.array([KAPPA * radius]), poles)
    total = np.zeros((2 * poles + 1, len(x)), dtype=complex)
    for p, q in product(range(-REFLECTIONS, REFLECTIONS + 1), repeat=2):
        # The point reflected p times in x and q times in y.
        z = ((-1) ** p * x + 2 * p - cx) + 1j * ((-1) ** q * y + 2 * q - cy)
        r, turn = np.abs(z), z / np.abs(z)
        size = (-1.0) ** (p + q) * bessel(KAPPA * r, poles) / on_circle * np.exp(-KAPPA * (r - radius))
        phase = np.ones_like(z)
        for n, part in enumerate(size):
            total[poles + n] += part * phase
            if n:
                total[poles - n] += part * phase.conj()
            phase = phase * turn
    return total.T


def bessel(z: Real, most: int) -> Real:
    """e^z K_n(z) for n = 0 ... most, by the recurrence that is stable upwards, (most + 1, N)."""
    found = [k0e(z), k1e(z)]
    for n in range(1, most):
        found.append(found[n - 1] + 2 * n / z * found[n])
    return np.stack(found)
