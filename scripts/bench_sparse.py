"""Time and error of `network=local` on linear problems with many nodes: orders of convergence in the plane, and a ball.

    python scripts/bench_sparse.py [--plate 2500 10000] [--large 100000] [--ball 12000 50000]
    python scripts/bench_sparse.py --time 2500 10000

The plate is the unit square with two round holes, with laplace(u) = -13 u*, u* = sin(3 x + 2 y) and u* on the boundary; the ball
is the unit ball with u* = sin(2 x + y) cos(z). Each line is a fresh process with one thread. Times are CPU seconds, which other
work on the machine does not lengthen much: nodes, then patches, rows and the sparse solve. The error is the root mean square at
the nodes, relative to that of u*. The order is that of the error in the spacing, from the line above.

With ``--time``, problems in the unit square and time instead, t in [0, 1]: heat, a pulse that is carried and spreads, a wave, and
the Gray-Scott equations on [-1, 1]^2 without fluxes. The error is that at points in space and time, relative; of Gray-Scott it is
the difference to the line above.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any


def measured(what: str, count: int, degree: int) -> dict[str, Any]:
    """Solve once, in this process."""
    import torch

    import rbfnet
    from rbfnet.domains import Ball, Disc, Rectangle, place_nodes
    from rbfnet.nn import LocalNetwork
    from rbfnet.problems import Condition, Dirichlet, Interior
    from rbfnet.solvers.sparse import collocate

    class Plate(rbfnet.Problem):
        domain = Rectangle(x=(0, 1), y=(0, 1)) - Disc((0.3, 0.3), 0.1) - Disc((0.7, 0.6), 0.15)

        def conditions(self) -> Iterator[Condition]:
            yield Interior(lambda u: u.laplacian() + 13 * self.exact(u.x, u.y))
            yield Dirichlet(self.exact)

        def exact(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return torch.sin(3 * x + 2 * y)

    class Sphere(rbfnet.Problem):
        domain = Ball((0, 0, 0), 1)

        def conditions(self) -> Iterator[Condition]:
            yield Interior(lambda u: u.laplacian() + 6 * self.exact(u.x, u.y, u.z))
            yield Dirichlet(self.exact)

        def exact(self, x: torch.Tensor, y: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
            return torch.sin(2 * x + y) * torch.cos(z)

    torch.set_num_threads(1)
    torch.manual_seed(0)
    problem = Plate() if what == "plate" else Sphere()
    start = time.process_time()
    nodes = place_nodes(problem.domain, count=count)
    placed = time.process_time() - start
    net = LocalNetwork(nodes.x.shape[1], 1, nodes.x, "quintic", degree, dtype=torch.float64)
    words = collocate(net, problem, nodes)
    solved = time.process_time() - start - placed
    exact = problem.exact(*nodes.x.T)
    error = float((net.values.detach()[:, 0] - exact).norm() / exact.norm())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"n": len(nodes.x), "placed": placed, "solved": solved, "error": error, "peak": peak, "words": words}


PULSE = "exp(-((x - 0.3 - 0.4*t)**2 + (y - 0.3 - 0.4*t)**2)/(0.02 + 0.004*t))/(1 + 0.2*t)"

EQUATIONS = {
    "heat": (["u_t = 0.1*lap(u)"], ["exp(-0.2*pi**2*t)*sin(pi*x)*sin(pi*y)"]),
    "pulse": (["u_t + 0.4*u_x + 0.4*u_y = 0.001*lap(u)"], [PULSE]),
    "wave": (["u_tt = lap(u)"], ["cos(sqrt(2)*pi*t)*sin(pi*x)*sin(pi*y)"]),
}

GRAY_SCOTT = ["u_t = 1e-5*lap(u) + 0.04*(1 - u) - u*v**2", "v_t = 5e-6*lap(v) - 0.1*v + u*v**2"]

STARTS = ["1 - exp(-80*((x + 0.05)**2 + (y + 0.02)**2))", "exp(-80*((x - 0.05)**2 + (y - 0.02)**2))"]


def through_time(what: str, count: int) -> dict[str, Any]:
    """Go through time once, in this process."""
    import torch

    from rbfnet.domains import Rectangle, SpaceTime, place_nodes
    from rbfnet.nn import LocalNetwork
    from rbfnet.problems import Equations
    from rbfnet.solvers.sparse_time import advance

    torch.set_num_threads(1)
    torch.manual_seed(0)
    if what == "gray_scott":
        domain = SpaceTime(Rectangle(x=(-1, 1), y=(-1, 1)), t=(0, 1))
        given: list[Any] = [{"initial": start, "output": name} for start, name in zip(STARTS, "uv", strict=True)]
        given += [{"neumann": 0, "output": name} for name in "uv"]
        problem = Equations(domain, GRAY_SCOTT, given, outputs=["u", "v"])
    else:
        domain = SpaceTime(Rectangle(x=(0, 1), y=(0, 1)), t=(0, 1))
        equations, exact = EQUATIONS[what]
        start = {"initial": exact[0].replace("*t", "*0"), **({"velocity": 0} if what == "wave" else {})}
        problem = Equations(domain, equations, [start, {"dirichlet": exact[0]}], exact=exact[0])
    begin = time.process_time()
    nodes = place_nodes(domain.space, count=count)
    placed = time.process_time() - begin
    net = LocalNetwork(2, len(problem.outputs), nodes.x, "quintic", 4, dtype=torch.float64)
    model, words = advance(net, problem, nodes)
    solved = time.process_time() - begin - placed
    x = domain.interior(1000)
    with torch.no_grad():
        u = model(x)
    known = [] if what == "gray_scott" else problem.exact(*x.T)[:, None].tolist()  # type: ignore[misc, call-overload]
    return {"n": len(nodes.x), "placed": placed, "solved": solved, "u": u.tolist(), "known": known, "words": words}


def print_through_time(counts: list[int]) -> None:
    """Print the table of problems in time."""
    import numpy as np

    print("| problem | nodes | CPU s: nodes | CPU s: solve | error |")
    print("|---|---|---|---|---|")
    for what in [*EQUATIONS, "gray_scott"]:
        before: Any = None
        for count in counts:
            found = fresh(what, count, 0)
            u = np.array(found["u"])
            known = np.array(found["known"]) if found["known"] else before
            error = "" if known is None else f"{np.linalg.norm(u - known) / np.linalg.norm(known):.1e}"
            print(f"| {what} | {found['n']:,} | {found['placed']:.1f} | {found['solved']:.1f} | {error} |", flush=True)
            before = u


def fresh(what: str, count: int, degree: int) -> dict[str, Any]:
    """The same in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--one", what, str(count), str(degree)], check=True, capture_output=True, text=True
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plate", type=int, nargs="*", default=[2500, 10_000])
    parser.add_argument("--large", type=int, nargs="*", default=[100_000])
    parser.add_argument("--ball", type=int, nargs="*", default=[12_000, 50_000])
    parser.add_argument("--time", type=int, nargs="+", help="numbers of nodes, for problems in space and time instead")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        what, number, degree = given.one[0], int(given.one[1]), int(given.one[2])
        print(json.dumps(measured(what, number, degree) if degree else through_time(what, number)))
        return
    if given.time:
        print_through_time(given.time)
        return
    print("| domain | degree | nodes | CPU s: nodes | CPU s: solve | peak GB | error | order |")
    print("|---|---|---|---|---|---|---|---|")
    plate = [("plate", given.plate, degree) for degree in (3, 4, 5, 6)]
    for what, counts, degree in [*plate, ("plate", given.large, 6), ("ball", given.ball, 4)]:
        before: dict[str, Any] | None = None
        for count in counts:
            found = fresh(what, count, degree)
            dims = 2 if what == "plate" else 3
            order = (
                ""
                if before is None
                else f"{dims * math.log(before['error'] / found['error']) / math.log(found['n'] / before['n']):.1f}"
            )
            print(
                f"| {what} | {degree} | {found['n']:,} | {found['placed']:.1f} | {found['solved']:.1f} | {found['peak']:.1f} "
                f"| {found['error']:.1e} | {order} |",
                flush=True,
            )
            before = found


if __name__ == "__main__":
    main()
