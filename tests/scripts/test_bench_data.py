from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.interpolate import RBFInterpolator
from sklearn.metrics import r2_score, root_mean_squared_error

from scripts import bench_data
from scripts.bench_data import Result, Split

RNG = np.random.default_rng(0)


def test_scores_are_those_of_scikit_learn() -> None:
    truth = RNG.random(50)
    predicted = truth + 0.1 * RNG.standard_normal(50)
    assert math.isclose(bench_data.determination(predicted, truth), r2_score(truth, predicted))
    assert math.isclose(bench_data.rmse(predicted, truth), root_mean_squared_error(truth, predicted))


@pytest.mark.slow
def test_every_method_predicts_the_rows_that_were_held_out() -> None:
    x = RNG.random((60, 2))
    split = Split(x[:50], x[:50].sum(axis=1), x[50:], x[50:].sum(axis=1))
    found = bench_data.methods(*bench_data.OURS, plane=True)
    del found["KernelRidge"]  # its grid takes seconds
    for name, method in found.items():
        result = bench_data.run(method, split, bench_data.relative)
        assert result.score < 0.02 and result.seconds > 0.0, name


def test_scipys_row_is_scipys() -> None:
    split = bench_data.smooth(0)
    few = Split(split.x[:60], split.y[:60], split.fresh, split.truth)
    found = bench_data.run(bench_data.methods()[bench_data.SCIPY], few, bench_data.rmse)
    predicted = RBFInterpolator(few.x, few.y)(few.fresh)
    assert found.score == pytest.approx(np.sqrt(np.mean((predicted - few.truth) ** 2)))


def test_rows_are_medians_over_the_repeats() -> None:
    repeats = [{"a": Result(e, t), bench_data.SCIPY: Result(1.0, 2.0)} for e, t in ((1.0, 4.0), (5.0, 2.0), (3.0, 1.0))]
    assert bench_data.rows("terrain", repeats)[0] == "| terrain | a | 3 RMSE in m | 2 | 1.00 |"
    timed = [{"auto": Result(math.nan, 3.0), "plain": Result(math.nan, 2.0)}]
    assert bench_data.rows("small", timed)[0] == "| small | auto |  | 3 | 1.50 |"
