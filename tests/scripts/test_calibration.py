from __future__ import annotations

import numpy as np

from scripts import calibration


def test_coverage_counts_the_points_within_the_bars() -> None:
    truth = np.random.default_rng(0).standard_normal(100_000)
    data = calibration.Sample(truth, truth, truth, truth)
    found = calibration.coverage(data, np.zeros_like(truth), np.ones_like(truth))
    np.testing.assert_allclose(found, [68.27, 95.0], atol=0.5)
    assert calibration.coverage(data, truth, np.zeros_like(truth)) == [100.0, 100.0]


def test_the_last_rows_count_single_data_sets() -> None:
    sets = {(kind, dims): [[68.0, 95.0], [100.0, 97.0]] for kind in calibration.KINDS for dims in calibration.POINTS}
    lines = calibration.table({"a": sets}).splitlines()
    assert lines[2] == "| smooth | 1 | 30 | 84 / 96 |" and lines[-2:] == [
        "| median | | | 84 / 96 |",
        "| within the goal | | | 20 / 40 of 40 |",
    ]


def test_noise_is_in_the_values_and_not_in_the_truth() -> None:
    noisy, again = (calibration.sample("noisy", 2, seed=3) for _ in range(2))
    np.testing.assert_array_equal(noisy.y, again.y)
    assert len(noisy.y) == 80 and len(noisy.truth) == calibration.FRESH
    assert 0.9 < np.std(noisy.y) / np.std(noisy.truth) < 1.3
