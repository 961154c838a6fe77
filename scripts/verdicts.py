"""How often the verdict is wrong, on the shipped problems and on problems that are made to fail.

    python scripts/verdicts.py [--only NAME ...] [--output verdicts.md]

A verdict is computed without the reference. It is too strict if a run whose error is within the requested accuracy (1e-3) is
called 'not solved', and too lenient if a run with an error above 20 %, or a problem without a unique solution, is called
'solved'. The table also has the ratio of estimated to true error.
"""

from __future__ import annotations

import argparse
import math
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import rbfnet
from rbfnet import problems
from rbfnet.domains import Disc, Domain, Interval, Polygon, Rectangle, SpaceTime
from rbfnet.problems import Equations, Problem
from rbfnet.solvers import LBFGS, Adam

ACCURACY, WRONG = 1e-3, 0.2


@dataclass(frozen=True)
class Case:
    """A problem and how it is run. ``unique``: it has exactly one solution."""

    name: str
    make: Callable[[], Problem]
    options: dict[str, Any] = field(default_factory=dict)
    unique: bool = True


@dataclass(frozen=True)
class Outcome:
    """The result of a case: true error if known, verdict and estimated error."""

    case: Case
    error: float
    verdict: str
    estimated: float
    missed: float
    reasons: tuple[str, ...]

    @property
    def wrong(self) -> str:
        """What is wrong with the verdict, if anything."""
        if self.verdict == "not solved" and self.case.unique and self.error <= ACCURACY:
            return "solved, but called not solved"
        if self.verdict == "solved" and (not self.case.unique or self.error > WRONG):
            return "wrong, but called solved"
        return ""


Conditions = Sequence[Mapping[str, Any]]


def text(
    domain: Domain, equations: str | list[str], conditions: Conditions, exact: Any = None, **options: Any
) -> Callable[[], Problem]:
    """A problem as text."""
    return lambda: Equations(domain, equations, conditions, exact=exact, **options)


SQUARE, UNIT = Rectangle(x=(0, 1), y=(0, 1)), Interval(x=(0, 1))
ROD = SpaceTime(UNIT, t=(0, 1))
POISSON, SINES = "lap(u) + 2*pi**2*sin(pi*x)*sin(pi*y)", "sin(pi*x)*sin(pi*y)"
COSINES = "lap(u) + 2*pi**2*cos(pi*x)*cos(pi*y)"
L_SHAPE = Polygon([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)])
TWO_DISCS = Rectangle(x=(-1, 1), y=(-1, 1)) - Disc((0.5, 0), 0.1) - Disc((-0.5, 0), 0.1)


def newton(**options: Any) -> dict[str, Any]:
    return {"solver": "gauss_newton", **options}


def plane_wave(count: int) -> tuple[str, str]:
    """Helmholtz' equation with a solution of ``count`` waves per side."""
    k = f"({2 * count}*pi)"
    return f"lap(u) + {k}**2*u", f"cos({k}*(0.6*x + 0.8*y))"


def shipped() -> Iterator[Case]:
    """The shipped problems, with suitable solvers and numbers of centres."""
    for name, cls, options in (
        ("poisson", problems.Poisson, {}),
        ("poisson, 100 centres", problems.Poisson, {"num_centers": 100}),
        ("poisson, matern", problems.Poisson, {"kernel": "matern", "num_centers": 200}),
        ("helmholtz", problems.Helmholtz, {}),
        ("heat", problems.Heat, {"num_centers": 200}),
        ("wave", problems.Wave, {}),
        ("advection", problems.Advection, {}),
        ("beam", problems.Beam, {"num_centers": 200}),
        ("four_disks", problems.FourDisks, {"centers": "graded", "num_centers": 900}),
        ("poisson_5d", problems.Poisson5D, {"num_centers": 800}),
        ("klein_gordon", problems.KleinGordon, newton(num_centers=300)),
        ("kovasznay", problems.Kovasznay, newton(num_centers=200)),
        ("van_der_pol", problems.VanDerPol, newton(num_centers=100)),
        ("inverse_diffusivity", problems.InverseDiffusivity, newton(num_centers=100)),
        ("inverse_diffusivity, noise", lambda: problems.InverseDiffusivity(noise=0.01), newton(num_centers=100)),
        ("biharmonic_4d", problems.Biharmonic4D, newton(num_centers=400)),
        ("burgers, evolve", problems.Burgers, {"solver": "evolve", "num_centers": 150}),
        ("allen_cahn, evolve", problems.AllenCahn, {"solver": "evolve", "num_centers": 200}),
        ("korteweg_de_vries, evolve", problems.KortewegDeVries, {"solver": "evolve", "num_centers": 150}),
        ("schroedinger, evolve", problems.Schroedinger, {"solver": "evolve", "num_centers": 150}),
        ("heat, evolve", problems.Heat, {"solver": "evolve", "num_centers": 60}),
        ("wave, evolve", problems.Wave, {"solver": "evolve", "num_centers": 100}),
        ("cavity", problems.Cavity, newton(num_centers=400)),
        ("sharp", problems.Sharp, newton(num_centers=300)),
        ("inverse_field", problems.InverseField, newton(num_centers=200)),
    ):
        yield Case(name, cls, options)


