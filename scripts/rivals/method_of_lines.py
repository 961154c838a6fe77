"""Burgers' equation by the method of lines: SciPy's BDF in time, for any matrices of derivatives."""

from __future__ import annotations

from collections.abc import Callable
from math import pi
from typing import Any

import numpy as np
from scipy.integrate import solve_ivp

from scripts.rivals.race import Array

NU = 0.01 / pi


def burgers_in_time(x: Array, first: Any, second: Any, jacobian: Callable[[Array], Any], times: Array, tolerance: float) -> Array:
    """u_t + u u_x = NU u_xx, u(x, 0) = -sin(pi x), u = 0 at both ends: u at all nodes, (nodes, times).

    Args:
        x: all nodes.
        first, second: the matrices of d/dx and d^2/dx^2 at the inner nodes.
        jacobian: the derivative of u_t by u, from u.
        times: when u is wanted.
        tolerance: relative and absolute, for each step.
    """
    solution = solve_ivp(
        lambda t, u: -u * (first @ u) + NU * (second @ u),
        (0.0, float(times[-1])),
        -np.sin(pi * x[1:-1]),
        method="BDF",
        t_eval=times,
        rtol=tolerance,
        atol=tolerance,
        jac=lambda t, u: jacobian(u),
    )
    return np.pad(solution.y, ((1, 1), (0, 0)))
