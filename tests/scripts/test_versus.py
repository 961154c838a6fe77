"""The parts of scripts/versus.py that need no environment of their own: the tables, the clock, the grid methods."""

from __future__ import annotations

import time

import numpy as np
import pytest

from rbfnet.problems.zoo.references import burgers
from scripts import versus
from scripts.rivals import chebyshev, finite_differences
from scripts.rivals.race import Race

TRAINED = [(1.0, 0.5), (20.0, 5e-4), (40.0, 2e-4), (59.0, 3e-4), (60.1, 1e-9)]


def row(rival, history=(), note="", what="this"):
    return versus.Row("poisson", rival, "-", what, "1.0", list(history), note)


def test_time_to_a_target_is_that_of_the_first_error_below_it() -> None:
    assert versus.time_to(TRAINED, 1e-3) == 20.0
    assert versus.time_to(TRAINED, 1e-12) is None
    assert versus.time_to([], 1.0) is None


def test_the_table_counts_nothing_that_came_after_the_time() -> None:
    given = [row("deepxde", TRAINED), row("chebyshev", [(61.0, 1e-9)]), row("pina", note="failed: because")]
    lines = versus.table(given, 60.0).splitlines()
    assert lines[1].split()[2:6] == ["20.000", "3.0e-04", "2.0e-04", "60.100"]
    assert lines[2].split()[2:6] == ["-", "-", "-", "61.000"]
    assert lines[3].endswith("failed: because")


def test_a_grid_solver_that_wins_is_said_to() -> None:
    grid, ours = row("chebyshev", [(0.1, 1e-14)]), row("rbfnet", [(0.2, 1e-8)], what="ours")
    said = "\n".join(versus.verdict([ours, grid, row("deepxde", TRAINED)], 60.0))
    assert "A grid method wins here: it is the fastest and the most accurate." in said
    assert "rbfnet reaches 1e-03 100 times faster than the trained networks" in said
    assert "3e+04 times that of rbfnet" in said


def test_a_grid_solver_that_loses_is_not_said_to_win() -> None:
    said = "\n".join(versus.verdict([row("rbfnet", [(0.2, 1e-8)]), row("chebyshev", [(0.3, 1e-7)])], 60.0))
    assert "wins" not in said
    soonest = "\n".join(versus.verdict([row("rbfnet", [(0.2, 1e-8)]), row("chebyshev", [(0.1, 1e-7)])], 60.0))
    assert "A grid method wins here: it is the fastest." in soonest


def test_other_rbf_methods_are_compared_within_their_own_time() -> None:
    ours = [row("rbfnet", [(0.1, 1e-6)]), row("rbfnet", [(0.9, 1e-12)])]
    said = versus.verdict([*ours, row("rbflab", [(0.5, 1e-5)])], 60.0)
    assert said[-1] == "In the 0.50 s of rbflab, this (1.0e-05), rbfnet reaches 1.0e-06 (10 times lower)."


def test_those_that_never_reach_the_target_are_named() -> None:
    said = versus.verdict([row("rbfnet", [(0.5, 1e-6)]), row("pina", [(60.0, 0.1)])], 60.0)
    assert "trained networks not within 60 s" in said[0]
    assert "more than 120 times faster" in said[-1]
    assert versus.verdict([row("pina", note="failed")], 60.0) == ["There is no result within the time."]


def test_a_config_that_is_not_there_is_said_to_be_missing(tmp_path) -> None:
    missing = versus.Row("burgers", "rbfnet", "experiment=league/nonsense", "")
    assert versus.run(missing, 1.0, tmp_path, tmp_path).note == (
        "skipped: there is no configs/experiment/league/nonsense.yaml yet"
    )


@pytest.mark.parametrize(("problem", "dims"), [("helmholtz", 2), ("wave", 2), ("poisson_5d", 5)])
def test_random_features_are_compared_at_equal_unknowns_on_the_points_of_the_problem(problem, dims, tmp_path) -> None:
    own = [row for row in versus.rows() if row.problem == problem]
    assert {row.rival for row in own} == {"rbfnet", "fastlsq"}
    counts = [
        {row.what.split()[2 if row.rival == "rbfnet" else 0] for row in own if row.rival == rival} for rival in versus.KINDS
    ]
    assert {"500", "1000"} in counts
    versus.reference(problem, tmp_path / "reference.npz")
    with np.load(tmp_path / "reference.npz") as arrays:
        assert arrays["points"].shape[1] == dims and len(arrays["points"]) == len(arrays["values"]) >= 10_000