def more() -> Iterator[Case]:
    """Solvable problems that are not shipped."""
    yield Case("sag", text(UNIT, "u_xx + 1", [{"dirichlet": 0}], "x*(1-x)/2"), {"num_centers": 40})
    yield Case(
        "sag, wendland", text(UNIT, "u_xx + 1", [{"dirichlet": 0}], "x*(1-x)/2"), {"num_centers": 40, "kernel": "wendland"}
    )
    yield Case("laplace, linear", text(SQUARE, "lap(u)", [{"dirichlet": "x - 2*y"}], "x - 2*y"), {"num_centers": 100})
    yield Case("laplace, shifted", text(SQUARE, "lap(u)", [{"dirichlet": "300 + x*y"}], "300 + x*y"), {"num_centers": 100})
    yield Case("zero", text(SQUARE, "lap(u)", [{"dirichlet": 0}], "0*x"), {"num_centers": 100})
    yield Case("robin", text(UNIT, "u_xx = exp(x)", [{"robin": "(2*x)*exp(1) + (1-x)*0"}], "exp(x)"), {"num_centers": 40})
    yield Case("decay", text(Interval(t=(0, 5)), "u_t = -u", [{"initial": 1}], "exp(-t)"), {"num_centers": 50})
    yield Case("growth", text(Interval(t=(0, 3)), "u_t = 3*u", [{"initial": 1}], "exp(3*t)"), {"num_centers": 60})
    yield Case(
        "oscillator", text(Interval(t=(0, 20)), "u_tt = -u", [{"initial": 1, "velocity": 0}], "cos(t)"), {"num_centers": 100}
    )
    mean: Conditions = [{"neumann": 0}, {"mean": 0}]
    yield Case("neumann and mean", text(SQUARE, COSINES, mean, "cos(pi*x)*cos(pi*y)"), {"num_centers": 200})
    disc = text(Disc((0, 0), 1), "lap(u) + 4", [{"dirichlet": 0}], "1 - x**2 - y**2")
    yield Case("disc", disc, {"num_centers": 150})
    yield Case(
        "near resonance",
        text(SQUARE, f"lap(u) + 1.99*pi**2*u + 0.01*pi**2*{SINES}", [{"dirichlet": 0}], SINES),
        {"num_centers": 200},
    )
    layer = text(UNIT, "-0.05*u_xx + u_x = 1", [{"dirichlet": 0}], "x - (exp((x-1)/0.05) - exp(-1/0.05))/(1 - exp(-1/0.05))")
    yield Case("layer, eps = .05", layer, {"num_centers": 80})
    nonlinear = text(UNIT, "u_xx + u**2 = -pi**2*sin(pi*x) + sin(pi*x)**2", [{"dirichlet": 0}], "sin(pi*x)")
    yield Case("quadratic", nonlinear, newton(num_centers=40))


