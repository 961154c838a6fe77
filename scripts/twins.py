"""Two solutions by grids, with nothing of rbfnet: what scripts/through_time.py and its tests compare with."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.fft import dstn, idstn

Array = npt.NDArray[Any]


def spot(x: Array, y: Array) -> Array:
    """Where Gray-Scott starts from."""
    return np.exp(-((x - 0.5) ** 2 + (y - 0.5) ** 2) / 0.01)


def lid(x: Array) -> Array:
    """The speed of the lid of the cavity, smooth in its corners."""
    return 16 * x**2 * (1 - x) ** 2


def etdrk4(modes: int, step: float, end: float) -> Array:
    """Gray-Scott on a grid, (2, modes, modes), by Fourier series and exponential steps: Cox and Matthews (2002), with the
    contour of Kassam and Trefethen (2005). 64 modes with steps of 1 are within 2e-6 of it.
    """
    k = 2 * np.pi * np.fft.fftfreq(modes, 1 / modes)
    square = k[:, None] ** 2 + k[None, :] ** 2
    linear = np.stack([-1e-4 * square - 0.04, -5e-5 * square - 0.1]) * step
    z = linear[..., None] + np.exp(1j * np.pi * (np.arange(1, 33) - 0.5) / 32)
    half = step * ((np.exp(z / 2) - 1) / z).mean(-1).real
    first = step * ((-4 - z + np.exp(z) * (4 - 3 * z + z**2)) / z**3).mean(-1).real
    middle = step * ((2 + z + np.exp(z) * (z - 2)) / z**3).mean(-1).real
    last = step * ((-4 - 3 * z - z**2 + np.exp(z) * (4 - z)) / z**3).mean(-1).real
    whole, root = np.exp(linear), np.exp(linear / 2)

    def made(state: Array) -> Array:
        u, v = np.fft.ifft2(state).real
        return np.fft.fft2(np.stack([0.04 - u * v**2, u * v**2]))

    at = np.arange(modes) / modes
    first_spot = spot(at[:, None], at[None, :])
    state = np.fft.fft2(np.stack([1 - 0.5 * first_spot, 0.25 * first_spot]))
    for _ in range(round(end / step)):
        n = made(state)
        a = root * state + half * n
        na = made(a)
        nb = made(root * state + half * na)
        nc = made(root * a + half * (2 * nb - n))
        state = whole * state + first * n + 2 * middle * (na + nb) + last * nc
    return np.fft.ifft2(state).real


def cavity(cells: int, reynolds: float, end: float) -> Array:
    """Velocities (2, cells + 1, cells + 1) in a square cavity that starts from rest, of second order.

    Stream function and vorticity by central differences, Poisson's equation by sine transforms, the vorticity at walls by Thom's
    formula, Heun's steps. Source: Peyret and Taylor, Computational Methods for Fluid Flow (1983), section 6.5.
    """
    h = 1 / cells
    top = lid(np.arange(cells + 1) * h)
    modes = (2 - 2 * np.cos(np.pi * np.arange(1, cells) / cells)) / h**2

    def rate(w: Array) -> tuple[Array, Array, Array]:
        psi, u, v, change = (np.zeros_like(w) for _ in range(4))
        psi[1:-1, 1:-1] = idstn(dstn(w[1:-1, 1:-1], type=1) / (modes[:, None] + modes), type=1)
        w = w.copy()
        w[:, 0], w[:, -1] = -2 * psi[:, 1] / h**2, -2 * psi[:, -2] / h**2 - 2 * top / h
        w[0], w[-1] = -2 * psi[1] / h**2, -2 * psi[-2] / h**2
        u[:, 1:-1], u[:, -1] = (psi[:, 2:] - psi[:, :-2]) / (2 * h), top
        v[1:-1] = (psi[:-2] - psi[2:]) / (2 * h)
        east, west, north, south = w[2:, 1:-1], w[:-2, 1:-1], w[1:-1, 2:], w[1:-1, :-2]
        carried = u[1:-1, 1:-1] * (east - west) + v[1:-1, 1:-1] * (north - south)
        change[1:-1, 1:-1] = (east + west + north + south - 4 * w[1:-1, 1:-1]) / (h * h * reynolds) - carried / (2 * h)
        return change, u, v

    w = np.zeros((cells + 1, cells + 1))
    steps = math.ceil(end / min(0.2 * h * h * reynolds, 0.5 * h))
    for _ in range(steps):
        first = rate(w)[0]
        w = w + end / steps * (first + rate(w + end / steps * first)[0]) / 2
    return np.stack(rate(w)[1:])
