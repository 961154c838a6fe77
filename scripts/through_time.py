"""Errors and times of ``solver=evolve`` in the plane, and its time stepping against SciPy's on the same systems.

    python scripts/through_time.py [--only heat_hole drum ...] [--table] [--integrators] [--output through_time.md]

Each run is :func:`rbfnet.solve` with the number of centres given below and defaults otherwise; the time is that of the whole
call. Errors are relative L2 errors against a closed form over space and time ('blob': at the final time). ``--table`` prints
errors by number of centres. ``--integrators`` also gives the systems in time of some problems to SciPy's Radau and BDF
(scripts/integrators.py).
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from scipy.special import jn_zeros
from torch import Tensor, cos, exp, pi, sin

import rbfnet
from rbfnet.domains import Disc, Domain, Rectangle, SpaceTime
from rbfnet.nn import Evolving
from rbfnet.operators import Field
from rbfnet.problems import Condition, Dirichlet, Initial, Interior, Periodic, Problem
from rbfnet.solvers import Evolve

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
    "stripes": Case(SQUARE, 5.0, flat, stripes, 0.0, 700, 1e-6, 30),
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


def _twins() -> Any:
    """scripts/twins.py, of a script or of a package."""
    return import_module("scripts.twins" if __package__ else "twins")


def gray_scott(centers: int) -> tuple[float, int, float]:
    """As :func:`run`, with the error of v at the end against :func:`scripts.twins.etdrk4`."""
    began = time.perf_counter()
    solution = rbfnet.solve(GrayScott(), num_centers=centers, solver=Evolve())
    took = time.perf_counter() - began
    x = torch.cartesian_prod(*[torch.arange(96, dtype=torch.float64) / 96] * 2)
    with torch.no_grad():
        v = solution.model(torch.cat([x, torch.full_like(x[:, :1], 200.0)], dim=1))[:, 1].reshape(96, 96).numpy()
    twin = _twins().etdrk4(96, 0.5, 200.0)[1]
    return float(np.linalg.norm(v - twin) / np.linalg.norm(twin)), len(cast(Evolving, solution.model).carried), took


class Cavity(Problem):
    """Navier-Stokes in a square at a Reynolds number of 100, from rest, with a lid that moves from then on."""

    domain = SpaceTime(SQUARE, t=(0, 1))
    outputs = ("u", "v", "p")

    def _flow(self, f: Field) -> tuple[Tensor, ...]:
        u, v, p = f["u"], f["v"], f["p"]
        along, across = (c.d("t") + u.value * c.d("x") + v.value * c.d("y") - 0.01 * c.laplacian("x", "y") for c in (u, v))
        return along + p.d("x"), across + p.d("y"), u.d("x") + v.d("y")

    def conditions(self) -> Iterable[Condition]:
        yield Interior(self._flow)
        yield Dirichlet(lambda x, y, t: torch.where(y > 0.5, 16 * x**2 * (1 - x) ** 2, 0.0), output="u")
        yield Dirichlet(0.0, output="v")
        yield Initial(0.0, output="u")
        yield Initial(0.0, output="v")


def cavity(centers: int) -> tuple[float, int, float]:
    """As :func:`run`, with the error of the velocities at the end against :func:`scripts.twins.cavity`, extrapolated."""
    began = time.perf_counter()
    solution = rbfnet.solve(Cavity(), num_centers=centers, solver=Evolve())
    took = time.perf_counter() - began
    coarse, fine = (_twins().cavity(cells, 100.0, 1.0) for cells in (64, 128))
    twin = (4 * fine[:, ::2, ::2] - coarse) / 3
    x = torch.cartesian_prod(*[torch.arange(65, dtype=torch.float64) / 64] * 2)
    with torch.no_grad():
        flow = solution.model(torch.cat([x, torch.ones_like(x[:, :1])], dim=1))[:, :2].T.reshape(2, 65, 65).numpy()
    return float(np.linalg.norm(flow - twin) / np.linalg.norm(twin)), len(cast(Evolving, solution.model).carried), took


TWINS = {"gray_scott": (gray_scott, 400), "cavity": (cavity, 400)}


def run(problem: Problem, centers: int) -> tuple[float, int, float]:
    """Error, number of slabs and seconds of a run."""
    began = time.perf_counter()
    solution = rbfnet.solve(problem, num_centers=centers, solver=Evolve())
    error = solution.errors["rel_l2"] if solution.errors else math.nan
    return error, len(cast(Evolving, solution.model).carried), time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs="+", choices=[*CASES, *TWINS], default=[*CASES, *TWINS])
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
        from integrators import table  # type: ignore[import-not-found]

        for row in table():
            say(row)
    else:
        say("| problem | centres | error | goal | slabs | s | in s |")
        say("|" + " --- |" * 7)
        for name in chosen.only:
            if name in TWINS:
                against, centers = TWINS[name]
                error, slabs, took = against(centers)
                say(f"| {name} | {centers} | {error:.1e} | | {slabs} | {took:.1f} | |")
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