def failing() -> Iterator[Case]:
    """Made to fail: too few centres, no unique solution, or no solution."""
    few = {"num_centers": 25}
    for cls in (problems.Helmholtz, problems.Wave, problems.Advection):
        yield Case(f"{cls.__name__.lower()}, 25 centres", cls, few)
    yield Case("beam, 25 centres", problems.Beam, few)
    yield Case("four_disks, 25 centres", problems.FourDisks, few)
    yield Case("poisson, 4 centres", problems.Poisson, {"num_centers": 4})
    for epsilon in (1000.0, 60.0, 1e-3):
        yield Case(f"poisson, epsilon = {epsilon:g}", problems.Poisson, {"num_centers": 200, "epsilon": epsilon})
    yield Case(
        "sag, epsilon = 300", text(UNIT, "u_xx + 1", [{"dirichlet": 0}], "x*(1-x)/2"), {"num_centers": 40, "epsilon": 300.0}
    )
    for nonlinear in (problems.Burgers, problems.AllenCahn, problems.Schroedinger):
        yield Case(f"{nonlinear.__name__.lower()}, all at once", nonlinear, newton(num_centers=150))
    yield Case("sharp, 60 centres", problems.Sharp, newton(num_centers=60))
    one: Conditions = [{"dirichlet": 0, "on": "x=low"}]
    for kernel in ("gaussian", "matern", "multiquadric"):
        yield Case(f"one side only, {kernel}", text(SQUARE, POISSON, one), {"num_centers": 200, "kernel": kernel}, unique=False)
        pure = text(SQUARE, COSINES, [{"neumann": 0}])
        yield Case(f"neumann, a free constant, {kernel}", pure, {"num_centers": 200, "kernel": kernel}, unique=False)
    point: Conditions = [{"dirichlet": 0, "on": "x=low", "points": 1}]
    yield Case("a value at a point", text(SQUARE, POISSON, point), {"num_centers": 200}, unique=False)
    yield Case("neumann, no solution", text(SQUARE, "lap(u) + 1", [{"neumann": 0}]), {"num_centers": 200}, unique=False)
    free = text(UNIT, "u_xx = cos(pi*x)", [{"neumann": 0}])
    yield Case("neumann, a free constant, line", free, {"num_centers": 60}, unique=False)
    two: Conditions = [{"dirichlet": 0}, {"dirichlet": 1, "on": "x=low"}]
    yield Case("contradiction", text(SQUARE, "lap(u)", two), {"num_centers": 200}, unique=False)
    ends: Conditions = [{"dirichlet": 0}, {"dirichlet": 1, "on": "x=high"}]
    yield Case("contradiction, line", text(UNIT, "u_xx = 1", ends), {"num_centers": 40}, unique=False)
    both: Conditions = [{"dirichlet": 0}, {"initial": 0}, {"initial": "sin(pi*x)", "name": "again"}]
    yield Case("contradiction, start", text(ROD, "u_t = u_xx", both), {"num_centers": 200}, unique=False)
    resonance = "lap(u) + 2*pi**2*u + sin(pi*x)*sin(2*pi*y)"
    yield Case("resonance", text(SQUARE, resonance, [{"dirichlet": 0}]), {"num_centers": 200}, unique=False)
    excited = f"lap(u) + 2*pi**2*u + {SINES}"
    yield Case("resonance, no solution", text(SQUARE, excited, [{"dirichlet": 0}]), {"num_centers": 200}, unique=False)
    yield Case("heat, no start", text(ROD, "u_t = u_xx + 1", [{"dirichlet": 0}]), {"num_centers": 200}, unique=False)
    yield Case("heat, no start, zero", text(ROD, "u_t = u_xx", [{"dirichlet": 0}]), {"num_centers": 200}, unique=False)
    slow: Conditions = [{"dirichlet": 0}, {"initial": 0}]
    yield Case("wave, no velocity", text(ROD, "u_tt = u_xx + 1", slow), {"num_centers": 200}, unique=False)
    yield Case(
        "oscillator, no velocity", text(Interval(t=(0, 5)), "u_tt = -u", [{"initial": 0.3}]), {"num_centers": 60}, unique=False
    )
    yield Case("beam, two conditions of four", text(UNIT, "u_xxxx = 1", [{"dirichlet": 0}]), {"num_centers": 60}, unique=False)
    for width in (0.005, 0.002):
        load = f"u_xx + exp(-((x-0.437)/{width})**2)/{width}"
        erf = math.sqrt(math.pi) / 2
        exact = None if width else str(erf)
        yield Case(f"narrow load, {width}", text(UNIT, load, [{"dirichlet": 0}], exact), {"num_centers": 40}, unique=False)
    thin = text(UNIT, "-0.001*u_xx + u_x = 1", [{"dirichlet": 0}], "x - exp((x-1)/0.001)")
    yield Case("layer, eps = .001", thin, {"num_centers": 60})
    yield Case(
        "layer in the plane",
        text(SQUARE, "-0.001*lap(u) + u_x + u_y = 1", [{"dirichlet": 0}]),
        {"num_centers": 200},
        unique=False,
    )
    for count in (10, 25):
        equation, exact = plane_wave(count)
        yield Case(f"{count} waves", text(SQUARE, equation, [{"dirichlet": exact}], exact), {"num_centers": 300})
    fast = text(
        ROD,
        "u_t + 100*u_x",
        [{"dirichlet": "sin(2*pi*(x - 100*t))", "on": "x=low"}, {"initial": "sin(2*pi*x)"}],
        "sin(2*pi*(x-100*t))",
    )
    yield Case("advection, beta = 100", fast, {"num_centers": 300, "solver": "least_squares"})
    poor = text(SQUARE, POISSON, [{"dirichlet": 0}], SINES, num_interior=40, num_boundary=12)
    yield Case("fewer rows than unknowns", poor, {"num_centers": 200, "epsilon": 12.0})
    discs: Conditions = [{"dirichlet": 0, "on": "outer"}, {"dirichlet": 1, "on": "hole 1"}, {"dirichlet": -1, "on": "hole 2"}]
    yield Case("two discs, few points", text(TWO_DISCS, "lap(u)", discs), {"num_centers": 500, "centers": "graded"}, unique=False)
    yield Case("poisson, adam, 5 epochs", problems.Poisson, {"num_centers": 50, "solver": Adam(max_epochs=5)})
    yield Case("heat, lbfgs, 1 epoch", problems.Heat, {"num_centers": 50, "solver": LBFGS(max_epochs=1, max_iter=3)})
    hot = text(UNIT, "u_xx + 10*exp(u)", [{"dirichlet": 0}])
    yield Case("bratu, beyond the fold", hot, newton(num_centers=40), unique=False)
    blow = text(Interval(t=(0, 1.5)), "u_t = u**2", [{"initial": 1}])
    yield Case("blow-up", blow, newton(num_centers=60), unique=False)
    lorenz = text(
        Interval(t=(0, 12)),
        ["x_t = 10*(y-x)", "y_t = x*(28-z) - y", "z_t = x*y - 8*z/3"],
        [{"initial": 1, "output": "x"}, {"initial": 1, "output": "y"}, {"initial": 1, "output": "z"}],
        outputs=["x", "y", "z"],
    )
    yield Case("lorenz, 60 centres", lorenz, newton(num_centers=60), unique=False)
    # Named, for evolve refuses it as it blows up, and there is no verdict.
    yield Case(
        "backward heat",
        text(ROD, "u_t = -u_xx", [{"dirichlet": 0}, {"initial": "x*(1-x)"}]),
        {"num_centers": 200, "solver": "least_squares"},
        unique=False,
    )