def test_the_clock_stands_still_while_errors_are_measured() -> None:
    race = Race(np.zeros((2, 2)), np.array([3.0, 4.0]), 10.0)

    def predict(points):
        time.sleep(0.2)
        return np.array([3.0, 4.5])

    race.measure(predict)
    assert race.elapsed() < 0.15
    assert race.history[0][0] < 0.15
    assert race.history[0][1] == pytest.approx(0.1)
    assert not race.due()


def test_the_rows_are_of_rivals_that_are_there() -> None:
    for found in versus.rows():
        assert (versus.ROOT / "scripts" / "rivals" / f"{found.rival}.py").is_file()
        assert found.rival in versus.KINDS


def errors_of_poisson(order: int, cells: int) -> float:
    x = np.linspace(0, 1, cells + 1)
    return float(np.abs(finite_differences.poisson(order, cells) - np.outer(np.sin(np.pi * x), np.sin(np.pi * x))).max())


@pytest.mark.parametrize("order", [2, 4])
def test_finite_differences_for_poisson_converge_at_their_order(order: int) -> None:
    assert np.log2(errors_of_poisson(order, 16) / errors_of_poisson(order, 32)) == pytest.approx(order, abs=0.1)


@pytest.mark.parametrize("order", [2, 4])
def test_differences_converge_at_their_order_up_to_the_walls(order: int) -> None:
    def errors(cells: int) -> np.ndarray:
        x = np.linspace(-1, 1, cells + 1)[1:-1]
        first, second = finite_differences.differences(order, cells)
        u = np.sin(np.pi * x)
        exact = np.pi * np.cos(np.pi * x), -(np.pi**2) * u
        return np.array([np.abs(first @ u - exact[0]).max(), np.abs(second @ u - exact[1]).max()])

    np.testing.assert_allclose(np.log2(errors(32) / errors(64)), order, atol=0.1)


TIMES = np.array([0.0, 0.25, 0.5])


@pytest.mark.parametrize("order", [2, 4])
def test_finite_differences_for_burgers_converge_at_their_order(order: int) -> None:
    def error(cells: int) -> float:
        x = np.linspace(-1, 1, cells + 1)
        found = finite_differences.burgers(order, cells, TIMES, tolerance=1e-10)
        return float(np.abs(found - burgers(x[:, None], TIMES))[:, 1].max())

    assert np.log2(error(256) / error(512)) == pytest.approx(order, abs=0.3)


def test_chebyshev_differentiates_polynomials() -> None:
    x, matrix = chebyshev.differentiation(6, -1.0, 3.0)
    np.testing.assert_allclose(matrix @ x**6, 6 * x**5, atol=1e-9)
    assert (x[0], x[-1]) == (-1.0, 3.0)


def test_chebyshev_for_poisson_is_spectrally_accurate() -> None:
    x, u = chebyshev.poisson(16)
    np.testing.assert_allclose(u, np.outer(np.sin(np.pi * x), np.sin(np.pi * x)), atol=1e-12)


def test_chebyshev_for_burgers_agrees_with_cole_and_hopf() -> None:
    x, u = chebyshev.burgers(96, 0.0, TIMES)
    np.testing.assert_allclose(u, burgers(x[:, None], TIMES), atol=2e-6)
    whole, v = chebyshev.burgers(256, -1.0, TIMES[:2])
    np.testing.assert_allclose(v, burgers(whole[:, None], TIMES[:2]), atol=1e-6)


@pytest.mark.parametrize(
    ("rival", "problem", "variant", "most"),
    [
        (finite_differences, "poisson", "4 100", 1e-8),
        (finite_differences, "burgers", "4 1020", 2e-4),
        (chebyshev, "poisson", "whole 16", 1e-12),
        (chebyshev, "burgers", "half 96", 1e-6),
    ],
)
def test_a_grid_rival_is_measured_at_the_common_points(rival, problem, variant, most, tmp_path) -> None:
    versus.reference(problem, tmp_path / "reference.npz")
    with np.load(tmp_path / "reference.npz") as arrays:
        race = Race(arrays["points"], arrays["values"], 60.0)
    rival.run(problem, variant, race)
    ((_, error),) = race.history
    assert 0 < error < most
