"""Finite differences on uniform grids: SciPy's sparse LU for Poisson, its BDF in time for Burgers.

The grids contain the points at which errors are measured; nothing is interpolated.
"""

from __future__ import annotations

from math import pi

import numpy as np
import scipy
from scipy.sparse import csc_array, diags_array, eye_array, kron
from scipy.sparse.linalg import splu

from scripts.rivals.method_of_lines import NU, burgers_in_time
from scripts.rivals.race import Array, Race, compete


def poisson(order: int, cells: int) -> Array:
    """-Lap u = f on [0, 1]^2, u = 0 around; u at all nodes, (cells + 1, cells + 1).

    With S the second difference in one direction, order 2 is -(Sx + Sy) u = f; order 4 is Collatz' nine-point formula,
    -(Sx + Sy + h^2 Sx Sy / 6) u = f + h^2 (Sx + Sy) f / 12.
    """
    x, h = np.linspace(0, 1, cells + 1), 1 / cells
    f = 2 * pi**2 * np.outer(np.sin(pi * x), np.sin(pi * x))
    inside = slice(1, -1)
    right = f[inside, inside]
    second = diags_array([1.0, -2.0, 1.0], offsets=[-1, 0, 1], shape=(cells - 1, cells - 1)) / h**2
    one = eye_array(cells - 1)
    matrix = -(kron(second, one) + kron(one, second))
    if order == 4:
        matrix = matrix - h**2 / 6 * kron(second, second)
        right = right + (f[2:, inside] + f[:-2, inside] + f[inside, 2:] + f[inside, :-2] - 4 * right) / 12
    u = np.zeros((cells + 1, cells + 1))
    u[inside, inside] = splu(csc_array(matrix), permc_spec="MMD_AT_PLUS_A").solve(right.ravel()).reshape(right.shape)
    return u


STENCILS = {
    2: ([-0.5, 0.0, 0.5], [1.0, -2.0, 1.0]),
    4: ([1 / 12, -2 / 3, 0.0, 2 / 3, -1 / 12], [-1 / 12, 4 / 3, -5 / 2, 4 / 3, -1 / 12]),
}
"""By order: first and second derivative from neighbours at distance 1."""


def differences(order: int, cells: int) -> tuple[csc_array, csc_array]:
    """First and second derivative at the inner nodes of [-1, 1], of u that is 0 at the walls.

    Beyond a wall u is continued oddly, as u = 0 and, from the equation, u_xx = 0 there.
    """
    inner, reach, h = cells - 1, order // 2, 2 / cells
    continued = np.zeros((inner + 2 * reach, inner))
    continued[reach:-reach] = np.eye(inner)
    for beyond in range(1, reach):
        continued[reach - 1 - beyond, beyond - 1] = continued[-(reach - beyond), -beyond] = -1
    extension = csc_array(continued)
    first, second = (
        csc_array(diags_array(weights, offsets=range(2 * reach + 1), shape=(inner, inner + 2 * reach)) @ extension)
        for weights in STENCILS[order]
    )
    return first / h, second / h**2


def burgers(order: int, cells: int, times: Array, tolerance: float = 1e-8) -> Array:
    """u_t + u u_x = NU u_xx on [-1, 1], u(x, 0) = -sin(pi x), u = 0 at the walls; u at all nodes, (cells + 1, times)."""
    x = np.linspace(-1, 1, cells + 1)
    first, second = differences(order, cells)

    def jacobian(u: Array) -> csc_array:
        return csc_array(-diags_array(first @ u) - diags_array(u) @ first + NU * second)

    return burgers_in_time(x, first, second, jacobian, times, tolerance)


def run(problem: str, variant: str, race: Race) -> None:
    """Variants: "order cells", cells a multiple of 100 for Poisson and of 255 for Burgers."""
    order, cells = (int(word) for word in variant.split())
    if problem == "poisson":
        u = poisson(order, cells)
    else:
        u = burgers(order, cells, np.unique(race.points[:, 1]))
    at = race.elapsed()
    axes = [np.unique(column) for column in race.points.T]
    step = cells // (len(axes[0]) - 1)
    race.measure(lambda points: u[::step, ::step] if problem == "poisson" else u[::step], at)


if __name__ == "__main__":
    compete(run, f"SciPy {scipy.__version__}")
