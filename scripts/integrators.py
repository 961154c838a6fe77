"""The steps of ``solver=evolve`` against SciPy's Radau and BDF, on the same systems in time: errors, seconds and their ratio.

    python scripts/integrators.py

The systems are those that evolve solves: the method of lines with boundary conditions eliminated, y = held + free z. SciPy gets
their rates and their Jacobians from the same code; where they are linear both are one matrix. Errors are those at the end,
relative, from the exponential of the matrix, or SciPy's Radau at 1e-12 where the system is not linear.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import torch
from scipy.integrate import solve_ivp
from spectra import lines_of  # type: ignore[import-not-found]
from through_time import CASES, SQUARE  # type: ignore[import-not-found]
from torch import cos, pi

from rbfnet.domains import SpaceTime
from rbfnet.problems import Condition, Initial, Interior, Neumann, Problem
from rbfnet.solvers.time import Lines, March, Radau


class Phases(Problem):
    """u_t = .01 Lap u + u - u^3 on a square, in the plane and not linear."""

    domain = SpaceTime(SQUARE, t=(0, 10))

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda u: u.d("t") - 0.01 * u.laplacian("x", "y") - u + u**3)
        yield Neumann(0.0)
        yield Initial(lambda x, y: 0.1 * cos(pi * x) + 0.1 * cos(2 * pi * y))


class System:
    """z' = f(t, z) for the free part of the state of a problem, and of its velocity."""

    def __init__(self, lines: Lines) -> None:
        self.lines, self.linear = lines, lines.linearised_at_start()
        self.order, self.free = lines.order, self.linear.constraints.free
        self.held = lines.start - lines.start @ self.free @ self.free.T
        self.start = (lines.start @ self.free).flatten().numpy()
        self.matrix = self._jacobian(self.linear.free) if lines.constant else None

    def rate(self, t: float, z: Any) -> Any:
        if self.matrix is not None:
            return self.matrix @ z
        _, free = self.lines.residuals(torch.tensor([t], dtype=self.free.dtype), self._values(z), self.linear)
        highest = -torch.linalg.solve(self.linear.free[self.order], free[0])
        return np.concatenate([z[self.free.shape[1] :], highest.numpy()])

    def jacobian(self, t: float, z: Any) -> Any:
        if self.matrix is not None:
            return self.matrix
        one = torch.ones(1, dtype=self.free.dtype)
        return self._jacobian(self.lines.linearise(t * one, self._values(z), 1.0, one).free)

    def _values(self, z: Any) -> torch.Tensor:
        state = self.held + torch.from_numpy(np.array(z)).reshape(self.order, -1) @ self.free.T
        return torch.cat([state, torch.zeros_like(state[:1])]).reshape(self.order + 1, 1, self.lines.outputs, -1)

    def _jacobian(self, free: torch.Tensor) -> Any:
        size = free.shape[2]
        matrix = free.new_zeros((self.order * size, self.order * size))
        matrix[: (self.order - 1) * size, size:] = torch.eye((self.order - 1) * size, dtype=free.dtype)
        matrix[(self.order - 1) * size :] = -torch.linalg.solve(free[self.order], torch.cat(list(free[: self.order]), dim=1))
        return matrix.numpy()


def ours(system: System, end: float, tolerance: float) -> Any:
    """The state at the end by our steps, as evolve takes them."""
    lines = system.lines
    scale = lines.start[0].norm() * torch.ones(lines.outputs, dtype=lines.start.dtype)
    march = March(lines, Radau.of(9), tolerance, end, 0.0, end / 50, lines.start, scale)
    while not march.done:
        march.slab()
    return (march.state @ system.free).flatten().numpy()


def scipys(system: System, end: float, method: str, tolerance: float) -> Any:
    """The same by SciPy."""
    options: dict[str, Any] = {"method": method, "rtol": tolerance, "atol": tolerance * 1e-2}
    jacobian = system.jacobian if system.matrix is None else system.matrix
    return solve_ivp(system.rate, (0, end), system.start, jac=jacobian, **options).y[:, -1]


SYSTEMS: dict[str, tuple[Callable[[], Lines], float, float, float]] = {
    "heat on a square": (lambda: lines_of(CASES["heat_square"].problem(), 300, None), 0.2, 1e-9, 1e-11),
    "drum": (lambda: lines_of(CASES["drum"].problem(), 300, None), 3.0, 1e-9, 1e-11),
    "phases in the plane": (lambda: lines_of(Phases(), 200, None), 10.0, 1e-9, 1e-11),
}
"""How each is made, its end, and the tolerances of SciPy's Radau and BDF."""


@torch.no_grad()
def table() -> Iterator[str]:
    """The rows."""
    yield "| system | unknowns | method | error | s | of ours |"
    yield "|" + " --- |" * 6
    for name, (make, end, radau, bdf) in SYSTEMS.items():
        torch.set_default_dtype(torch.float64)
        system = System(make())
        if system.matrix is None:
            twin = scipys(system, end, "Radau", 1e-12)
        else:
            twin = torch.linalg.matrix_exp(end * torch.from_numpy(system.matrix)).numpy() @ system.start
        runs: dict[str, Callable[[], Any]] = {
            "evolve 1e-09": lambda: ours(system, end, 1e-9),  # noqa: B023
            f"SciPy Radau {radau:g}": lambda: scipys(system, end, "Radau", radau),  # noqa: B023
            f"SciPy BDF {bdf:g}": lambda: scipys(system, end, "BDF", bdf),  # noqa: B023
        }
        first = 0.0
        for label, integrate in runs.items():
            began = time.perf_counter()
            found = integrate()
            took = time.perf_counter() - began
            first = first or took
            error = np.linalg.norm(found - twin) / np.linalg.norm(twin)
            yield f"| {name} | {len(twin)} | {label} | {error:.1e} | {took:.2f} | {took / first:.1f} |"


if __name__ == "__main__":
    for row in table():
        print(row, flush=True)
