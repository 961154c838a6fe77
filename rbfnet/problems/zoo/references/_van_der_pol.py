"""The oscillator of van der Pol."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.integrate import solve_ivp

from rbfnet.errors import InputError, positive

STIFF = 100.0
"""Up to this mu explicit steps are the faster ones."""


def van_der_pol(t: npt.ArrayLike, mu: float = 1.0, *, rtol: float = 1e-12) -> npt.NDArray[np.float64]:
    """(y, y') of y'' - mu (1 - y^2) y' + y = 0, y(0) = 2, y'(0) = 0, at times t (N,) in any order; (N, 2).

    SciPy's DOP853 and its dense values of order 7; Radau beyond mu = 100, where stability limits explicit steps. Nothing is
    cached: .1 s for mu = 1 to t = 20, 4 s for mu = 100 to t = 200, 2 s for mu = 1000 to t = 2000.

    Args:
        t: times, zero or positive.
        mu: how stiff it is.
        rtol: relative and absolute tolerance of the steps.

    Raises:
        InputError: times that are not a vector, negative or non-finite; a mu that is not positive.

    Source: van der Pol, Phil. Mag. 2 (1926); Hairer & Wanner, Solving Ordinary Differential Equations II (1996), section IV.1.
    Accuracy: for mu = 1 to t = 20 4e-12 in y and 1e-11 in y', against Taylor series with 30 digits; by a tolerance of 3e-14,
    1.3e-11 and 1.4e-10 for mu = 10 to t = 20, 1.3e-10 and 1.7e-9 (of 133) for mu = 100 to t = 200,
    1e-9 and 3e-8 for mu = 1000 to t = 2000.
    """
    t = np.asarray(t, dtype=float)
    mu = positive("mu", mu)
    if t.ndim != 1 or not (np.isfinite(t) & (t >= 0)).all():
        raise InputError(f"The times must be a vector of numbers that are zero or positive, but got {t!r}.")
    if not t.any():
        return np.tile([2.0, 0.0], (t.size, 1))

    def slope(_: float, y: npt.NDArray[np.float64]) -> tuple[float, float]:
        return y[1], mu * (1 - y[0] ** 2) * y[1] - y[0]

    def jacobian(_: float, y: npt.NDArray[np.float64]) -> list[list[float]]:
        return [[0.0, 1.0], [-2 * mu * y[0] * y[1] - 1, mu * (1 - y[0] ** 2)]]

    method: dict[str, object] = {"method": "DOP853"} if mu <= STIFF else {"method": "Radau", "jac": jacobian}
    run = solve_ivp(slope, (0.0, t.max()), (2.0, 0.0), rtol=rtol, atol=rtol, dense_output=True, **method)
    values: npt.NDArray[np.float64] = run.sol(t).T
    return values
