"""Fits to data beside other libraries: SciPy, scikit-learn and verde, in one table.

    python scripts/bench_data.py [--only terrain smooth diabetes small auto] [--repeats 3] [--fewest]

Each row is one method on one data set. Seconds are CPU time of fit and prediction; where there are several repeats, each with its
own split, errors and times are medians, and so are the ratios to SciPy's in the same repeat.

- ``terrain``: elevation at 5,000 points, predicted at 20,000 others; RMSE in metres. Every point is a centre.
- ``smooth``: Franke's function at 500 random points, predicted at 5,000 others; RMSE relative to the standard deviation.
- ``diabetes``: 442 rows with ten inputs, from scikit-learn; R^2, the mean over five folds. Larger is better.
- ``small``: a fit to 200 points and its prediction at them, seconds only.
- ``auto``: ``smoothing="auto"`` on 5,000 noisy points; the ratio is to the time of the same fit with ``smoothing=0``.

rbfnet and SciPy run with all defaults, unless the row states otherwise. GaussianProcessRegressor has a Gaussian kernel with one
length and noise by maximum likelihood; KernelRidge has width and penalty from a grid by five-fold cross-validation. Both choose
on 500 rows if there are more, in standardised units. verde's Spline has its defaults. ``--fewest`` instead lowers the tolerance
of ``LeastSquares`` until the error on terrain is within 5 % of SciPy's, and reports how many of the 5,000 centres are needed;
its time is that of the last fit alone.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from scipy.interpolate import RBFInterpolator

import rbfnet
from rbfnet.problems import Terrain
from rbfnet.solvers import LeastSquares
from scripts.rivals.regressors import Predict, kriging, ridge, spline

START, STEP, WITHIN = 0.101, 0.97, 1.05
"""The first tolerance, its factor per step, and the error to reach relative to SciPy's."""

Method = Callable[[np.ndarray, np.ndarray], Predict]

SCIPY = "SciPy RBFInterpolator"


@dataclass(frozen=True)
class Split:
    """Rows to fit, and rows to predict."""

    x: np.ndarray
    y: np.ndarray
    fresh: np.ndarray
    truth: np.ndarray


@dataclass(frozen=True)
class Result:
    """The score of one fit, NaN where it is not of interest, and the CPU time of fit and prediction."""

    score: float
    seconds: float


# -- methods -------------------------------------------------------------------------------------------------------------------


def ours(**options: Any) -> Method:
    """``rbfnet.fit`` with these options."""

    def method(x: np.ndarray, y: np.ndarray) -> Predict:
        solution = rbfnet.fit(x, y, allow_unsolved=True, **options)
        return lambda fresh: np.asarray(solution.predict(fresh, progress=False))

    return method


def regressor(x: np.ndarray, y: np.ndarray) -> Predict:
    model = rbfnet.RBFRegressor().fit(x, y)
    return lambda fresh: np.asarray(model.predict(fresh))


OURS: dict[str, Method] = {
    "rbfnet.fit": ours(),
    "rbfnet.fit, smoothing=0": ours(smoothing=0),
    "rbfnet.fit, kernel=gaussian": ours(kernel="gaussian"),
    "RBFRegressor": regressor,
    "rbfnet.RBFInterpolator": rbfnet.RBFInterpolator,
}
OTHERS: dict[str, Method] = {SCIPY: RBFInterpolator, "GaussianProcessRegressor": kriging, "KernelRidge": ridge}


def methods(*names: str, plane: bool = False) -> dict[str, Method]:
    """Some of rbfnet's, and those of the libraries that are installed."""
    found = {name: OURS[name] for name in names} | {SCIPY: OTHERS[SCIPY]}
    if find_spec("sklearn") is not None:
        found |= OTHERS
    if plane and find_spec("verde") is not None:
        found["verde Spline"] = spline
    return found


# -- data ----------------------------------------------------------------------------------------------------------------------


def terrain(seed: int) -> Split:
    torch.manual_seed(seed)
    problem = Terrain()
    train, test = problem.train_set, problem.test_set()
    assert test is not None
    return Split(train.x.numpy(), train.y[:, 0].numpy(), test.x.numpy(), test.y[:, 0].numpy())


def smooth(seed: int) -> Split:
    x = np.random.default_rng(seed).random((5500, 2))
    return Split(x[:500], franke(x[:500]), x[500:], franke(x[500:]))


def franke(x: np.ndarray) -> np.ndarray:
    """Franke's function, Math. Comput. 38 (1982)."""
    a, b = 9 * x.T
    return np.asarray(
        0.75 * np.exp(-((a - 2) ** 2 + (b - 2) ** 2) / 4)
        + 0.75 * np.exp(-((a + 1) ** 2) / 49 - (b + 1) / 10)
        + 0.5 * np.exp(-((a - 7) ** 2 + (b - 3) ** 2) / 4)
        - 0.2 * np.exp(-((a - 4) ** 2) - (b - 7) ** 2)
    )


def diabetes(seed: int) -> list[Split]:
    from sklearn.datasets import load_diabetes
    from sklearn.model_selection import KFold

    x, y = load_diabetes(return_X_y=True)
    folds = KFold(5, shuffle=True, random_state=seed).split(x)
    return [Split(x[fit], y[fit], x[held], y[held]) for fit, held in folds]


