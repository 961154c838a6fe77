"""How often the truth lies within the error bars of a fit: 20 data sets, beside scikit-learn's GaussianProcessRegressor.

    python scripts/calibration.py [--seeds 0] [--kernels thin_plate_spline matern gaussian] [--output calibration.md]

Four kinds of data (smooth, rough, noisy, clustered) in 1, 2, 3, 4 and 6 dimensions. Each row is one data set: the percentage of
1,000 fresh points, drawn as the data are, at which the function itself, without noise, lies within 1 and within 1.96 standard
deviations of the fit. Bars that are right cover 68 and 95 %; the goal is 60 to 76 and 90 to 98 %. The errors at points near each
other are alike, so that the coverage of a single data set varies by several per cent.

rbfnet is ``rbfnet.fit(x, y, kernel=...)`` with all defaults, and ``Solution.std``. scikit-learn has a Gaussian kernel with one
length and noise, found by likelihood with two restarts; its bars are for the function too, without the noise. It is left out if
it is not installed. Several seeds are pooled: a row is the mean over them, and the last rows count single data sets.
"""

from __future__ import annotations

import argparse
import statistics
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import rbfnet

KINDS = ("smooth", "rough", "noisy", "clustered")
POINTS = {1: 30, 2: 80, 3: 150, 4: 200, 6: 300}
"""The number of points of each dimension."""

NOISE = 0.2
"""Standard deviation of the noise, relative to that of the function."""

FRESH = 1000
LEVELS = {68: (1.0, (60, 76)), 95: (1.96, (90, 98))}
"""Of each level in per cent: how many standard deviations, and the goal."""


@dataclass(frozen=True)
class Sample:
    """Points and values, and fresh points with the values of the function."""

    x: np.ndarray
    y: np.ndarray
    fresh: np.ndarray
    truth: np.ndarray


def sample(kind: str, dims: int, seed: int) -> Sample:
    """One data set: a random function at random points of the unit cube, or of five clusters in it."""
    rng = np.random.default_rng([seed, dims, KINDS.index(kind)])
    function = rough(dims, rng) if kind == "rough" else smooth(dims, rng)
    middles = rng.random((5, dims))
    number = POINTS[dims] + FRESH
    x = middles[rng.integers(5, size=number)] + 0.1 * rng.standard_normal((number, dims)) if kind == "clustered" else None
    x = rng.random((number, dims)) if x is None else x
    values = function(x)
    count = POINTS[dims]
    noise = NOISE * values.std() * rng.standard_normal(count) if kind == "noisy" else 0.0
    return Sample(x[:count], values[:count] + noise, x[count:], values[count:])


def smooth(dims: int, rng: np.random.Generator) -> Callable[[np.ndarray], np.ndarray]:
    """Two waves along random directions, and a bump."""
    along = rng.standard_normal((2, dims)) / dims**0.5
    phases, middle = rng.random(2), rng.random(dims)

    def function(x: np.ndarray) -> np.ndarray:
        waves = np.sin(6 * x @ along.T + 2 * np.pi * phases)
        return waves[:, 0] + 0.5 * waves[:, 1] + np.exp(-4 * ((x - middle) ** 2).mean(axis=1))

    return function


def rough(dims: int, rng: np.random.Generator) -> Callable[[np.ndarray], np.ndarray]:
    """Six folds |a.x - b| along random directions."""
    along, fold, height = rng.standard_normal((6, dims)) / dims**0.5, rng.random((6, dims)), rng.standard_normal(6)

    def function(x: np.ndarray) -> np.ndarray:
        return np.abs(x @ along.T - (along * fold).sum(axis=1)) @ height

    return function


Bars = Callable[[Sample], tuple[np.ndarray, np.ndarray]]
"""Values and error bars at the fresh points."""

Coverages = dict[tuple[str, int], list[list[float]]]
"""By kind and dimension: for each seed the coverage of each level."""


def by_rbfnet(kernel: str) -> Bars:
    """Values and error bars at the fresh points."""

    def bars(data: Sample) -> tuple[np.ndarray, np.ndarray]:
        solution = rbfnet.fit(data.x, data.y, kernel=kernel, allow_unsolved=True)
        return solution.predict(data.fresh, progress=False), solution.std(data.fresh)

    return bars


def by_sklearn(data: Sample) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

    kernel = ConstantKernel() * RBF() + WhiteKernel(1e-2, (1e-10, 10.0))
    process = GaussianProcessRegressor(kernel, normalize_y=True, n_restarts_optimizer=2, random_state=0).fit(data.x, data.y)
    mean, std = process.predict(data.fresh, return_std=True)
    noise = process.kernel_.k2.noise_level * data.y.var()
    return mean, np.sqrt(np.maximum(std**2 - noise, 0.0))


def coverage(data: Sample, mean: np.ndarray, std: np.ndarray) -> list[float]:
    """The percentage of fresh points within the bars of each level."""
    return [100 * float(np.mean(np.abs(mean - data.truth) <= width * std)) for width, _ in LEVELS.values()]


def measure(bars: Bars, seeds: list[int]) -> Coverages:
    """The coverage of each data set and seed."""
    found: Coverages = {}
    for kind in KINDS:
        for dims in POINTS:
            samples = [sample(kind, dims, seed) for seed in seeds]
            with warnings.catch_warnings():
                # Points outside of the data, and scikit-learn's lengths at the bounds of their search.
                warnings.simplefilter("ignore")
                found[kind, dims] = [coverage(data, *bars(data)) for data in samples]
    return found


def table(found: dict[str, Coverages]) -> str:
    """Markdown: one row per data set, then medians and the number of data sets within the goals."""
    lines = ["| data | D | N | " + " | ".join(found) + " |", "|---|---|---|" + "---|" * len(found)]
    for kind in KINDS:
        for dims, count in POINTS.items():
            cells = [" / ".join(f"{value:.0f}" for value in np.mean(one[kind, dims], axis=0)) for one in found.values()]
            lines.append(f"| {kind} | {dims} | {count} | " + " | ".join(cells) + " |")
    medians, counts = [], []
    for one in found.values():
        every = [row for rows in one.values() for row in rows]
        medians.append(" / ".join(f"{statistics.median(column):.0f}" for column in zip(*every, strict=True)))
        inside = [
            sum(low <= value <= high for value in column)
            for column, (_, (low, high)) in zip(zip(*every, strict=True), LEVELS.values(), strict=True)
        ]
        counts.append(" / ".join(str(n) for n in inside) + f" of {len(every)}")
    lines.append("| median | | | " + " | ".join(medians) + " |")
    lines.append("| within the goal | | | " + " | ".join(counts) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--kernels", nargs="+", default=["thin_plate_spline", "matern", "gaussian"])
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    found = {kernel: measure(by_rbfnet(kernel), given.seeds) for kernel in given.kernels}
    try:
        found["scikit-learn"] = measure(by_sklearn, given.seeds)
    except ImportError:
        print("scikit-learn is not installed; its column is left out.")
    text = table(found)
    print(text)
    if given.output is not None:
        given.output.write_text(text + "\n")


if __name__ == "__main__":
    main()