def run(case: Case) -> Outcome:
    """Solve a case and record the verdict."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rbfnet.NotSolvedWarning)
        solution = rbfnet.solve(case.make(), **{"num_centers": 400, **case.options})
    summary = solution.summary
    found = summary.get("errors_by_output", {"": summary["errors"]} if summary["errors"] else {})
    error = max((errors["rel_l2"] for errors in found.values()), default=math.nan)
    for unknown in summary.get("unknowns", {}).values():
        error = max(error, unknown.get("rel_error", 0.0))
    estimated = summary["estimated_error"]
    missed = max((row["rms"] for row in summary["residuals"]), default=math.nan)
    return Outcome(case, error, solution.verdict, math.nan if estimated is None else estimated, missed, tuple(summary["reasons"]))


def row(outcome: Outcome) -> str:
    """As Markdown."""
    ratio = (
        f"{outcome.estimated / outcome.error:.2g}" if outcome.error and math.isfinite(outcome.estimated / outcome.error) else ""
    )
    error = "none" if not outcome.case.unique else f"{outcome.error:.1e}"
    cells = (outcome.case.name, error, f"{outcome.missed:.1e}", f"{outcome.estimated:.1e}", ratio, outcome.verdict, outcome.wrong)
    return "| " + " | ".join(cells) + " |"


HEAD = "| case | error | missed by | estimated error | over the error | verdict | wrong |\n|" + " --- |" * 7


def summary_of(outcomes: list[Outcome]) -> str:
    """How often the verdict is wrong."""
    good = [o for o in outcomes if o.case.unique and o.error <= ACCURACY]
    bad = [o for o in outcomes if not o.case.unique or o.error > WRONG]
    missed = sum(o.verdict == "not solved" for o in good)
    believed = sum(o.verdict == "solved" for o in bad)
    ratios = sorted(o.estimated / o.error for o in good if o.error and math.isfinite(o.estimated))
    spread = f"; ratio of estimated to true error {ratios[0]:.2g} to {ratios[-1]:.2g}, median {ratios[len(ratios) // 2]:.2g}"
    return (
        f"{len(good)} with an error of at most {ACCURACY:g}, of which {missed} are called not solved{spread if ratios else ''}; "
        f"{len(bad)} with an error above 20 % or without a unique solution, of which {believed} are called solved."
    )


def cases() -> list[Case]:
    """All cases."""
    return [*shipped(), *more(), *failing()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="only cases whose names begin with NAME")
    parser.add_argument("--reasons", action="store_true", help="also print the reasons for each verdict")
    parser.add_argument("--output", type=Path, help="also write the table to this file")
    given = parser.parse_args()
    chosen = [case for case in cases() if not given.only or any(case.name.startswith(name) for name in given.only)]
    print(HEAD)
    outcomes = []
    for case in chosen:
        outcomes.append(run(case))
        print(row(outcomes[-1]), flush=True)
        if given.reasons:
            print(f"    {' '.join(outcomes[-1].reasons)}", flush=True)
    print("\n" + summary_of(outcomes))
    if given.output:
        given.output.write_text("\n".join([HEAD, *map(row, outcomes), "", summary_of(outcomes)]) + "\n")


if __name__ == "__main__":
    main()
