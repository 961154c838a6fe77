"""The stationary Navier-Stokes equations."""

from __future__ import annotations

from rbfnet.operators import Field
from rbfnet.problems.conditions import Residual


def steady_navier_stokes(f: Field, reynolds: float) -> Residual:
    """(u . grad) u + grad p - Lap u / Re and div u in the plane, for the outputs u, v, p: zero in steady flow without forces."""
    return (
        f["u"].advection("u", "v") + f["p"].d("x") - f["u"].laplacian() / reynolds,
        f["v"].advection("u", "v") + f["p"].d("y") - f["v"].laplacian() / reynolds,
        f.divergence("u", "v"),
    )
