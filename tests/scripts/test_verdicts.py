"""How often the verdict is wrong, over the shipped problems and over those that are made to fail."""

from __future__ import annotations

import pytest

from rbfnet.problems import Poisson
from scripts import verdicts

FAILING = list(verdicts.failing())
QUICK = {"poisson, 100 centres", "sag", "decay", "disc", "contradiction, line", "neumann, a free constant, line"}


@pytest.mark.parametrize("case", [case for case in verdicts.cases() if case.name in QUICK], ids=lambda case: case.name)
def test_a_few_that_are_quick(case: verdicts.Case) -> None:
    assert not verdicts.run(case).wrong


def test_there_are_enough_of_them() -> None:
    names = [case.name for case in verdicts.cases()]
    assert len(FAILING) >= 40 and len(names) == len(set(names))


def test_what_counts_as_wrong() -> None:
    case = verdicts.Case("any", Poisson)
    free = verdicts.Case("free", Poisson, unique=False)
    found = [
        verdicts.Outcome(case, 1e-4, "not solved", 1e-4, 0.1, ()),
        verdicts.Outcome(case, 0.5, "solved", 1e-4, 1e-3, ()),
        verdicts.Outcome(free, float("nan"), "solved", 1e-4, 1e-3, ()),
        verdicts.Outcome(case, 0.05, "rough", 0.02, 0.03, ()),
    ]
    assert [bool(outcome.wrong) for outcome in found] == [True, True, True, False]
    assert verdicts.summary_of(found).startswith("1 with an error of at most 0.001, of which 1 are called not solved")


@pytest.mark.slow
@pytest.mark.parametrize("case", FAILING, ids=lambda case: case.name)
def test_what_is_made_to_fail_is_not_called_solved(case: verdicts.Case) -> None:
    outcome = verdicts.run(case)
    assert not outcome.wrong, outcome


@pytest.mark.slow
def test_at_most_one_of_twenty_that_are_solved_is_called_not_solved() -> None:
    outcomes = [verdicts.run(case) for case in (*verdicts.shipped(), *verdicts.more())]
    good = [outcome for outcome in outcomes if outcome.error <= verdicts.ACCURACY]
    assert len(good) >= 20
    assert sum(bool(outcome.wrong) for outcome in good) <= len(good) / 20
    assert not any(outcome.wrong for outcome in outcomes if outcome.error > verdicts.WRONG)
