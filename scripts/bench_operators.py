"""Time and memory of the operators of an RBF network, with gradients in centres, shapes and weights, against nested autograd.

    python scripts/bench_operators.py [--repeats 5] [--dims 2 3 10] [--memory-only | --no-memory]

Value + Laplacian, and the biharmonic operator, of M = 1024 Gaussians at B = 4096 points:

- direct: nested ``torch.autograd.grad`` of the network written with differences x - c;
- matmul: the same for the network written with |x|^2 + |c|^2 - 2 x.c;
- value: the value alone, forward and backward, eager, with differences and without blocks;
- exp: ``torch.exp`` over a B x M array, a lower bound on the cost of the kernel;
- ours, and ours with ``compiled=True``.

The methods run in turn; each ratio is the median over the repeats of the ratios of neighbouring runs. Nested autograd of high
order holds hundreds of B x M arrays, so it gets as many points as fit into 2 GB; time is given per pair, which favours it. Peak
memory is measured by the operating system (Linux) in a fresh process, beyond what it held with points and network in place. The
memory of output, loss and gradients, which every method needs, is shown beside it.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from rbfnet import Operator, RBFNetwork

B, M = 4096, 1024
Run = Callable[[], None]


def points(dims: int, dtype: torch.dtype, count: int = B) -> Tensor:
    return torch.rand(count, dims, dtype=dtype, generator=torch.Generator().manual_seed(1))


def network(dims: int, dtype: torch.dtype, compiled: bool = False) -> RBFNetwork:
    torch.manual_seed(0)
    made = RBFNetwork(dims, 1, M, centers="random", epsilon=3.0, dtype=dtype, compiled=compiled)
    with torch.no_grad():
        made.weight.normal_()
    return made


def operators(what: str, dims: int) -> list[Operator]:
    laplacian = Operator.laplacian(*range(dims))
    return [Operator.identity(), laplacian] if what == "value + Laplacian" else [laplacian @ laplacian]


def ours(model: RBFNetwork, x: Tensor, ops: Sequence[Operator]) -> Run:
    def run() -> None:
        model.zero_grad()
        torch.autograd.backward(model.apply_operators(x, ops).square().sum())

    return run


def direct(x: Tensor, centers: Tensor, epsilon: Tensor) -> Tensor:
    return torch.exp(-(epsilon**2) * (x[:, None] - centers).square().sum(-1))


def matmul(x: Tensor, centers: Tensor, epsilon: Tensor) -> Tensor:
    squares = x.square().sum(-1)[:, None] + centers.square().sum(-1) - 2.0 * x @ centers.T
    return torch.exp(-(epsilon**2) * squares)


def nested(basis: Callable[..., Tensor], x: Tensor, times: int, value: bool) -> Run:
    dims, dtype = x.shape[1], x.dtype
    model = network(dims, dtype)
    leaves = [model.centers.detach().clone(), model.epsilon.detach().clone(), model.weight.detach().clone()]

    def laplacian(u: Tensor, at: Tensor) -> Tensor:
        (gradient,) = torch.autograd.grad(u.sum(), at, create_graph=True)
        parts = [torch.autograd.grad(gradient[:, i].sum(), at, create_graph=True)[0][:, i] for i in range(dims)]
        return torch.stack(parts).sum(0)

    def run() -> None:
        centers, epsilon, weight = (t.clone().requires_grad_() for t in leaves)
        at = x.clone().requires_grad_() if times else x
        u = (basis(at, centers, epsilon) @ weight)[:, 0]
        loss = u.square().sum() if value else u.new_zeros(())
        for _ in range(times):
            u = laplacian(u, at)
        torch.autograd.grad(loss + u.square().sum(), [centers, epsilon, weight])

    return run


def fitting(dims: int, dtype: torch.dtype, biharmonic: bool, differences: bool) -> int:
    """Number of points for which the graphs of nested autograd stay near 2 GB."""
    arrays = (12 * dims * dims if biharmonic else 10) * (dims if differences else 2) * (10 if biharmonic else dims)
    held = arrays * M * torch.finfo(dtype).bits // 8
    return max(16, min(B, 2**31 // held))


def seconds(run: Run) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def compare(what: str, dims: int, dtype: torch.dtype, repeats: int) -> None:
    ops, x = operators(what, dims), points(dims, dtype)
    order = 1 if what == "value + Laplacian" else 2
    few = {basis: fitting(dims, dtype, order == 2, basis is direct) for basis in (direct, matmul)}
    scores = -torch.rand(B, M, dtype=dtype) * 10.0

    def exponential() -> None:
        torch.exp(scores)

    runs: dict[str, tuple[Run, int]] = {
        "direct": (nested(direct, x[: few[direct]], order, order == 1), few[direct]),
        "matmul": (nested(matmul, x[: few[matmul]], order, order == 1), few[matmul]),
        "value": (nested(direct, x, 0, True), B),
        "exp": (exponential, B),
        "ours": (ours(network(dims, dtype), x, ops), B),
        "compiled": (ours(network(dims, dtype, compiled=True), x, ops), B),
    }
    per_pair: dict[str, list[float]] = {name: [] for name in runs}
    for repeat in range(repeats + 1):
        for name, (run, count) in runs.items():
            took = seconds(run) / (count * M) * 1e9
            if repeat:
                per_pair[name].append(took)

    def ratio(a: str, b: str) -> float:
        return statistics.median(p / q for p, q in zip(per_pair[a], per_pair[b], strict=True))

    median = {name: statistics.median(values) for name, values in per_pair.items()}
    ratios = [
        [ratio("direct", own), ratio("matmul", own), ratio(own, "value"), ratio(own, "exp")] for own in ("ours", "compiled")
    ]
    print(
        f"{what:18} {dims:2d} {str(dtype)[6:]:8} "
        + " ".join(f"{median[name]:8.1f}" for name in runs)
        + "".join(" | {:7.1f} {:7.1f} {:6.2f} {:6.1f}".format(*row) for row in ratios),
        flush=True,
    )


def peak(count: int) -> None:
    """In a fresh process: print the peak memory beyond what the process held before, in MB."""
    x, model = points(2, torch.float64, count), network(2, torch.float64)
    run = ours(model, x, operators("value + Laplacian", 2))
    ours(model, x[:1024], operators("value + Laplacian", 2))()
    # Importing took more than this does: from here on the system is to count anew.
    Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmHWM")
    run()
    # The output, its square, and the gradients of both.
    results = 4 * 2 * count * 8 / 2**20
    beyond = resident("VmHWM") - before
    print(f"{count:9d} {beyond:10.0f} {results:10.0f} {count * M * 8 / 2**20:12.0f}")


def resident(entry: str) -> float:
    """A memory figure of this process from Linux, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(entry))) / 2**10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--dims", type=int, nargs="+", default=[2, 3, 10])
    parser.add_argument("--memory-only", action="store_true")
    parser.add_argument("--no-memory", action="store_true")
    parser.add_argument("--peak", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.peak:
        peak(given.peak)
        return
    if not given.memory_only:
        print(f"B = {B}, M = {M}, {torch.get_num_threads()} threads; nanoseconds per pair, then ratios")
        names = ("direct", "matmul", "value", "exp", "ours", "compiled")
        print(
            f"{'operators':18} {'D':>2} {'dtype':8} "
            + " ".join(f"{name:>8}" for name in names)
            + f" | {'direct/':>7} {'matmul/':>7} {'/value':>6} {'/exp':>6}" * 2
        )
        for dims in given.dims:
            for dtype in (torch.float64, torch.float32):
                for what in ("value + Laplacian", "biharmonic"):
                    compare(what, dims, dtype, given.repeats)
    if not given.no_memory:
        print("\nPeak memory, value + Laplacian, forward and backward, D = 2, float64, in MB")
        print(f"{'points':>9} {'peak':>10} {'results':>10} {'one B x M':>12}", flush=True)
        for count in (4096, 65536, 1_000_000):
            subprocess.run([sys.executable, __file__, "--peak", str(count)], check=True)


if __name__ == "__main__":
    main()
