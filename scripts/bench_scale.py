"""Time and memory of networks with many centres at many points.

    python scripts/bench_scale.py [--points 1000000] [--centers 20000] [--repeats 5] [--evaluate-only | --lists-only]

1. ``rbfnet.evaluate``: value and Laplacian of Gaussians in two dimensions, float64, all pairs, eager and compiled, each once in a
   fresh process. Reported are wall time (with compilation), CPU time (without the compiler's own processes), nanoseconds per
   pair, and peak memory beyond points, network, a first small evaluation and the results.
2. A Wendland network with the same number of centres, about 50 of them within reach of a point: value and Laplacian by neighbour
   lists and by all pairs, with and without gradients in centres, shape and weights. All pairs take much longer and get a 200th of
   the points; the times are scaled to the same number of points.
3. The break-even point of neighbour lists: 2000 centres at 4000 points, for several fractions of pairs within reach; all pairs
   eager, then compiled. Above 1, lists are faster. ``FILL`` and ``FILL_COMPILED`` in ``rbfnet/nn/_sums.py`` are the fractions
   above which all pairs are used.

In 2 and 3 the methods run in turn; each ratio is the median over the repeats of the ratios of neighbouring runs.
"""

from __future__ import annotations

import argparse
import math
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

import rbfnet
from rbfnet import Operator, RBFNetwork
from rbfnet.nn import _sums
from rbfnet.nn.blocks._neighbours import Neighbours

F64 = torch.float64
Run = Callable[[], object]


def points(dims: int, count: int) -> Tensor:
    return torch.rand(count, dims, dtype=F64, generator=torch.Generator().manual_seed(1))


def network(dims: int, count: int, kernel: str, epsilon: float, compiled: bool = False) -> RBFNetwork:
    torch.manual_seed(0)
    made = RBFNetwork(dims, 1, count, kernel, torch.rand(count, dims, dtype=F64), epsilon, dtype=F64, compiled=compiled)
    with torch.no_grad():
        made.weight.normal_()
    return made


def operators(dims: int) -> dict[str, Operator]:
    return {"value": Operator.identity(), "laplacian": Operator.laplacian(*range(dims))}


def evaluation(num_points: int, num_centers: int, compiled: bool) -> None:
    """In a fresh process: print time and peak memory of one large evaluation."""
    x, made = points(2, num_points), network(2, num_centers, "gaussian", math.sqrt(num_centers), compiled)
    rbfnet.evaluate(network(2, num_centers, "gaussian", math.sqrt(num_centers)), x[:100], operators(2), progress=False)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start, worked = time.perf_counter(), time.process_time()
    found = rbfnet.evaluate(made, x, operators(2))
    took, worked = time.perf_counter() - start, time.process_time() - worked
    beyond = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**10
    results = sum(values.numel() * values.element_size() for values in found.values()) / 2**20
    name, pairs = "compiled" if compiled else "eager", num_points * num_centers
    print(f"{name}: {num_points} points x {num_centers} centres: {took:.1f} s ({worked:.1f} s CPU), ", end="")
    print(f"{took / pairs * 1e9:.2f} ns per pair, peak {max(0.0, beyond - results):.0f} MB beyond points and results")


def applied(made: RBFNetwork, x: Tensor, backward: bool, fill: float) -> Run:
    """Value and Laplacian, by lists or by all pairs according to ``fill``."""
    ops: Sequence[Operator] = list(operators(x.shape[1]).values())

    def run() -> None:
        _sums.FILL = _sums.FILL_COMPILED = fill
        made.zero_grad()
        with torch.set_grad_enabled(backward):
            values = made.apply_operators(x, ops)
            if backward:
                torch.autograd.backward(values.square().sum())

    return run


def compare(made: RBFNetwork, x: Tensor, few: Tensor, backward: bool, repeats: int) -> tuple[float, float, float]:
    """Seconds per point by lists and by all pairs, and the ratio of all pairs to lists."""
    lists, everything = applied(made, x, backward, math.inf), applied(made, few, backward, -1.0)
    taken: list[tuple[float, float]] = []
    for _ in range(repeats + 1):
        pair = []
        for run, count in ((lists, len(x)), (everything, len(few))):
            start = time.perf_counter()
            run()
            pair.append((time.perf_counter() - start) / count)
        taken.append((pair[0], pair[1]))
    taken = taken[1:]
    return (
        statistics.median(a for a, _ in taken),
        statistics.median(b for _, b in taken),
        statistics.median(b / a for a, b in taken),
    )


def epsilon_for(dims: int, share: float) -> float:
    """1 / r, where the ball of radius r has this fraction of the volume of the unit box."""
    ball = math.pi ** (dims / 2) / math.gamma(dims / 2 + 1)
    return float((ball / share) ** (1 / dims))


def lists(num_points: int, num_centers: int, repeats: int) -> None:
    print(f"\nWendland C4, about 50 of {num_centers} centres within reach: seconds for {num_points} points")
    print(f"{'D':>2} {'':18} {'lists':>8} {'all pairs':>10} {'ratio':>7}")
    for dims in (2, 3):
        made, x = network(dims, num_centers, "wendland", epsilon_for(dims, 50 / num_centers)), points(dims, num_points)
        for backward in (False, True):
            one, other, ratio = compare(made, x, x[: max(1, num_points // 200)], backward, repeats)
            what = "forward + backward" if backward else "forward"
            print(f"{dims:2d} {what:18} {one * num_points:8.2f} {other * num_points:10.1f} {ratio:7.1f}", flush=True)


def crossover(repeats: int, compiled: bool) -> None:
    kind = "Compiled all" if compiled else "All"
    print(f"\n{kind} pairs / lists, by fraction of pairs within reach: 2000 centres, 4000 points")
    for dims in (2, 3):
        for backward in (False, True):
            found = []
            for share in (0.02, 0.06, 0.1, 0.15, 0.2, 0.3, 0.4):
                made, x = network(dims, 2000, "wendland", epsilon_for(dims, share), compiled), points(dims, 4000)
                # Less than the ball's share of the box, as near its edges part of the ball lies outside.
                within = Neighbours(made.centers, made.metric.reach(dims)).counts(x).mean() / 2000
                found.append(f"{compare(made, x, x, backward, repeats)[2]:5.2f} at {within:.3f}")
            what = "forward + backward" if backward else "forward"
            print(f"D = {dims}, {what:18}: " + "  ".join(found), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--centers", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--evaluate-only", action="store_true")
    parser.add_argument("--lists-only", action="store_true")
    parser.add_argument("--one", choices=["eager", "compiled"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        evaluation(given.points, given.centers, given.one == "compiled")
        return
    print(f"{torch.get_num_threads()} threads", flush=True)
    if not given.lists_only:
        for one in ("eager", "compiled"):
            size = ["--points", str(given.points), "--centers", str(given.centers)]
            subprocess.run([sys.executable, __file__, "--one", one, *size], check=True)
    if not given.evaluate_only:
        lists(min(100_000, given.points), given.centers, given.repeats)
        for compiled in (False, True):
            crossover(given.repeats, compiled)


if __name__ == "__main__":
    main()
