"""Sweeps: points are medians, bars extend over the seeds."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer

import rbfnet
from rbfnet.errors import InputError
from rbfnet.plots import sweep
from rbfnet.run_table import run_table

ROWS = [
    (kernel, centers, seed, factor * 10.0 ** (-centers / 50) * seed**2)
    for kernel, factor in (("gaussian", 1.0), ("matern", 30.0))
    for centers in (400, 50, 100)
    for seed in (1, 2, 4, 5)
]
TABLE: dict[str, list[Any]] = dict(
    zip(("kernel", "network.num_centers", "seed", "error"), map(list, zip(*ROWS, strict=True)), strict=True)
)


def lines(ax: Axes) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """By label: the points (N, 2), and the ends of their bars (N, 2)."""
    found = {}
    for container in ax.containers:
        assert isinstance(container, ErrorbarContainer)
        points, _, (bars,) = container.lines
        ends = np.array([np.asarray(path.vertices)[:, 1] for path in bars.get_paths()])
        found[str(container.get_label())] = (np.asarray(points.get_xydata()), ends)
    return found


def test_points_are_medians_and_bars_extend_over_the_seeds() -> None:
    ax = sweep(TABLE, "num_centers")
    drawn = lines(ax)
    assert set(drawn) == {"gaussian", "matern"}
    for kernel, (points, ends) in drawn.items():
        assert points[:, 0].tolist() == [50, 100, 400]
        for (centers, middle), (low, high) in zip(points, ends, strict=True):
            errors = [row[3] for row in ROWS if row[:2] == (kernel, centers)]
            assert middle == pytest.approx(statistics.median(errors))
            assert (low, high) == (pytest.approx(min(errors)), pytest.approx(max(errors)))
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("network.num_centers", "relative L2 error")


def test_the_columns_of_the_lines_can_be_chosen() -> None:
    assert set(lines(sweep(TABLE, "network.num_centers", series=["kernel", "seed"]))) == {
        f"{kernel}, {seed}" for kernel in ("gaussian", "matern") for seed in (1, 2, 4, 5)
    }
    ((points, ends),) = lines(sweep(TABLE, "network.num_centers", series=[])).values()
    errors = [row[3] for row in ROWS if row[1] == 100]
    assert points[1, 1] == pytest.approx(statistics.median(errors)) and ends[1, 0] == pytest.approx(min(errors))


def test_settings_that_are_names_are_side_by_side() -> None:
    ax = sweep(TABLE | {"error": [0.0] * 12 + [2.0] * 12}, "kernel", series=[])
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["gaussian", "matern"]
    ((points, _),) = lines(ax).values()
    assert points.tolist() == [[0, 0], [1, 2]]
    # Zero has no logarithm, and names have no order.
    assert (ax.get_xscale(), ax.get_yscale()) == ("linear", "linear")
    assert ax.lines[0].get_linestyle() == "None"


def test_runs_without_a_value_are_left_out() -> None:
    table: dict[str, list[Any]] = {"n": [1, 2, 3, 4], "error": [0.1, None, float("nan"), 0.3]}
    ((points, _),) = lines(sweep(table, "n")).values()
    assert points.tolist() == [[1, 0.1], [4, 0.3]]


def test_a_directory_of_runs_is_read(tmp_path: Path) -> None:
    errors = {}
    for count in (20, 60):
        solution = rbfnet.solve(rbfnet.problems.Poisson(num_interior=150, num_boundary=40), num_centers=count, kernel="matern")
        assert solution.errors is not None
        errors[count] = solution.errors["rel_l2"]
        place = solution.save(tmp_path / str(count))
        # A run that was saved from Python has no settings in its config but the model's.
        config = yaml.safe_load((place / "config.yaml").read_text())
        config["network"] = {"num_centers": count}
        (place / "config.yaml").write_text(yaml.safe_dump(config))
    table = run_table(tmp_path)
    assert table["run"] == ["20", "60"] and table["error"] == list(errors.values())
    ((points, _),) = lines(sweep(tmp_path, "num_centers")).values()
    assert points.tolist() == [[count, error] for count, error in errors.items()]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((TABLE, "centres"), "There is no column 'centres'"),
        ((TABLE, "num_centers", "errors"), "There is no column 'errors'; did you mean 'error'?"),
        ((TABLE, "num_centers", "kernel"), "No run has a number in the column 'kernel'"),
        (({"a": [1], "error": [1.0, 2.0]}, "a"), "The columns of the table must have one length, but got a 1, error 2."),
        (({}, "a"), "The columns of the table must have one length, but got none."),
        (([1, 2], "a"), "The runs must be a directory or a table"),
        (("nowhere", "a"), "There is no directory 'nowhere'"),
    ],
)
def test_wrong_input_is_refused(arguments: tuple[Any, ...], sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        sweep(*arguments)
    assert sentence in str(caught.value)