def small(seed: int) -> Split:
    x = np.random.default_rng(seed).random((200, 2))
    return Split(x, franke(x), x, franke(x))


def noisy(seed: int) -> Split:
    rng = np.random.default_rng(seed)
    x = rng.random((5000, 2))
    return Split(x, franke(x) + 0.1 * rng.standard_normal(5000), x[:100], franke(x[:100]))


# -- measurements --------------------------------------------------------------------------------------------------------------


def run(method: Method, split: Split, score: Callable[[np.ndarray, np.ndarray], float]) -> Result:
    start = time.process_time()
    predicted = method(split.x, split.y)(split.fresh)
    return Result(score(predicted, split.truth), time.process_time() - start)


def rmse(predicted: np.ndarray, truth: np.ndarray) -> float:
    return float(np.sqrt(np.mean((predicted - truth) ** 2)))


def relative(predicted: np.ndarray, truth: np.ndarray) -> float:
    """The root mean square error, relative to the standard deviation."""
    return rmse(predicted, truth) / float(truth.std())


def determination(predicted: np.ndarray, truth: np.ndarray) -> float:
    """R^2."""
    return 1.0 - relative(predicted, truth) ** 2


def none(predicted: np.ndarray, truth: np.ndarray) -> float:
    return math.nan


def part(name: str, seed: int) -> dict[str, Result]:
    """The result of each method."""
    if name == "terrain":
        some = methods("rbfnet.fit, smoothing=0", "rbfnet.fit", "rbfnet.RBFInterpolator", plane=True)
        split = terrain(seed)
        return {key: run(method, split, rmse) for key, method in some.items()}
    if name == "smooth":
        some = methods("rbfnet.fit", "rbfnet.fit, kernel=gaussian", "RBFRegressor", "rbfnet.RBFInterpolator", plane=True)
        split = smooth(seed)
        return {key: run(method, split, relative) for key, method in some.items()}
    if name == "small":
        some = methods("rbfnet.fit", "rbfnet.fit, smoothing=0", "rbfnet.RBFInterpolator", "RBFRegressor")
        split = small(seed)
        for method in some.values():
            run(method, split, none)  # The first call imports libraries.
        return {key: run(method, split, none) for key, method in some.items()}
    if name == "auto":
        split = noisy(seed)
        some = {f"rbfnet.fit, smoothing={s}": ours(smoothing=s) for s in ("auto", 0)}
        return {key: run(method, split, relative) for key, method in some.items()}
    found = {}
    for key, method in methods("rbfnet.fit", "RBFRegressor").items():
        each = [run(method, split, determination) for split in diabetes(seed)]
        found[key] = Result(statistics.mean(r.score for r in each), sum(r.seconds for r in each))
    return found


PARTS = {
    "terrain": "RMSE in m",
    "smooth": "relative RMSE",
    "diabetes": "R^2",
    "small": "",
    "auto": "relative RMSE",
}
"""Every part, and what its score is."""


def rows(name: str, repeats: list[dict[str, Result]]) -> list[str]:
    """One line per method, with medians over the repeats."""
    lines = []
    for key in repeats[0]:
        score = statistics.median(found[key].score for found in repeats)
        seconds = statistics.median(found[key].seconds for found in repeats)
        base = SCIPY if SCIPY in repeats[0] else list(repeats[0])[-1]
        ratio = statistics.median(found[key].seconds / found[base].seconds for found in repeats)
        shown = "" if math.isnan(score) else f"{score:.3g} {PARTS[name]}"
        lines.append(f"| {name} | {key} | {shown} | {seconds:.2g} | {ratio:.2f} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--fewest", action="store_true")
    given = parser.parse_args()
    if given.fewest:
        for seed in range(given.repeats):
            fewest(seed)
        return
    for library, what in {"sklearn": "scikit-learn", "verde": "verde"}.items():
        if find_spec(library) is None:
            print(f"{what} is not installed, so its rows are left out; install it with `pip install {what}`.\n")
    print("| data | method | error | CPU seconds | time / SciPy |\n| --- | --- | --- | --- | --- |")
    for name in given.only:
        if name == "diabetes" and find_spec("sklearn") is None:
            continue
        print("\n".join(rows(name, [part(name, seed) for seed in range(given.repeats)])), flush=True)


def fewest(seed: int) -> None:
    split = terrain(seed)
    wanted = rmse(RBFInterpolator(split.x, split.y)(split.fresh), split.truth)
    torch.manual_seed(seed)
    problem = Terrain()
    tolerance, ratio = START / STEP, float("inf")
    while ratio > WITHIN:
        tolerance *= STEP
        start = time.process_time()
        solution = rbfnet.solve(
            problem,
            kernel="thin_plate_spline",
            num_centers=None,
            centers="points",
            solver=LeastSquares(tolerance=tolerance),
            seed=seed,
        )
        seconds = time.process_time() - start
        assert solution.errors is not None
        ratio = solution.errors["rmse"] / wanted
        print(
            f"seed {seed}: tolerance {tolerance:.4f}, {solution.summary['centers']} centres, RMSE {solution.errors['rmse']:.3f}, "
            f"{ratio:.4f} of SciPy's, {seconds:.1f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
