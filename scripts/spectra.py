"""Eigenvalues of the systems of ``solver=evolve`` for linear equations in the plane: growth and stiffness.

    python scripts/spectra.py [--centers 100 300 ...] [--only heat wave] [--domains square disc] [--sides dirichlet ...]
        [--widths auto 8] [--output spectra.md]

For each equation, domain, kind of boundary condition, number of centres and width (``auto``, or a multiple of the spacing of the
centres) this prints the largest real part and the largest modulus of the eigenvalues. If the equation has no growing solutions,
the largest real part should be zero up to rounding.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import torch

from rbfnet.domains import Disc, Domain, Rectangle, SpaceTime
from rbfnet.nn import RBFNetwork
from rbfnet.problems import Condition, Dirichlet, Initial, Interior, Neumann, Periodic, Problem, Robin
from rbfnet.solvers import Evolve
from rbfnet.solvers.time import PER_CENTER, Lines, resolved, spectrum

EQUATIONS = {
    "heat": lambda u: u.d("t") - u.laplacian("x", "y"),
    "wave": lambda u: u.d("tt") - u.laplacian("x", "y"),
    "advection": lambda u: u.d("t") + u.d("x") + 0.5 * u.d("y"),
    "advection-diffusion": lambda u: u.d("t") + u.d("x") + 0.5 * u.d("y") - 0.01 * u.laplacian("x", "y"),
}
SQUARE = Rectangle(x=(0, 1), y=(0, 1))
DOMAINS: dict[str, Domain] = {
    "square": SQUARE,
    "disc": Disc((0.0, 0.0), 1.0),
    "L": Rectangle(x=(0, 2), y=(0, 2)) - Rectangle(x=(1, 2), y=(1, 2)),
    "hole": SQUARE - Disc((0.5, 0.5), 0.2),
}
SIDES = ("dirichlet", "neumann", "robin", "periodic")


def inflow(domain: Domain) -> list[object]:
    """The part of the boundary where (1, 1/2) points into the domain."""

    def enters(x: torch.Tensor) -> torch.Tensor:
        normals = domain.normals(x[:, :2])
        return normals[:, 0] + 0.5 * normals[:, 1] < -1e-9

    return [enters]


def posed(equation: str, domain: Domain, sides: str) -> Problem:
    """A problem with zero initial values and zero right-hand sides."""
    transported = equation == "advection"

    class Posed(Problem):
        """One case of the table."""

        def conditions(self) -> Iterable[Condition]:
            yield Interior(EQUATIONS[equation])
            if sides == "periodic":
                yield Periodic("x", derivatives=0 if transported else 1)
                yield Periodic("y", derivatives=0 if transported else 1)
            elif sides == "dirichlet":
                yield Dirichlet(0.0, on=cast(Any, inflow(domain)) if transported else None)
            elif sides == "neumann":
                yield Neumann(0.0)
            else:
                yield Robin(0.0)
            yield Initial(0.0, velocity=0.0 if equation == "wave" else None)

    Posed.domain = SpaceTime(domain, t=(0, 1))
    return Posed()


def lines_of(problem: Problem, centers: int, width: float | None) -> Lines:
    """The semidiscrete system of a problem."""
    torch.manual_seed(0)
    space = cast(SpaceTime, problem.domain).space
    network = RBFNetwork(
        len(space.coords), 1, points=space.box, num_centers=centers, overlap=width or Evolve.overlap, dtype=torch.float64
    )
    problem.follow(centers, in_space=True)
    points, weights = resolved(space, network, PER_CENTER)
    return Lines(problem, network, problem.sample(), points, weights)


def sensible(equation: str, domain: str, sides: str) -> bool:
    """Whether no solution grows with these boundary conditions."""
    if sides == "periodic":
        return domain == "square"
    # By the maximum principle also with diffusion; transport alone takes values where it enters.
    return sides == "dirichlet" or equation != "advection"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--centers", type=int, nargs="+", default=[100, 200, 400, 800, 1600])
    parser.add_argument("--only", nargs="+", choices=EQUATIONS, default=list(EQUATIONS))
    parser.add_argument("--domains", nargs="+", choices=DOMAINS, default=list(DOMAINS))
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=list(SIDES))
    parser.add_argument("--widths", nargs="+", default=["auto", "0.7", "2", "8"])
    parser.add_argument("--output", type=Path)
    chosen = parser.parse_args()
    torch.set_default_dtype(torch.float64)
    rows = [
        "| equation | domain | sides | centres | width | free | largest real part | largest modulus | s |",
        "|" + " --- |" * 9,
    ]
    print("\n".join(rows))
    for equation in chosen.only:
        for name in chosen.domains:
            for sides in chosen.sides:
                if not sensible(equation, name, sides):
                    continue
                for centers in chosen.centers:
                    for width in chosen.widths:
                        began = time.perf_counter()
                        with torch.no_grad():
                            lines = lines_of(
                                posed(equation, DOMAINS[name], sides), centers, None if width == "auto" else float(width)
                            )
                            values = spectrum(lines)
                        rows.append(
                            f"| {equation} | {name} | {sides} | {centers} | {width} | {len(values) // lines.order} | "
                            f"{float(values.real.max()):.3g} | {float(values.abs().max()):.2g} | "
                            f"{time.perf_counter() - began:.1f} |"
                        )
                        print(rows[-1], flush=True)
    if chosen.output:
        chosen.output.write_text("\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
