"""Runs with more and more centres: when they end, and whether the error is what was asked for."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import cast

import pytest
import torch

import rbfnet
from rbfnet.domains import Polygon
from rbfnet.errors import InputError
from rbfnet.problems import Condition, Dirichlet, Interior, Poisson, Problem
from rbfnet.training import Solution
from rbfnet.training._until_accurate import largest, needed, until_accurate

Law = Callable[[int], float]


def runs(
    law: Law, accuracy: float, outputs: int = 1, worked: Callable[[int], bool] = lambda n: True
) -> tuple[list[int], Solution]:
    """The numbers of centres of runs whose estimated error is that of a law, and the solution that is kept."""
    ran = []

    def attempt(n: int) -> Solution:
        ran.append(n)
        if not worked(n):
            raise InputError(f"{n} centres are too few.")
        error = law(n)
        word = "solved" if error <= 3 * accuracy else "not solved"
        summary = {"estimated_error": error, "verdict": word, "residuals": [], "reasons": []}
        return cast(Solution, SimpleNamespace(summary=summary, model=SimpleNamespace(num_centers=n)))

    centers, solution = until_accurate(attempt, accuracy, outputs)
    assert solution.model.num_centers == centers
    return ran, solution


def test_it_ends_with_the_first_run_that_is_accurate() -> None:
    ran, solution = runs(lambda n: math.exp(-math.sqrt(n)), 1e-6)
    # exp(-sqrt(200)) = 7e-7.
    assert ran == [100, 200]
    assert solution.summary["words"] == [
        "100 centres: estimated error 4.5e-05; 200 centres: estimated error 7.2e-07 (asked for 1e-06)."
    ]
    assert solution.summary["reasons"] == []


@pytest.mark.parametrize("order", [2.0, 3.0, 4.5])
def test_the_rate_predicts_the_number_of_centres(order: float) -> None:
    law: Law = lambda n: 0.05 * (n / 100) ** -order  # noqa: E731
    ran, solution = runs(law, 1e-5)
    exact = 100 * (0.05 / 1e-5) ** (1 / order)
    if exact > 3200:
        assert ran[-1] == 3200 and "No more than 3200 centres" in solution.summary["reasons"][-1]
    else:
        assert exact <= ran[-1] < 4 * exact and not solution.summary["reasons"]
    # Where 1600 centres are not enough, 800 are left out.
    assert ran == ([100, 200, 400, 1600, 3200] if exact > 1600 else [100, 200, 400, 800])


def test_a_prediction_is_exact_for_an_algebraic_law() -> None:
    from rbfnet.training._until_accurate import Trial

    trials = [Trial(n, n, 3.0 * n**-1.5, True, False) for n in (100, 200, 400)]
    assert math.isclose(needed(trials, 3.0 * 5000**-1.5), 5000, rel_tol=1e-9)


@pytest.mark.parametrize(
    ("law", "accuracy", "says", "last"),
    [
        (lambda n: 1e-3 + 1e-2 * (100 / n) ** 6, 1e-4, "do not reduce the estimated error, as at a singularity", 800),
        (lambda n: 1e-11 + 1e-6 * (100 / n) ** 12, 1e-13, "do not reduce the estimated error, as at rounding level", 800),
        (lambda n: 0.02 * (100 / n) ** 0.7, 1e-6, "it takes about [0-9]e.[0-9]+ centres, as at a singularity", 400),
        (lambda n: 0.9, 1e-6, "No more than 3200 centres are tried", 3200),
    ],
    ids=["plateau", "rounding", "slow", "unresolved"],
)
def test_it_says_what_limits(law: Law, accuracy: float, says: str, last: int) -> None:
    ran, solution = runs(law, accuracy)
    assert ran[-1] == last
    assert re.search(says, solution.summary["reasons"][-1])


def test_layers_may_take_many_centres_to_be_seen() -> None:
    ran, solution = runs(lambda n: 0.8 if n < 1600 else 1e-7, 1e-6)
    assert (ran[-1], solution.summary["reasons"]) == (1600, [])


def test_the_most_accurate_run_is_kept() -> None:
    ran, solution = runs(lambda n: {100: 1e-2, 200: 1e-9, 400: 3e-9}[n], 1e-12)
    assert (ran, solution.model.num_centers) == ([100, 200, 400], 200)


def test_too_few_centres_are_followed_by_more() -> None:
    assert runs(lambda n: 1e-9, 1e-6, worked=lambda n: n > 200)[0] == [100, 200, 400]
    with pytest.raises(InputError, match="400 centres are too few"):
        runs(lambda n: 1e-9, 1e-6, worked=lambda n: False)
    ran, solution = runs(lambda n: 0.5, 1e-6, worked=lambda n: n < 800)
    assert ran[-1] == 800 and solution.summary["reasons"] == ["800 centres do not work: 800 centres are too few."]


def test_memory_limits_the_centres(monkeypatch: pytest.MonkeyPatch) -> None:
    assert largest(2) == (1600, "are tried unless network.num_centers asks for more")
    monkeypatch.setattr("rbfnet.training._until_accurate.budget", lambda: 8 * 16 * 250**2)
    ran, solution = runs(lambda n: 0.5, 1e-6)
    assert ran == [100, 200, 250]
    assert solution.summary["reasons"] == ["No more than 250 centres fit into half of this machine's memory."]


@pytest.fixture(scope="module")
def poisson() -> Solution:
    return rbfnet.solve(Poisson(), accuracy=1e-9)


def test_the_true_error_is_that_asked_for(poisson: Solution) -> None:
    assert poisson.errors is not None
    assert poisson.errors["rel_l2"] < 3e-9
    assert poisson.verdict == "solved" and poisson.summary["estimated_error"] <= 1e-9
    assert len(poisson.summary["words"][-1].split(";")) == 2


def test_it_is_the_run_with_that_number_of_centres_bit_for_bit(poisson: Solution) -> None:
    one = rbfnet.solve(Poisson(), num_centers=poisson.num_centers, accuracy=1e-9)
    assert torch.equal(one.model.weight, poisson.model.weight)
    assert one.summary["estimated_error"] == poisson.summary["estimated_error"]
    # A number is kept, whatever the accuracy.
    assert rbfnet.solve(Poisson(), num_centers=30, accuracy=1e-9, allow_unsolved=True).num_centers == 30


def test_several_processes_are_refused() -> None:
    with pytest.raises(InputError, match="found in one process; use devices=1, or give the number"):
        rbfnet.solve(Poisson(), accuracy=1e-6, devices=2)


class Corner(Problem):
    """Laplace's equation with the solution r^(2/3) sin(2/3 theta) of a re-entrant corner."""

    domain = Polygon([(0, 0), (1, 0), (1, 1), (-1, 1), (-1, -1), (0, -1)])

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda u: u.laplacian())
        yield Dirichlet(lambda x, y: self.exact(x, y))

    def exact(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        angle = torch.atan2(y, x)
        angle = torch.where(angle < -1e-9, angle + 2 * math.pi, angle)
        return (x**2 + y**2) ** (1 / 3) * torch.sin(2 / 3 * angle.clamp_min(0.0))


@pytest.mark.slow
def test_a_re_entrant_corner_is_what_limits() -> None:
    solution = rbfnet.solve(Corner(), accuracy=1e-6, allow_unsolved=True)
    assert solution.verdict != "solved"
    assert "singularity" in solution.summary["reasons"][-1]
    assert solution.num_centers < 3200
