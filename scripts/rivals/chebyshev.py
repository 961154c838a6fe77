"""Chebyshev collocation with the differentiation matrix of Trefethen, Spectral Methods in MATLAB (2000), program ``cheb``."""

from __future__ import annotations

from math import pi

import numpy as np
import scipy
from scipy.interpolate import BarycentricInterpolator

from scripts.rivals.method_of_lines import NU, burgers_in_time
from scripts.rivals.race import Array, Race, compete


def differentiation(degree: int, low: float, high: float) -> tuple[Array, Array]:
    """Nodes x_j = cos(pi j / degree), moved to [low, high] and ascending, and the matrix of d/dx there."""
    x = -np.cos(pi * np.arange(degree + 1) / degree)
    c = (-1.0) ** np.arange(degree + 1)
    c[[0, -1]] *= 2
    apart = x[:, None] - x[None, :] + np.eye(degree + 1)
    matrix = np.outer(c, 1 / c) / apart
    matrix -= np.diag(matrix.sum(axis=1))
    return low + (high - low) * (x + 1) / 2, matrix * 2 / (high - low)


def poisson(degree: int) -> tuple[Array, Array]:
    """-Lap u = f on [0, 1]^2, u = 0 around: nodes of one axis, and u at all, by the eigenvectors of d^2/dx^2."""
    x, first = differentiation(degree, 0, 1)
    values, vectors = np.linalg.eig((first @ first)[1:-1, 1:-1])
    inverse = np.linalg.inv(vectors)
    f = 2 * pi**2 * np.outer(np.sin(pi * x), np.sin(pi * x))[1:-1, 1:-1]
    inner = vectors @ ((inverse @ f @ inverse.T) / -(values[:, None] + values[None, :])) @ vectors.T
    return x, np.pad(inner.real, 1)


def burgers(degree: int, low: float, times: Array, tolerance: float = 1e-10) -> tuple[Array, Array]:
    """u_t + u u_x = NU u_xx on [low, 1], u(x, 0) = -sin(pi x), u = 0 at both ends: nodes, and u (nodes, times).

    With low = 0 it is half of the problem on [-1, 1], whose solution is odd; the nodes are then close where the front is.
    """
    x, first = differentiation(degree, low, 1)
    second = (first @ first)[1:-1, 1:-1]
    first = first[1:-1, 1:-1]

    def jacobian(u: Array) -> Array:
        return -np.diag(first @ u) - u[:, None] * first + NU * second

    return x, burgers_in_time(x, first, second, jacobian, times, tolerance)


def run(problem: str, variant: str, race: Race) -> None:
    """Variants: "whole degree" or, for Burgers, "half degree"."""
    part, degree = variant.split()
    axes = [np.unique(column) for column in race.points.T]
    if problem == "poisson":
        nodes, u = poisson(int(degree))
    else:
        nodes, u = burgers(int(degree), 0.0 if part == "half" else -1.0, axes[1])
    at = race.elapsed()

    def predict(points: Array) -> Array:
        if problem == "poisson":
            along = BarycentricInterpolator(nodes, u)(axes[0])
            return BarycentricInterpolator(nodes, along.T)(axes[1]).T
        if part == "half":
            return np.sign(axes[0])[:, None] * BarycentricInterpolator(nodes, u)(np.abs(axes[0]))
        return BarycentricInterpolator(nodes, u)(axes[0])

    race.measure(predict, at)


if __name__ == "__main__":
    compete(run, f"SciPy {scipy.__version__}")
