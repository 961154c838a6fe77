"""The nonlinear Schroedinger equation on a circle."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy import fft

from rbfnet.problems.zoo.references._cache import Arrays, cached

POINTS, TIMES = 256, 101
OVERSAMPLING = 16

_A = (0.0792036964311957, 0.353172906049774, -0.0420650803577195)
_B = (0.209515106613362, -0.143851773179818)
DRIFTS = (*_A, 1 - 2 * sum(_A), *_A[::-1])
KICKS = (*_B, 0.5 - sum(_B), 0.5 - sum(_B), *_B[::-1])
"""The splitting S6 of order 4 of Blanes & Moan: how long the linear and the nonlinear part act, in turn, in steps."""


def schroedinger() -> Arrays:
    """i h_t + h_xx / 2 + |h|^2 h = 0, periodic in x on [-5, 5], h(x, 0) = 2 sech x, for t in [0, pi/2]; cached on a grid.

    Fourier in x, splitting of order 4 in t: the linear part turns each mode, the nonlinear part each value, both exact and
    unitary, so that the mass, the integral of |h|^2, stays. 8192 modes, 4000 steps.

    The periodic h(x, 0) has a corner at +-5, where the slope jumps by .054. Nothing damps it: the modes fall off as 1/k^2 for
    all times, and the error as modes^-1.5 in L2. (Exponential integrators lose their order here.)

    Returns:
        ``x`` (256,), from -5 to 5 without 5; ``t`` (101,), from 0 to pi/2; ``h`` (101, 256), complex.

    Source: Raissi, Perdikaris & Karniadakis, J. Comput. Phys. 378 (2019); the splitting: Blanes & Moan, J. Comput.
    Appl. Math. 142 (2002).
    Accuracy: 7e-8 in relative L2 and 2e-7 at the worst point by the number of modes (16384 change the values by 4.5e-8 in L2,
    1.2e-7 at most, and the changes fall by 2^1.5); 3e-8 in L2 and 1.5e-7 at most by the number of steps; mass to 1e-10.
    """
    return cached("schroedinger", 1, lambda: solve(8192, 4000))


def solve(modes: int, steps: int, length: float = 10.0) -> Arrays:
    """The same with ``modes``, a multiple of 256, ``steps``, a multiple of 100, and a period of ``length``."""
    tau = math.pi / 2 / steps
    x = length * (np.arange(modes) / modes - 0.5)
    wave = 2 * np.pi * fft.fftfreq(modes, length / modes)
    # The first drift of a step follows the last one of the step before: one turn does for both.
    first, *inner, _ = (np.exp(-0.5j * a * tau * wave**2) for a in DRIFTS)
    turns = [*inner, first**2]

    v = _coefficients(modes, length) * first
    h = [(2 / np.cosh(x[:: modes // POINTS])).astype(complex)]
    for step in range(1, steps + 1):
        for b, turn in zip(KICKS, turns, strict=True):
            w = fft.ifft(v)
            v = fft.fft(w * np.exp(1j * b * tau * (w.real**2 + w.imag**2))) * turn
        if step % (steps // (TIMES - 1)) == 0:
            h.append(fft.ifft(v / first)[:: modes // POINTS])
    return {"x": x[:: modes // POINTS], "t": np.linspace(0, math.pi / 2, TIMES), "h": np.stack(h)}


def _coefficients(modes: int, length: float) -> npt.NDArray[np.complex128]:
    """The Fourier coefficients of 2 sech x: samples at ``modes`` points would fold the tail of 1/k^2 into them."""
    fine = OVERSAMPLING * modes
    c = fft.fft(2 / np.cosh(length * (np.arange(fine) / fine - 0.5))) / OVERSAMPLING
    return np.concatenate([c[: modes // 2], c[-(modes // 2) :]])
