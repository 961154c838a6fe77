"""Every kernel on every linear problem: the error at the automatic width, compared with the best width.

    python scripts/kernels.py [--only poisson beam ...] [--kernels matern ...] [--centers 400] [--scan] [--output kernels.md]

Each cell is ``rbfnet.solve(problem, kernel=..., num_centers=...)`` with least squares and all defaults. It shows the relative L2
error, epsilon, and the residual at fresh points: the root mean square of the worst equation relative to the size of its terms.
``--scan`` also solves with ten fixed widths, 1.75 to 900 times the spacing of the centres, each with the automatic and with the
smaller margin, and prints the ratio of the error at the automatic width to the smallest of these twenty.

A dash marks a kernel that is not smooth enough for the equation.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch

import rbfnet
from rbfnet.domains import Interval
from rbfnet.errors import InputError
from rbfnet.kernels import Kernel
from rbfnet.nn.initializers import automatic_margin, halton, spacing
from rbfnet.problems import Condition, Dirichlet, Interior, Neumann, Problem
from rbfnet.solvers import LeastSquares
from rbfnet.solvers.selection._choose_width import NEAR
from rbfnet.solvers.validation._fresh_points import fresh_points
from rbfnet.solvers.validation._relative_residuals import misses


class Sag(Problem):
    """u'' + 1 = 0, u = 0 at both ends."""

    domain = Interval(x=(0, 1))

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda u: u.d("x", "x") + 1)
        yield Dirichlet(0.0)

    def exact(self, x: torch.Tensor) -> torch.Tensor:
        return x * (1 - x) / 2


class Clamped(Problem):
    """u'''' + 1 = 0, u = u' = 0 at both ends."""

    domain = Interval(x=(0, 1))

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda u: u.d("x", "x", "x", "x") + 1)
        yield Dirichlet(0.0)
        yield Neumann(0.0)

    def exact(self, x: torch.Tensor) -> torch.Tensor:
        return -(x**2) * (1 - x) ** 2 / 24


PROBLEMS: dict[str, tuple[Callable[[], Problem], int | None]] = {
    "poisson": (rbfnet.problems.Poisson, None),
    "helmholtz": (rbfnet.problems.Helmholtz, None),
    "heat": (rbfnet.problems.Heat, None),
    "wave": (rbfnet.problems.Wave, None),
    "advection": (rbfnet.problems.Advection, None),
    "beam": (rbfnet.problems.Beam, None),
    "four_disks": (rbfnet.problems.FourDisks, None),
    "poisson_5d": (lambda: rbfnet.problems.Poisson5D(num_interior=1000, num_boundary=1000), None),
    "sag": (Sag, 40),
    "clamped": (Clamped, 40),
}
"""Each problem, and its number of centres if the user cannot choose it."""

KERNELS: dict[str, Callable[[], Kernel]] = {
    "gaussian": rbfnet.kernels.Gaussian,
    "multiquadric": rbfnet.kernels.Multiquadric,
    "inverse_multiquadric": rbfnet.kernels.InverseMultiquadric,
    "inverse_quadratic": rbfnet.kernels.InverseQuadratic,
    "rational_quadratic": rbfnet.kernels.RationalQuadratic,
    "matern 5/2": lambda: rbfnet.kernels.Matern(2.5),
    "matern 7/2": lambda: rbfnet.kernels.Matern(3.5),
    "matern 9/2": lambda: rbfnet.kernels.Matern(4.5),
    "wendland C2": lambda: rbfnet.kernels.Wendland(2),
    "wendland C4": lambda: rbfnet.kernels.Wendland(4),
    "wendland C6": lambda: rbfnet.kernels.Wendland(6),
    "polyharmonic 5": lambda: rbfnet.kernels.Polyharmonic(5),
    "polyharmonic 7": lambda: rbfnet.kernels.Polyharmonic(7),
}
"""By displayed name."""

WIDTHS = [1.75 * 2.0**k for k in range(10)]
"""The widths of ``--scan``, in spacings of the centres."""


@dataclass(frozen=True)
class Cell:
    """The result of one kernel on one problem; ``best`` is the smallest error of the scan, if any."""

    error: float
    epsilon: float
    missed: float
    seconds: float
    best: float | None = None

    def __str__(self) -> str:
        over = "" if self.best is None else f", {self.error / self.best:.1f} x"
        return f"{self.error:.0e} ({self.epsilon:.2g}, {self.missed:.0e}{over})"


def solved(problem: str, kernel: str, centers: int, **network: object) -> rbfnet.Solution:
    """One run."""
    make, given = PROBLEMS[problem]
    return rbfnet.solve(make(), kernel=KERNELS[kernel](), num_centers=given or centers, seed=0, **network)  # type: ignore[arg-type]


def cell(problem: str, kernel: str, centers: int, scan: bool) -> Cell | None:
    """None if the kernel is not smooth enough."""
    started = time.process_time()
    try:
        solution = solved(problem, kernel, centers)
    except InputError:
        return None
    seconds = time.process_time() - started
    assert solution.errors is not None
    posed = solution.problem
    with torch.no_grad():
        found = misses(solution.model, posed, fresh_points(posed, posed.sample()))
    best = least_error(problem, kernel, centers) if scan else None
    return Cell(solution.errors["rel_l2"], solution.summary["epsilon"], max(miss.rms for miss in found), seconds, best)


def least_error(problem: str, kernel: str, centers: int) -> float:
    """The smallest error over ten widths and two margins."""
    make, given = PROBLEMS[problem]
    box = make().domain.box.double()
    errors = []
    for margin in ("auto", NEAR):
        reach = automatic_margin(box.shape[1], LeastSquares.overlap) if margin == "auto" else NEAR
        beyond = reach * (box[1] - box[0])
        h = float(spacing(halton(torch.stack([box[0] - beyond, box[1] + beyond]), given or centers)).mean())
        for width in WIDTHS:
            solution = solved(problem, kernel, centers, epsilon=1 / (width * h), margin=margin)
            assert solution.errors is not None
            errors.append(solution.errors["rel_l2"])
    return min(error for error in errors if math.isfinite(error))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=list(PROBLEMS), choices=list(PROBLEMS), metavar="PROBLEM")
    parser.add_argument("--kernels", nargs="*", default=list(KERNELS), metavar="KERNEL", help="the beginning of a name is enough")
    parser.add_argument("--centers", type=int, default=400)
    parser.add_argument("--scan", action="store_true", help="compare with the best of ten widths and two margins")
    parser.add_argument("--output", type=Path, help="also write the table to this file, as Markdown")
    options = parser.parse_args()
    kernels = [name for name in KERNELS if any(name.startswith(begin) for begin in options.kernels)]
    rows, ratios = [], []
    for problem in options.only:
        for kernel in kernels:
            found = cell(problem, kernel, options.centers, options.scan)
            seconds = "" if found is None else f"  {found.seconds:.1f} s"
            print(f"{problem:12} {kernel:22} {'-' if found is None else found}{seconds}", flush=True)
            rows.append((problem, kernel, found))
            if found is not None and found.best is not None:
                ratios.append(found.error / found.best)
    if ratios:
        within = sum(ratio <= 3 for ratio in ratios)
        print(f"error relative to the best: median {statistics.median(ratios):.1f}, within 3 in {within} of {len(ratios)}")
    if options.output is not None:
        cells = {(problem, kernel): "-" if found is None else str(found) for problem, kernel, found in rows}
        lines = [f"| kernel | {' | '.join(options.only)} |", f"| --- |{' --- |' * len(options.only)}"]
        lines += [f"| {kernel} | {' | '.join(cells[problem, kernel] for problem in options.only)} |" for kernel in kernels]
        options.output.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
