"""Errors and times of ``solver=evolve`` in the plane, and its time stepping against SciPy's on the same systems.

    python scripts/through_time.py [--only heat_hole drum ...] [--table] [--integrators] [--output through_time.md]

Each run is :func:`rbfnet.solve` with the number of centres given below and defaults otherwise; the time is that of the whole
call. Errors are relative L2 errors against a closed form over space and time ('blob': at the final time). ``--table`` prints
errors by number of centres. ``--integrators`` also gives the systems of ordinary differential equations for heat and a wave to
SciPy's Radau and BDF, with tolerances that reach the same error.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from scipy.integrate import solve_ivp
from scipy.special import jn_zeros
from torch import Tensor, cos, exp, pi, sin

import rbfnet
from rbfnet.domains import Disc, Domain, Rectangle, SpaceTime
from rbfnet.nn import Evolving
from rbfnet.operators import Field
from rbfnet.problems import Condition, Dirichlet, Initial, Interior, Periodic, Problem
from rbfnet.solvers import Evolve
from rbfnet.solvers.time import March, Radau

SQUARE = Rectangle(x=(0, 1), y=(0, 1))
DISC = Disc((0.0, 0.0), 1.0)
HOLE = SQUARE - Disc((0.5, 0.5), 0.2)
ELL = Rectangle(x=(0, 2), y=(0, 2)) - Rectangle(x=(1, 2), y=(1, 2))
FIRST = float(jn_zeros(0, 1)[0])

Exact = Callable[[Tensor, Tensor, Tensor], Tensor]


def heat(u: Field) -> Tensor:
    return u.d("t") - u.laplacian("x", "y")


def wave(u: Field) -> Tensor:
    return u.d("tt") - u.laplacian("x", "y")


def turning(u: Field) -> Tensor:
    return u.d("t") - u.y * u.d("x") + u.x * u.d("y") - 1e-4 * u.laplacian("x", "y")


def flat(u: Field) -> Tensor:
    return u.d("t") - u.d("xx") / (500 * pi) ** 2 - u.d("yy") / pi**2


def fading(x: Tensor, y: Tensor, t: Tensor) -> Tensor:
    return exp(-2 * t) * cos(x + y)


def mode(x: Tensor, y: Tensor, t: Tensor) -> Tensor:
    return exp(-2 * pi**2 * t) * sin(pi * x) * sin(pi * y)


def drum(x: Tensor, y: Tensor, t: Tensor) -> Tensor:
    return cos(FIRST * t) * torch.special.bessel_j0(FIRST * torch.sqrt(x * x + y * y))


def square_wave(x: Tensor, y: Tensor, t: Tensor) -> Tensor:
    return cos(2**0.5 * pi * t) * sin(pi * x) * sin(pi * y)


def blob(x: Tensor, y: Tensor, t: Tensor) -> Tensor:
    size = 0.02 + 4e-4 * t
    return 0.02 / size * exp(-((x - 0.4 * cos(t)) ** 2 + (y - 0.4 * sin(t)) ** 2) / size)


def stripes(x: Tensor, y: Tensor, t: Tensor) -> Tensor:
    return exp(-((20 / 500) ** 2 + 1) * t) * sin(20 * pi * x) * sin(pi * y)


@dataclass(frozen=True)
class Case:
    """A problem with a closed form, its number of centres, and the error and time to reach."""

    space: Domain
    end: float
    equation: Callable[[Field], Tensor]
    exact: Exact
    side: Exact | float
    centers: int
    goal: float = math.nan
    seconds: float = math.nan

    def problem(self) -> Problem:
        """The problem."""
        case = self

        class Posed(Problem):
            """One case of the table."""

            domain = SpaceTime(case.space, t=(0, case.end))

            def conditions(self) -> Iterable[Condition]:
                yield Interior(case.equation)
                yield Dirichlet(case.side)
                start = None if case.equation is not wave else 0.0
                yield Initial(lambda x, y: case.exact(x, y, torch.zeros_like(x)), velocity=start)

            def exact(self, x: Tensor, y: Tensor, t: Tensor) -> Tensor:
                return case.exact(x, y, t)

        return Posed()


CASES = {
    "heat_hole": Case(HOLE, 1.0, heat, fading, fading, 400, 1e-6, 10),
    "drum": Case(DISC, 3.0, wave, drum, 0.0, 300, 1e-6, 20),
    "blob": Case(DISC, 2 * math.pi, turning, blob, 0.0, 1050, 1e-3, 30),
    "stripes": Case(SQUARE, 5.0, flat, stripes, 0.0, 1200, 1e-6, 30),
    "heat_square": Case(SQUARE, 0.2, heat, mode, 0.0, 300),
    "heat_L": Case(ELL, 0.2, heat, mode, 0.0, 300),
    "wave_square": Case(SQUARE, 2.0, wave, square_wave, 0.0, 300),
    "wave_L": Case(ELL, 2.0, wave, square_wave, 0.0, 300),
}


class GrayScott(Problem):
    """u_t = 1e-4 Lap u - u v^2 + .04 (1 - u), v_t = 5e-5 Lap v + u v^2 - .1 v, periodic, from a spot."""

    domain = SpaceTime(SQUARE, t=(0, 200))
    outputs = ("u", "v")

    def _react(self, f: Field) -> tuple[Tensor, Tensor]:
        u, v = f["u"], f["v"]
        made = u.value * v.value**2
        return (
            u.d("t") - 1e-4 * u.laplacian("x", "y") + made - 0.04 * (1 - u.value),
            v.d("t") - 5e-5 * v.laplacian("x", "y") - made + 0.1 * v.value,
        )

    def conditions(self) -> Iterable[Condition]:
        yield Interior(self._react)
        yield Periodic("x")
        yield Periodic("y")
        yield Initial(lambda x, y: 1 - 0.5 * self._spot(x, y), output="u")
        yield Initial(lambda x, y: 0.25 * self._spot(x, y), output="v")

    @staticmethod
    def _spot(x: Tensor, y: Tensor) -> Tensor:
        return exp(-((x - 0.5) ** 2 + (y - 0.5) ** 2) / 0.01)


def run(problem: Problem, centers: int) -> tuple[float, int, float]:
    """Error, number of slabs and seconds of a run."""
    began = time.perf_counter()
    solution = rbfnet.solve(problem, num_centers=centers, solver=Evolve())
    error = solution.errors["rel_l2"] if solution.errors else math.nan
    return error, len(cast(Evolving, solution.model).carried), time.perf_counter() - began


def scipys(dense: np.ndarray, end: float, start: np.ndarray, options: dict[str, Any]) -> np.ndarray:
    found: np.ndarray = solve_ivp(lambda _, y: dense @ y, (0, end), start, **options).y[:, -1]
    return found


def integrators(name: str, centers: int) -> list[str]:
    """Time of our steps and of SciPy's on one system; errors at the final time are against our steps at tolerance 1e-12."""
    from spectra import lines_of  # type: ignore[import-not-found]

    case = CASES[name]
    lines = lines_of(case.problem(), centers, None)
    linear = lines.linearised_at_start()
    order, free = lines.order, linear.constraints.free
    matrix = -torch.linalg.solve(linear.free[order], linear.free[0])
    size = len(matrix)
    whole = matrix
    if order == 2:
        whole = matrix.new_zeros((2 * size, 2 * size))
        whole[:size, size:], whole[size:, :size] = torch.eye(size, dtype=matrix.dtype), matrix
    start = torch.cat([free.T @ part for part in lines.start])
    twin = torch.linalg.matrix_exp(case.end * whole) @ start
    rows = []

    def ours(tolerance: float) -> np.ndarray:
        scale = lines.start[0].norm() * torch.ones(1, dtype=matrix.dtype)
        march = March(lines, Radau.of(9), tolerance, case.end, 0.0, case.end / 50, lines.start, scale)
        while not march.done:
            march.slab()
        return torch.cat([free.T @ part for part in march.state]).numpy()

    dense = whole.numpy()
    methods: dict[str, Callable[[], np.ndarray]] = {"evolve 1e-9": lambda: ours(1e-9)}
    for method, tolerance in (("Radau", 1e-9), ("BDF", 1e-11)):
        options = {"method": method, "jac": dense, "rtol": tolerance, "atol": tolerance * 1e-2}
        methods[f"SciPy {method} {tolerance:g}"] = partial(scipys, dense, case.end, start.numpy(), options)
    first = math.nan
    for label, integrate in methods.items():
        began = time.perf_counter()
        found = integrate()
        took = time.perf_counter() - began
        first = took if math.isnan(first) else first
        off = np.linalg.norm(found - twin.numpy()) / np.linalg.norm(twin.numpy())
        rows.append(f"| {name} | {centers} | {len(whole)} | {label} | {off:.1e} | {took:.2f} | {took / first:.1f} |")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs="+", choices=[*CASES, "gray_scott"], default=[*CASES, "gray_scott"])
    parser.add_argument("--table", action="store_true", help="errors by number of centres")
    parser.add_argument("--centers", type=int, nargs="+", default=[100, 200, 400, 800])
    parser.add_argument("--integrators", action="store_true", help="compare with SciPy on the same systems")
    parser.add_argument("--output", type=Path)
    chosen = parser.parse_args()
    rows: list[str] = []

    def say(row: str) -> None:
        rows.append(row)
        print(row, flush=True)

    if chosen.integrators:
        say("| problem | centres | unknowns | method | error | s | of ours |")
        say("|" + " --- |" * 7)
        for name in ("heat_square", "drum"):
            with torch.no_grad():
                for row in integrators(name, 300):
                    say(row)
    else:
        say("| problem | centres | error | goal | slabs | s | in s |")
        say("|" + " --- |" * 7)
        for name in chosen.only:
            if name == "gray_scott":
                error, slabs, took = run(GrayScott(), 400)
                say(f"| {name} | 400 | {error:.1e} | no reference | {slabs} | {took:.1f} | |")
                continue
            case = CASES[name]
            for centers in chosen.centers if chosen.table else [case.centers]:
                try:
                    error, slabs, took = run(case.problem(), centers)
                except ValueError as refused:
                    say(f"| {name} | {centers} | refused: {refused} | {case.goal:g} | | | {case.seconds:g} |")
                    continue
                say(f"| {name} | {centers} | {error:.1e} | {case.goal:g} | {slabs} | {took:.1f} | {case.seconds:g} |")
    if chosen.output:
        chosen.output.write_text("\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
