"""Steady flow in a square driven by its lid, by spectral collocation with the singular part of the stream function subtracted."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from numpy.polynomial import chebyshev
from scipy.linalg import qr, solve, solve_triangular
from scipy.special import eval_jacobi, roots_jacobi

from rbfnet.nn import PolarFunctions
from rbfnet.operators import Operator
from rbfnet.problems.zoo.references._cache import Arrays, cached

Real = npt.NDArray[np.floating]
Speed = Callable[[Real], Real]

SIDE, HALF = 101, 129
UNIFORM, PARABOLA = 80, 60
"""Degrees of the polynomials."""

JUMP = [(1.0, 1.0, 0, 0), (1.0, 1.0, 1, 0)]
BEND = [(2.0, 0.0, 0, 0), (2.0, 2.0, 0, 0), (2.0, 0.0, 1, 0)]
"""Biharmonic functions (:class:`rbfnet.nn.PolarFunctions`): the lid moves at a constant speed, or is at rest at its ends."""


def lid() -> Arrays:
    """Steady flow in the unit square at Re = 100, u = 4 x (1 - x), v = 0 on y = 1, u = v = 0 on the other sides; cached.

    The stream function is the sum of its singular parts in the upper corners, r^2 theta and quadratic polynomials such that the
    velocity on both sides is right to first order, and of a polynomial of degree 60 in x and in y. The polynomial solves
    u Lap psi_x + v Lap psi_y = Lap^2 psi / Re at the Gauss-Jacobi points of weight (1 - s^2)^2; Newton's method. The pressure has
    the singular parts log r, and its gradient is fitted.

    Returns:
        ``x``, ``y``, ``u``, ``v`` and ``p``, the mean of p zero, at 101 x 101 evenly spaced points of [.005, .995]^2.

    Accuracy: in relative L2, the change from degree 48 is 1.5e-8 in u, 2.8e-8 in v and 2.2e-6 in p; from 36 to 48 it is 9 to 19
    times that.
    """
    return cached("lid", 1, lambda: _on_grid(Flow(PARABOLA, 100.0, lambda x: 4 * x * (1 - x), BEND, 4.0)))


def cavity_1000() -> Arrays:
    """Steady flow in the unit square at Re = 1000, u = 1, v = 0 on y = 1, u = v = 0 on the other sides; cached.

    As :func:`lid`, with r times the Stokes flow of a jump as singular part, a polynomial of degree 80, and continuation in Re.

    Returns:
        ``x``, ``y``, ``u`` and ``v`` at 127 points of each of the centre lines; v is NaN on x = 1/2, and u on y = 1/2.

    Source: Botella and Peyret, Computers & Fluids 27 (1998), who print the extremes -.3885698 of u, .3769447 and -.5270771 of v
    on the centre lines; those here are -.3885698, .3769446 and -.5270769.
    Accuracy: the change from degree 64 is 6e-5 in u, most of it next to the lid, and 6e-6 in v, in relative L2; from degree 48
    it is 13 and 16 times that.
    """
    return cached("cavity_1000", 1, lambda: _on_center_lines(flow_at(1000.0, UNIFORM)))


def flow_at(reynolds: float, degree: int) -> Flow:
    """The flow under a uniform lid, from flows at lower Reynolds numbers and degrees."""
    before, re = None, 100.0
    while re < 0.7 * reynolds:
        before = Flow(min(degree, 32), re, np.ones_like, JUMP, 0.0, before)
        re *= 2.2
    for coarse in (32, 48, 64):
        if coarse < degree:
            before = Flow(coarse, reynolds, np.ones_like, JUMP, 0.0, before)
    return Flow(degree, reynolds, np.ones_like, JUMP, 0.0, before)


class Flow:
    """A flow in the unit square, solved for when it is made.

    Args:
        degree: of the polynomial. reynolds: the number.
        speed: of the lid, a function of x. singular: the terms of the singular parts.
        slope: at a distance of r from the corners the speed is 1, or ``slope`` r if that is not 0, to leading order.
        before: a flow to start from; None is rest.
    """

    def __init__(
        self,
        degree: int,
        reynolds: float,
        speed: Speed,
        singular: Sequence[tuple[float, float, int, int]],
        slope: float,
        before: Flow | None = None,
    ) -> None:
        self.degree, self.reynolds, self.speed, self.slope = degree, reynolds, speed, slope
        self._corners = [
            _corner(PolarFunctions((0.0, 1.0), singular, start=-90.0, angle=90.0), slope, 1.0),
            _corner(PolarFunctions((1.0, 1.0), singular, start=180.0, angle=90.0), slope, -1.0),
        ]
        self._series = _basis(degree)
        self.coefficients = self._boundary()
        if before is not None:
            # The singular parts do not depend on Re: the polynomials are comparable.
            shared = min(degree, before.degree) + 1
            self.coefficients[4:shared, 4:shared] = before.coefficients[4:shared, 4:shared]
        self._newton()

    def at(self, x: Real, y: Real, in_x: int, in_y: int) -> Real:
        """A derivative of the stream function on the grid of x (N,) and y (M,), (N, M)."""
        grid = np.meshgrid(x, y, indexing="ij")
        return self._matrix(x, in_x) @ self.coefficients @ self._matrix(y, in_y).T + self._singular(*grid, in_x, in_y)

    def pressure(self, x: Real, y: Real) -> Real:
        """The pressure on the grid of x and y, of mean zero, by fitting the gradient; for ``BEND``."""
        n = self.degree - 4
        s = (1 - np.cos(np.pi * (np.arange(n + 4) + 0.5) / (n + 4))) / 2
        u, v = self.at(s, s, 0, 1), -self.at(s, s, 1, 0)
        ux, uy, vx = self.at(s, s, 1, 1), self.at(s, s, 0, 2), -self.at(s, s, 2, 0)
        along_x = (self.at(s, s, 2, 1) + self.at(s, s, 0, 3)) / self.reynolds - u * ux - v * uy
        along_y = -(self.at(s, s, 3, 0) + self.at(s, s, 1, 2)) / self.reynolds - u * vx + v * ux

        def columns(a: Real, b: Real, in_x: int, in_y: int) -> Real:
            one, other = (_derivative(np.eye(n + 1), order) for order in (in_x, in_y))
            smooth = np.kron(chebyshev.chebval(2 * a - 1, one).T, chebyshev.chebval(2 * b - 1, other).T)[:, 1:]
            grid = np.meshgrid(a, b, indexing="ij")
            logs = [PolarFunctions(vertex, [(0, 0, 0, 1)]) for vertex in ((0.0, 1.0), (1.0, 1.0))]
            return np.concatenate([smooth, *(_values(log, *grid, in_x, in_y).reshape(-1, 1) for log in logs)], axis=1)

        rows = np.concatenate([columns(s, s, 1, 0), columns(s, s, 0, 1)])
        q, r = qr(rows, mode="economic")
        found = solve_triangular(r, q.T @ np.concatenate([along_x.ravel(), along_y.ravel()]))
        nodes, weights = np.polynomial.legendre.leggauss(80)
        nodes, weights = (nodes + 1) / 2, weights / 2
        mean = np.kron(weights, weights) @ (columns(nodes, nodes, 0, 0) @ found)
        return (columns(x, y, 0, 0) @ found - mean).reshape(len(x), len(y))

    def _matrix(self, x: Real, order: int) -> Real:
        return chebyshev.chebval(2 * x - 1, _derivative(self._series, order)).T

    def _singular(self, x: Real, y: Real, in_x: int, in_y: int, corners: Sequence[int] = (0, 1)) -> Real:
        parts = [_values(self._corners[k][0], x, y, in_x, in_y) @ self._corners[k][1] for k in corners]
        return np.sum(parts, axis=0)

    def _boundary(self) -> Real:
        """Coefficients such that the sum satisfies the conditions on all sides, with the others zero."""
        s = (1 - np.cos(np.pi * np.arange(self.degree + 1) / self.degree)) / 2
        zero, one = np.zeros_like(s), np.ones_like(s)
        found = np.zeros((self.degree + 1, self.degree + 1))
        values = self._matrix(s, 0)
        # On its own two sides a singular part satisfies the conditions, to leading order.
        found[:4] = solve(
            values,
            -np.stack([
                self._singular(zero, s, 0, 0, [1]), self._singular(zero, s, 1, 0, [1]),
                self._singular(one, s, 0, 0, [0]), self._singular(one, s, 1, 0, [0]),
            ], axis=1),
        ).T  # fmt: skip
        # Slopes are by the variable of the series, which is twice as long.
        found[[1, 3]] *= 0.5
        traces = np.full_like(s, self.slope or 2.0)
        below = [self._singular(s, zero, 0, order) for order in (0, 1)]
        found[:, :4] = solve(values, np.stack([-below[0], -below[1] / 2, zero, (self.speed(s) - traces) / 2], axis=1))
        return found

    def _newton(self) -> None:
        x = (roots_jacobi(self.degree - 3, 2, 2)[0] + 1) / 2
        inner = [self._matrix(x, order)[:, 4:] for order in range(5)]

        def columns(in_x: int, in_y: int) -> Real:
            return np.kron(inner[in_x], inner[in_y])

        bilaplacian = columns(4, 0) + 2 * columns(2, 2) + columns(0, 4)
        for _ in range(20):
            u, minus_v = self.at(x, x, 0, 1), self.at(x, x, 1, 0)
            bent_x, bent_y = self.at(x, x, 3, 0) + self.at(x, x, 1, 2), self.at(x, x, 2, 1) + self.at(x, x, 0, 3)
            fourth = self.at(x, x, 4, 0) + 2 * self.at(x, x, 2, 2) + self.at(x, x, 0, 4)
            residual = fourth / self.reynolds - u * bent_x + minus_v * bent_y
            jacobian = bilaplacian / self.reynolds
            for factor, parts in (
                (-u, ((3, 0), (1, 2))), (-bent_x, ((0, 1),)), (minus_v, ((2, 1), (0, 3))), (bent_y, ((1, 0),)),
            ):  # fmt: skip
                for part in parts:
                    jacobian += factor.reshape(-1, 1) * columns(*part)
            step = solve(jacobian, -residual.ravel(), overwrite_a=True, check_finite=False).reshape(len(x), len(x))
            self.coefficients[4:, 4:] += step
            if np.abs(inner[0] @ step @ inner[0].T).max() < 1e-11:
                return
        raise ArithmeticError(f"Newton's method did not converge with degree {self.degree} at Re = {self.reynolds}.")


def _corner(functions: PolarFunctions, slope: float, inwards: float) -> tuple[PolarFunctions, Real]:
    """The functions, and the coefficients such that psi = 0 and its normal derivative is that of the lid, or 0, on two sides."""
    (x, _), r = functions.vertex, np.array([0.5, 1.0])
    lid, wall = (x + inwards * r, np.ones(2)), (np.full(2, x), 1 - r)
    conditions = [(lid, 0, 0, 0 * r), (lid, 0, 1, slope * r if slope else np.ones(2)), (wall, 0, 0, 0 * r), (wall, 1, 0, 0 * r)]
    rows = np.concatenate([_values(functions, *place, in_x, in_y) for place, in_x, in_y, _ in conditions])
    return functions, np.linalg.lstsq(rows, np.concatenate([value for *_, value in conditions]))[0]


def _values(functions: PolarFunctions, x: Real, y: Real, in_x: int, in_y: int) -> Real:
    """A derivative of the functions at points (...), (..., T)."""
    points = torch.from_numpy(np.stack([x.ravel(), y.ravel()], axis=1))
    op = Operator.d(*[0] * in_x, *[1] * in_y) if in_x + in_y else Operator.identity()
    return functions.apply_operator(points, op).numpy().reshape(*x.shape, -1)


def _basis(degree: int) -> Real:
    """Chebyshev coefficients of cubics with one value or slope at one end of [-1, 1], then of (1 - s^2)^2 P_k(s); (N, N)."""
    s = np.cos(np.pi * (np.arange(degree + 1) + 0.5) / (degree + 1))
    left, right = (1 - s) ** 2 / 4, (1 + s) ** 2 / 4
    cubics = [left * (2 + s), left * (1 + s), right * (2 - s), -right * (1 - s)]
    inner = [(1 - s**2) ** 2 * np.sqrt(k + 1) * eval_jacobi(k, 2, 2, s) for k in range(degree - 3)]
    found: Real = solve(chebyshev.chebvander(s, degree), np.stack([*cubics, *inner], axis=1))
    return found


def _derivative(series: Real, order: int) -> Real:
    """The series of a derivative by x = (s + 1) / 2."""
    found: Real = chebyshev.chebder(series, order, scl=2) if order else series
    return found


def _on_grid(flow: Flow) -> Arrays:
    s = np.linspace(0.005, 0.995, SIDE)
    x, y = np.meshgrid(s, s, indexing="ij")
    found = {"x": x, "y": y, "u": flow.at(s, s, 0, 1), "v": -flow.at(s, s, 1, 0), "p": flow.pressure(s, s)}
    return {name: values.ravel() for name, values in found.items()}


def _on_center_lines(flow: Flow) -> Arrays:
    s = np.linspace(0, 1, HALF)[1:-1]
    half, none = np.full(1, 0.5), np.full(len(s), np.nan)
    return {
        "x": np.concatenate([np.full(len(s), 0.5), s]),
        "y": np.concatenate([s, np.full(len(s), 0.5)]),
        "u": np.concatenate([flow.at(half, s, 0, 1)[0], none]),
        "v": np.concatenate([none, -flow.at(s, half, 1, 0)[:, 0]]),
    }
