"""rbfnet against SciPy's RBFInterpolator on terrain: 5,000 points fitted, 20,000 predicted, the same split for both.

    python scripts/bench_terrain.py [--repeats 3] [--fewest]

The time covers fit and prediction. The two run in turn, and the ratios are medians over the repeats. ``--fewest`` instead lowers
the tolerance until the error is within 5 % of SciPy's and reports how many of the 5,000 centres are needed; its time is that of
the last fit alone.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np
import torch
from scipy.interpolate import RBFInterpolator

from rbfnet import solve
from rbfnet.problems import Terrain
from rbfnet.solvers import LeastSquares

START, STEP, WITHIN = 0.101, 0.97, 1.05
"""The first tolerance, its factor per step, and the error to reach relative to SciPy's."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--fewest", action="store_true")
    arguments = parser.parse_args()
    repeats = arguments.repeats
    if arguments.fewest:
        for seed in range(repeats):
            fewest(seed)
        return
    print(f"{'seed':>4} {'ours RMSE':>10} {'SciPy RMSE':>11} {'ratio':>8} {'ours s':>7} {'SciPy s':>8} {'ratio':>6}")
    error_ratios, time_ratios = [], []
    for seed in range(repeats):
        torch.manual_seed(seed)
        terrain = Terrain()
        train, test = terrain.train_set, terrain.test_set()
        assert test is not None

        start = time.perf_counter()
        solution = solve(terrain, kernel="thin_plate_spline", num_centers=None, centers="points", seed=seed)
        our_seconds = time.perf_counter() - start

        start = time.perf_counter()
        scipy = RBFInterpolator(train.x.numpy(), train.y.numpy(), kernel="thin_plate_spline")(test.x.numpy())
        scipy_seconds = time.perf_counter() - start

        assert solution.errors is not None
        ours_rmse, scipy_rmse = solution.errors["rmse"], float(np.sqrt(np.mean((scipy - test.y.numpy()) ** 2)))
        error_ratios.append(ours_rmse / scipy_rmse)
        time_ratios.append(our_seconds / scipy_seconds)
        print(
            f"{seed:4d} {ours_rmse:10.3f} {scipy_rmse:11.3f} {error_ratios[-1]:8.5f} "
            f"{our_seconds:7.2f} {scipy_seconds:8.2f} {time_ratios[-1]:6.2f}"
        )
    print(f"median ratios: error {statistics.median(error_ratios):.5f}, time {statistics.median(time_ratios):.2f}")


def fewest(seed: int) -> None:
    torch.manual_seed(seed)
    terrain = Terrain()
    train, test = terrain.train_set, terrain.test_set()
    assert test is not None
    scipy = RBFInterpolator(train.x.numpy(), train.y.numpy(), kernel="thin_plate_spline")(test.x.numpy())
    scipy_rmse = float(np.sqrt(np.mean((scipy - test.y.numpy()) ** 2)))
    tolerance, ratio = START / STEP, float("inf")
    while ratio > WITHIN:
        tolerance *= STEP
        start = time.perf_counter()
        solution = solve(
            terrain,
            kernel="thin_plate_spline",
            num_centers=None,
            centers="points",
            solver=LeastSquares(tolerance=tolerance),
            seed=seed,
        )
        seconds = time.perf_counter() - start
        assert solution.errors is not None
        ratio = solution.errors["rmse"] / scipy_rmse
        print(
            f"seed {seed}: tolerance {tolerance:.4f}, {solution.summary['centers']} centres, RMSE {solution.errors['rmse']:.3f}, "
            f"{ratio:.4f} of SciPy's, {seconds:.1f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
