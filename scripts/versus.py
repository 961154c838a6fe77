"""rbfnet and other packages on the same problems, with the same wall time on the same machine.

    python scripts/versus.py [--seconds 60] [--only rbfnet deepxde ...] [--problems poisson ...] [--venvs DIRECTORY]
                             [--output FILE.json]

The others are DeepXDE and PINA (3 x 50 tanh, Adam for a quarter of the time, then L-BFGS, float64), RBFLAB (Gaussian collocation
with a shape parameter chosen by hand from its error, and RBF-FD; poisson only, as it solves linear problems), and finite
differences and Chebyshev collocation in NumPy and SciPy. FastLSQ (random Fourier features) and rbfnet solve helmholtz, wave and
poisson_5d, too, with the same numbers of unknowns. FastLSQ's search for a scale looks at the exact solution, as does 'best of' a
list of scales, for which only the time of the best is counted; rbfnet's choice of a width sees residuals only. Each package has
its own file in ``scripts/rivals``. Other packages run in virtual environments of their own, which are created with the versions
below and reused. pip installs PyTorch there in the version installed here, from the configured index.

Each row is a fresh process, one after another. Time counts from the call, after imports, until the solution can be evaluated; for
trained networks, until the measured iteration, including the set-up of training. Measuring errors is not counted. Errors are
relative L2 errors |u - v| / |v|: at 101 x 101 points in two dimensions and at 10,000 random ones in five; burgers at 256 x 100
points against the Cole-Hopf integral. 'error'
is the error when the time was up, 'lowest' the smallest on the way. 'cpu' is CPU time per wall time: a single thread well below 1
means that the machine was busy and the times are too long.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
TORCH = f"torch=={version('torch').partition('+')[0]}"
PINNED = {
    "deepxde": ["deepxde==1.15.0", TORCH],
    "pina": ["pina-mathlab==0.3.2.post2610", TORCH],
    "rbflab": ["rbflab==0.5.0"],
    "fastlsq": ["fastlsq==0.7.1", TORCH],
}
"""Packages in the environment of each; those not named run in this environment."""

KINDS = {
    "rbfnet": "rbfnet",
    "deepxde": "trained networks",
    "pina": "trained networks",
    "rbflab": "other RBF methods",
    "fastlsq": "random features",
    "finite_differences": "grid solvers",
    "chebyshev": "grid solvers",
}
TARGET = 1e-3


@dataclass(frozen=True)
class Row:
    """One row: the module, its variant, a description of the variant, and the result.

    ``history`` holds pairs of seconds and error, ``processors`` the number of busy processors, ``note`` why there is no history.
    """

    problem: str
    rival: str
    variant: str
    what: str
    version: str = ""
    history: list[tuple[float, float]] = field(default_factory=list)
    note: str = ""
    processors: float = 0.0

    @property
    def used(self) -> float:
        return self.history[-1][0]

    def within(self, seconds: float) -> list[tuple[float, float]]:
        return [(at, error) for at, error in self.history if at <= seconds]


def rows() -> list[Row]:
    network, config = "3 x 50 tanh, Adam, L-BFGS", "experiment=league/"
    poisson = [
        *(("rbfnet", f"problem=poisson network.num_centers={n}", f"least squares, {n} centres") for n in (100, 400, 900)),
        ("rbfnet", f"{config}poisson", f"{config}poisson"),
        ("deepxde", "-", network),
        ("pina", "-", network),
        ("rbflab", "collocation 400 4", "collocation, 400 nodes, exp(-4 r^2) by hand"),
        ("rbflab", "collocation 900 4", "collocation, 900 nodes, exp(-4 r^2) by hand"),
        ("rbflab", "rbf-fd 400 45", "RBF-FD, 400 nodes, r^7, degree 4"),
        ("rbflab", "rbf-fd 900 45", "RBF-FD, 900 nodes, r^7, degree 4"),
        *(("finite_differences", f"{p} {n}", f"order {p}, {n} x {n} cells") for p in (2, 4) for n in (100, 200, 400)),
        *(("chebyshev", f"whole {n}", f"degree {n}") for n in (8, 16)),
        *_equal_unknowns("poisson")[1:],
    ]
    burgers = [
        ("rbfnet", f"{config}burgers", f"{config}burgers"),
        ("deepxde", "-", network),
        ("pina", "-", network),
        *(("finite_differences", f"{p} {n}", f"order {p}, {n} cells, BDF") for p in (2, 4) for n in (1020, 4080)),
        *(("chebyshev", f"whole {n}", f"degree {n}, BDF") for n in (512, 1024)),
        *(("chebyshev", f"half {n}", f"degree {n} on [0, 1] by symmetry, BDF") for n in (64, 128)),
    ]
    others = {problem: _equal_unknowns(problem) for problem in ("helmholtz", "wave", "poisson_5d")}
    posed = {"poisson": poisson, "burgers": burgers, **others}
    return [Row(problem, *row) for problem, own in posed.items() for row in own]


def _equal_unknowns(problem: str) -> list[tuple[str, str, str]]:
    """rbfnet and FastLSQ with as many unknowns and points, FastLSQ with its own scale and with the best of a list."""
    counts, scales = (500,) if problem == "poisson" else (500, 1000), "1 2 5 10 15 20 30"
    points = "problem.num_interior=3000 problem.num_boundary=800 solver=least_squares"
    return [
        row
        for n in counts
        for row in (
            ("rbfnet", f"problem={problem} {points} network.num_centers={n}", f"least squares, {n} centres"),
            # With more features its search takes minutes.
            *[("fastlsq", f"{n} auto", f"{n} features, its own scale")][: n <= 500],
            ("fastlsq", f"{n} {scales}", f"{n} features, best of {len(scales.split())} scales"),
        )
    ]


def reference(problem: str, file: Path) -> None:
    """Write the points at which errors are measured, and the solution there: the other environments lack rbfnet."""
    import torch

    from rbfnet.problems import Helmholtz, Poisson, Poisson5D, Problem, Wave
    from rbfnet.problems.zoo.references import burgers

    if problem == "burgers":
        points = np.stack(np.meshgrid(np.linspace(-1, 1, 256), 0.01 * np.arange(100), indexing="ij"), axis=-1).reshape(-1, 2)
        np.savez(file, points=points, values=burgers(*points.T))
        return
    known: dict[str, Callable[[], Problem]] = {"poisson": Poisson, "helmholtz": Helmholtz, "wave": Wave, "poisson_5d": Poisson5D}
    posed = known[problem]()
    low, high = posed.domain.box.double()
    x = torch.cartesian_prod(*2 * [torch.linspace(0, 1, 101, dtype=torch.float64)])
    if len(low) > 2:
        x = torch.rand((10_000, len(low)), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = posed.exact_at(low + (high - low) * x)
    assert found is not None
    np.savez(file, points=found.x.numpy(), values=found.y[:, 0].numpy())


def environment(rival: str, venvs: Path) -> Path:
    """The Python of a package's environment, which is created unless it exists with the same versions."""
    if rival not in PINNED:
        return Path(sys.executable)
    directory, wanted = venvs / rival, "\n".join(PINNED[rival])
    python = directory / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    # Written last: an environment that was not finished is made again.
    finished = directory / "pinned.txt"
    if not finished.is_file() or finished.read_text() != wanted:
        print(f"creating an environment for {rival} ...", file=sys.stderr, flush=True)
        venv.create(directory, with_pip=True, clear=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "-c", str(ROOT / "constraints.txt"), *PINNED[rival]]
        subprocess.run(install, check=True)
        finished.write_text(wanted)
    return python


