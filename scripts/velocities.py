"""Velocities without divergence by construction, compared with velocities whose divergence is an equation of the problem.

    python scripts/velocities.py [--centers 50 100 200 400] [--only stokes kovasznay] [--epsilon 1.5]

Each row is ``rbfnet.solve(problem, num_centers=..., vector=...)`` with all defaults, so that both have the same unknowns: two
velocities and a pressure per centre. It shows the relative L2 errors of velocity and pressure, the largest divergence at 1,000
points relative to the largest slope, and the processor time.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterable

import torch
from torch import Tensor, cos, sin

import rbfnet
from rbfnet.domains import Rectangle
from rbfnet.operators import Field
from rbfnet.problems import Condition, Dirichlet, Interior, Kovasznay, Mean, Problem


class Stokes(Problem):
    """grad p - Lap u = f, div u = 0 with the stream function sin(2 x + 1) sin(3 y) and the pressure sin(4 x) cos(3 y)."""

    domain = Rectangle(x=(0, 1), y=(0, 1))
    outputs = ("u", "v", "p")

    def conditions(self) -> Iterable[Condition]:
        yield Interior(self.equations)
        yield Dirichlet(lambda x, y: self.exact(x, y)[0], output="u")
        yield Dirichlet(lambda x, y: self.exact(x, y)[1], output="v")
        yield Mean(0.0, of=lambda f: f["p"].value)

    def equations(self, f: Field) -> tuple[Tensor | Field, ...]:
        u, v, _ = self.exact(f.x, f.y)
        force = 13 * u + 4 * cos(4 * f.x) * cos(3 * f.y), 13 * v - 3 * sin(4 * f.x) * sin(3 * f.y)
        momentum = [f["p"].d(x) - f[u].laplacian() - part for x, u, part in zip("xy", "uv", force, strict=True)]
        return *momentum, f.divergence("u", "v")

    def exact(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mean = (1 - math.cos(4)) / 4 * math.sin(3) / 3
        return (
            3 * sin(2 * x + 1) * cos(3 * y),
            -2 * cos(2 * x + 1) * sin(3 * y),
            sin(4 * x) * cos(3 * y) - mean,
        )


PROBLEMS: dict[str, type[Stokes] | type[Kovasznay]] = {"stokes": Stokes, "kovasznay": Kovasznay}


def row(problem: Stokes | Kovasznay, centers: int, vector: str | None, epsilon: float | str = "auto") -> str:
    """One line of the table."""
    started = time.process_time()
    solution = rbfnet.solve(problem, num_centers=centers, vector=vector, epsilon=epsilon, allow_unsolved=True)
    taken = time.process_time() - started
    points = problem.domain.scattered(1000)
    exact = torch.stack(problem.exact(*points.T), dim=1)
    wrong = solution.predict(points) - exact
    velocity, pressure = (float(wrong[:, part].norm() / exact[:, part].norm()) for part in (slice(2), slice(2, 3)))
    slopes = solution.predict(points, ["u_x + v_y", "u_x", "u_y", "v_x", "v_y"]).abs().amax(dim=0)
    return (
        f"| {centers} | {vector or 'usual'} | {velocity:.1e} | {pressure:.1e} | {float(slopes[0] / slopes[1:].max()):.0e} | "
        f"{solution.verdict} | {taken:.1f} s |"
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--centers", type=int, nargs="+", default=[50, 100, 200, 400])
    parser.add_argument("--only", nargs="+", choices=list(PROBLEMS), default=list(PROBLEMS))
    parser.add_argument("--epsilon", type=float, help="the same width for both, instead of the one that each run chooses")
    given = parser.parse_args()
    rbfnet.solve(PROBLEMS["stokes"](), num_centers=20, allow_unsolved=True)  # loads what the first run needs
    for name in given.only:
        print(
            f"\n{name}\n\n| centres | basis | velocity | pressure | divergence | verdict | time |\n|---|---|---|---|---|---|---|"
        )
        for centers in given.centers:
            for vector in (None, "divergence_free"):
                print(row(PROBLEMS[name](), centers, vector, given.epsilon or "auto"), flush=True)


if __name__ == "__main__":
    main()
