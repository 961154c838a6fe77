"""Time, memory and error of local interpolants over the number of nodes, beside SciPy's neighbours and ferreus_rbf.

    python scripts/bench_local.py [--counts 1000 10000 100000 1000000] [--dims 2 3] [--ferreus PYTHON]

Nodes and points are random in the unit cube, the function is sin(6 x) cos(5 y) + |x|^2. Each line is a fresh process with one
thread: r^3 with linear polynomials and 50 nodes per interpolant (the default of SciPy's documentation for many points), and
``LocalNetwork``'s own default. Setup is the choice of patches and their interpolants; then values, then values and gradients, at
as many new points. SciPy has no setup; it evaluates ``POINTS`` of the points and its time is scaled to all. ferreus_rbf, the
interpolant of all nodes by fast multipole, is in an environment of its own, whose Python ``--ferreus`` names; without it the
line is left out. Times are CPU seconds, which other work on the machine does not lengthen much.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from typing import Any

import numpy as np

METHODS = {"r^3, 50 nodes": {"degree": 1, "neighbors": 50}, "default": {}}
POINTS = 2000

FERREUS = """
import sys, time
import numpy as np
from ferreus_rbf import RBFInterpolator
from ferreus_rbf.interpolant_config import InterpolantSettings, RBFKernelType
count, dims = map(int, sys.argv[1:])
rng = np.random.default_rng(0)
nodes, x = rng.random((count, dims)), rng.random((count, dims))
f = lambda x: np.sin(6 * x[:, 0]) * np.cos(5 * x[:, 1]) + (x**2).sum(axis=1)
start = time.process_time()
fitted = RBFInterpolator(nodes, f(nodes)[:, None], InterpolantSettings(RBFKernelType.ThinPlateSpline))
setup = time.process_time() - start
found = np.asarray(fitted.evaluate(x))
evaluated = time.process_time() - start - setup
print(f"setup {setup:.1f} s, values {evaluated:.1f} s, rms {np.sqrt(np.mean((found.ravel() - f(x)) ** 2)):.1e}")
"""


def function(x: Any) -> Any:
    """What is fitted, at points (N, D)."""
    return np.sin(6 * x[:, 0]) * np.cos(5 * x[:, 1]) + (x**2).sum(axis=1)


def rms(error: Any) -> float:
    """The root mean square."""
    return float(np.sqrt(np.mean(error**2)))


def data(count: int, dims: int) -> tuple[Any, Any]:
    """Nodes and new points."""
    rng = np.random.default_rng(0)
    return rng.random((count, dims)), rng.random((count, dims))


def local(count: int, dims: int, method: str) -> str:
    """Set up, evaluate, differentiate."""
    import torch

    from rbfnet.nn import LocalNetwork
    from rbfnet.operators import Operator

    torch.set_num_threads(1)
    nodes, x = (torch.from_numpy(values) for values in data(count, dims))
    start = time.process_time()
    net = LocalNetwork(dims, 1, nodes, dtype=torch.float64, **METHODS[method])  # type: ignore[arg-type]
    net.set_coefficients(torch.from_numpy(function(nodes.numpy()))[:, None])
    with torch.no_grad():
        # Enough points for the interpolants of all patches to be computed, once.
        net(nodes[: 1 + count // 3])
        setup = time.process_time() - start
        values = net(x)
        evaluated = time.process_time() - start - setup
        slopes = net.apply_operators(x, [Operator.identity(), *(Operator.d(i) for i in range(dims))])
        both = time.process_time() - start - setup - evaluated
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    wrong = rms(values[:, 0].numpy() - function(x.numpy()))
    of_x = slopes[:, 0, 1].numpy() - 6 * np.cos(6 * x[:, 0].numpy()) * np.cos(5 * x[:, 1].numpy()) - 2 * x[:, 0].numpy()
    return (
        f"setup {setup:.1f} s, values {evaluated:.1f} s, with gradients {both:.1f} s, peak {peak:.1f} GB, rms {wrong:.1e}, "
        f"of u_x {rms(of_x):.1e}"
    )


def scipy(count: int, dims: int) -> str:
    """The same with SciPy's interpolants of the neighbours of each point."""
    from scipy.interpolate import RBFInterpolator

    nodes, x = data(count, dims)
    some = x[:POINTS]
    start = time.process_time()
    found = RBFInterpolator(nodes, function(nodes), neighbors=50, kernel="cubic", degree=1)(some)
    took = (time.process_time() - start) * count / len(some)
    return f"values {took:.1f} s (scaled), rms {rms(found - function(some)):.1e}"


def main() -> None:
    """Print one line per method and number of nodes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", type=int, nargs="+", default=[1000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--dims", type=int, nargs="+", default=[2, 3])
    parser.add_argument("--ferreus", help="Python of an environment with ferreus_rbf")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        count, dims, method = int(given.one[0]), int(given.one[1]), given.one[2]
        print(scipy(count, dims) if method == "scipy" else local(count, dims, method))
        return
    for dims in given.dims:
        for count in given.counts:
            for method in (*METHODS, "scipy"):
                print(f"{dims}-D, {count:,} nodes, {method}: ", end="", flush=True)
                subprocess.run([sys.executable, __file__, "--one", str(count), str(dims), method], check=True)
            if given.ferreus:
                print(f"{dims}-D, {count:,} nodes, ferreus_rbf: ", end="", flush=True)
                subprocess.run([given.ferreus, "-c", FERREUS, str(count), str(dims)], check=False)


if __name__ == "__main__":
    main()