def run(row: Row, seconds: float, venvs: Path, directory: Path) -> Row:
    """The row with its history, or with a note that says why there is none."""
    told = asdict(row)
    experiment = row.variant.partition("experiment=")[2]
    if experiment and not (ROOT / "configs" / "experiment" / f"{experiment}.yaml").is_file():
        return Row(**{**told, "note": f"skipped: there is no configs/experiment/{experiment}.yaml yet"})
    result = directory / "result.json"
    result.unlink(missing_ok=True)
    given = [row.problem, row.variant, str(seconds), str(directory / f"{row.problem}.npz"), str(result)]
    # What this environment is told of packages is not for those of rivals.
    told_packages = {"PYTHONPATH": str(ROOT)} if row.rival in PINNED else {}
    try:
        python = environment(row.rival, venvs)
        done = subprocess.run(
            [str(python), "-m", f"scripts.rivals.{row.rival}", *given],
            cwd=ROOT, env={**os.environ, **told_packages}, capture_output=True, text=True, timeout=2 * seconds + 120,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Row(**{**told, "note": f"stopped: not finished after {2 * seconds + 120:.0f} s"})
    except subprocess.CalledProcessError:
        return Row(**{**told, "note": "skipped: pip could not create its environment"})
    if done.returncode or not result.is_file():
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return Row(**{**told, "note": f"failed: {last}"})
    found = json.loads(result.read_text())
    return Row(**{**told, **found, "history": [tuple(pair) for pair in found["history"]]})


def time_to(history: Iterable[tuple[float, float]], target: float) -> float | None:
    """Seconds at the first error of at most ``target``."""
    return next((at for at, error in history if error <= target), None)


def table(results: Sequence[Row], seconds: float) -> str:
    measured = f"{f's to {TARGET:.0e}':>11}{f'error {seconds:g} s':>12}{'lowest':>9}{'s used':>9}{'cpu':>6}"
    lines = [f"{'rival':<20}{'ran':<46}{measured}  version"]
    for row in results:
        start = f"{row.rival:<20}{row.what:<46}"
        if not row.history:
            lines.append(f"{start}  {row.note}")
            continue
        known = row.within(seconds)
        reached = time_to(known, TARGET)
        error, lowest = (f"{known[-1][1]:.1e}", f"{min(e for _, e in known):.1e}") if known else ("-", "-")
        first = "-" if reached is None else f"{reached:.3f}"
        lines.append(f"{start}{first:>11}{error:>12}{lowest:>9}{row.used:>9.3f}{row.processors:>6.2f}  {row.version}")
    return "\n".join(lines)


def verdict(results: Sequence[Row], seconds: float) -> list[str]:
    """Sentences that compare the results."""
    kinds: dict[str, list[Row]] = {}
    for row in results:
        if row.within(seconds):
            kinds.setdefault(KINDS[row.rival], []).append(row)
    if not kinds:
        return ["There is no result within the time."]
    soonest = {
        kind: min(found)
        for kind, own in kinds.items()
        if (found := [(at, row.what) for row in own if (at := time_to(row.within(seconds), TARGET)) is not None])
    }
    best = {kind: min((row.within(seconds)[-1][1], row.what) for row in own) for kind, own in kinds.items()}
    sentences = []
    if soonest:
        order = sorted(soonest, key=lambda kind: soonest[kind])
        said = "; ".join(f"{kind} in {soonest[kind][0]:.3f} s ({soonest[kind][1]})" for kind in order)
        never = "".join(f"; {kind} not within {seconds:g} s" for kind in kinds if kind not in soonest)
        sentences.append(f"Fastest to {TARGET:.0e}: {said}{never}.")
    order = sorted(best, key=lambda kind: best[kind])
    said = "; ".join(f"{kind} {best[kind][0]:.1e} ({best[kind][1]})" for kind in order)
    sentences.append(f"Lowest error after {seconds:g} s: {said}.")
    winners = {"the fastest": min(soonest, key=lambda kind: soonest[kind]) if soonest else "", "the most accurate": order[0]}
    if won := [title for title, kind in winners.items() if kind == "grid solvers"]:
        sentences.append(f"A grid method wins here: it is {' and '.join(won)}.")
    if "rbfnet" in kinds:
        sentences += _against(kinds, soonest, best, seconds)
    return sentences


Best = dict[str, tuple[float, str]]


def _against(kinds: dict[str, list[Row]], soonest: Best, best: Best, seconds: float) -> Iterable[str]:
    if "trained networks" in kinds and "rbfnet" in soonest:
        theirs, least = soonest.get("trained networks", (seconds, ""))[0], "" if "trained networks" in soonest else "more than "
        ratio = best["trained networks"][0] / best["rbfnet"][0]
        yield (
            f"rbfnet reaches {TARGET:.0e} {least}{theirs / soonest['rbfnet'][0]:.3g} times faster than the trained networks, and "
            f"their error after {seconds:g} s is {ratio:.2g} times that of rbfnet."
        )
    for row in kinds.get("other RBF methods", ()):
        at, error = row.within(seconds)[-1]
        ours = [found[-1][1] for mine in kinds["rbfnet"] if (found := mine.within(at))]
        said = f"{min(ours):.1e} ({error / min(ours):.2g} times lower)" if ours else "nothing"
        yield f"In the {at:.2f} s of {row.rival}, {row.what} ({error:.1e}), rbfnet reaches {said}."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "rbfnet" / "versus"
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--only", nargs="+", choices=KINDS, default=list(KINDS))
    known = list(dict.fromkeys(row.problem for row in rows()))
    parser.add_argument("--problems", nargs="+", choices=known, default=known)
    parser.add_argument("--venvs", type=Path, default=cache, help="directory of the other packages' environments")
    parser.add_argument("--output", type=Path, help="write all measurements as JSON")
    given = parser.parse_args()
    results = []
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        for problem in given.problems:
            reference(problem, directory / f"{problem}.npz")
        for row in rows():
            if row.rival in given.only and row.problem in given.problems:
                print(f"{row.problem}: {row.rival}, {row.what} ...", file=sys.stderr, flush=True)
                results.append(run(row, given.seconds, given.venvs.resolve(), directory))
    threads = os.environ.get("OMP_NUM_THREADS", "not set")
    machine = f"{os.cpu_count()} processors, OMP_NUM_THREADS {threads}, Python {platform.python_version()}"
    print(machine)
    said = {}
    for problem in given.problems:
        own = [row for row in results if row.problem == problem]
        said[problem] = verdict(own, given.seconds)
        print(f"\n{problem}\n{table(own, given.seconds)}\n" + "\n".join(said[problem]))
    if given.output:
        told = {"machine": machine, "seconds": given.seconds, "rows": [asdict(row) for row in results], "verdict": said}
        given.output.write_text(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
