"""What is said of a run: the word, the reasons, where they are found, and the exit code."""

from __future__ import annotations

import json
import math
import re
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import torch

import rbfnet
from rbfnet.cli.main import dispatch
from rbfnet.domains import Domain, Interval, Rectangle, SpaceTime
from rbfnet.nn import RBFNetwork
from rbfnet.problems import Burgers, Condition, DataProblem, Dirichlet, Equations, Interior, InverseDiffusivity, Problem, Unknown
from rbfnet.solvers import Adam, Evolve
from rbfnet.training import judge
from rbfnet.training.verdict._data_verdict import judge_data

Command = Callable[..., tuple[int, str, str]]
UNIT, SQUARE = Interval(x=(0, 1)), Rectangle(x=(0, 1), y=(0, 1))
SAG = ("u_xx + 1", [{"dirichlet": 0}])


def posed(domain: Domain, equation: str, conditions: list[dict[str, Any]], **options: Any) -> Equations:
    return Equations(domain, equation, conditions, **{"num_interior": 150, "num_boundary": 40, **options})


def solved(problem: Any, **options: Any) -> rbfnet.Solution:
    return rbfnet.solve(problem, **{"num_centers": 30, "allow_unsolved": True, **options})


def test_a_solution_carries_its_verdict_residuals_and_estimated_error() -> None:
    solution = solved(posed(UNIT, *SAG, exact="x*(1-x)/2"))
    assert solution.verdict == "solved" and not solution.summary["reasons"]
    assert [(row["condition"], row["equation"]) for row in solution.residuals] == [("interior", 0), ("dirichlet", 0)]
    assert all(row["rms"] <= row["largest"] < 1e-6 for row in solution.residuals)
    assert solution.summary["estimated_error"] < 1e-6
    assert repr(solution).count("\n") == 2 and "verdict: solved" in repr(solution)
    assert "<table>" in solution._repr_html_() and "dirichlet" in solution._repr_html_()


@pytest.mark.parametrize(
    ("factor", "accuracy", "word"),
    [
        (1.0, 1e-3, "solved"),
        (1.002, 1e-3, "solved"),
        (1.002, 1e-5, "not solved"),
        (1.02, 1e-3, "rough"),
        (1.3, 1e-3, "not solved"),
        (1.02, 1e-2, "solved"),
        (3.0, 1.0, "not solved"),
    ],
)
def test_the_thresholds_follow_from_the_accuracy(factor: float, accuracy: float, word: str) -> None:
    """A solution that is multiplied by a number is wrong by known parts."""
    problem = posed(UNIT, *SAG, exact="x*(1-x)/2")
    solution = solved(problem)
    solution.model.set_coefficients(factor * solution.model.coefficients)
    verdict = judge(solution.model, problem, rbfnet.solvers.LeastSquares(), problem.sample(), accuracy)
    assert verdict.word == word
    if factor != 1.0:
        assert verdict.estimated_error == pytest.approx((factor - 1) / factor, rel=0.1)


def test_what_is_not_a_number_is_not_solved() -> None:
    problem = posed(UNIT, *SAG)
    solution = solved(problem)
    solution.model.set_coefficients(torch.full_like(solution.model.coefficients, math.nan))
    assert judge(solution.model, problem, rbfnet.solvers.LeastSquares(), problem.sample()).word == "not solved"


def test_few_points_are_enough_to_see_what_is_missing() -> None:
    """With as many rows as unknowns the solver meets all of them, whatever is free."""
    for given in (20, 35):
        problem = Equations(UNIT, "u_xx = 1", [{"dirichlet": 0, "on": "x=low"}], num_interior=given, num_boundary=2)
        assert solved(problem, num_centers=20).verdict == "not solved"


def data(rows: int = 60) -> DataProblem:
    x = torch.linspace(0, 1, rows, dtype=torch.float64)[:, None]
    return DataProblem(x, torch.sin(6 * x), ("x",), ("u",))


@pytest.mark.parametrize(
    ("by", "missed", "word"),
    [
        ("leave-one-out", 0.01, "solved"),
        ("leave-one-out", 0.3, "rough"),
        ("leave-one-out", 0.8, "not solved"),
        ("fitted rows", 0.0, "rough"),
        ("held-out rows", math.nan, "not solved"),
    ],
)
def test_a_fit_is_judged_relative_to_the_spread_of_its_values(by: str, missed: float, word: str) -> None:
    problem = data()
    y = problem.train_set.y
    wrong = missed * float(y.std(correction=0)) * torch.ones_like(y)
    assert judge_data(problem, by, wrong, y, 2e-2).word == word


def test_rows_that_were_not_left_out_do_not_count_as_met() -> None:
    """Of large data some rows are left out, and the others are NaN."""
    problem = data()
    y = problem.train_set.y
    wrong = torch.full_like(y, math.nan)
    wrong[::10] = 0.8 * float(y.std(correction=0))
    verdict = judge_data(problem, "leave-one-out", wrong, y, 2e-2)
    assert verdict.word != "solved" and verdict.residuals[0]["rms"] == pytest.approx(0.8)


def test_noise_is_no_failure_but_noise_alone_is() -> None:
    generator = torch.Generator().manual_seed(0)
    problem = data(400)
    y = problem.train_set.y
    noise = torch.randn(y.shape, generator=generator, dtype=torch.float64) * float(y.std())
    assert judge_data(problem, "leave-one-out", 0.7 * noise, y, 2e-2).word == "rough"
    assert judge_data(problem, "leave-one-out", 1.1 * noise, y, 2e-2).word == "not solved"
    assert judge_data(data(7), "leave-one-out", 0.7 * noise[:7], y[:7], 2e-2).word == "rough"


NEUMANN = "lap(u) + 2*pi**2*cos(pi*x)*cos(pi*y)"
ROD = SpaceTime(UNIT, t=(0, 1))
TOLD: dict[str, tuple[Any, ...]] = {
    "a free constant": (SQUARE, NEUMANN, [{"neumann": 0}], "only up to a constant.* give its mean"),
    "an end is missing": (UNIT, "u_xx = 1", [{"dirichlet": 0, "on": "x=low"}], "not determined: .* condition is missing"),
    "no start": (ROD, "u_t = u_xx + 1", [{"dirichlet": 0}], "is not determined"),
    "resonance": (UNIT, "u_xx + pi**2*u = sin(2*pi*x)", [{"dirichlet": 0}], "is not determined.*resonance"),
    "two values": (UNIT, "u_xx", [{"dirichlet": 0}, {"dirichlet": 1, "on": "x=low"}], "'dirichlet' and 'dirichlet_x=low' contra"),
    "two starts": (
        Interval(t=(0, 1)), "u_t = -u", [{"initial": 1}, {"initial": 2, "name": "again"}], "contradict.* prescribe 1 and 2"
    ),
    "no balance": (SQUARE, "lap(u) + 1", [{"neumann": 0}], "sources and fluxes .*balance"),
    "too few centres": (UNIT, "u_xx + 100*sin(190*pi*x)", [{"dirichlet": 0}], "relative residual of .*network.num_centers="),
    "through time": (ROD, "u_t + 40*u_x", [{"initial": "sin(2*pi*x)"}, {"dirichlet": 0, "on": "x=low"}], "solver=evolve"),
}  # fmt: skip


@pytest.mark.parametrize("name", TOLD)
def test_what_is_wrong_is_said_with_what_helps(name: str) -> None:
    domain, equation, conditions, words = TOLD[name]
    solution = solved(posed(domain, equation, conditions), num_centers=60, solver="least_squares")
    assert solution.verdict == "not solved"
    said = " ".join(solution.summary["reasons"])
    assert re.search(words, said), said


def test_a_shape_parameter_by_hand_and_a_rough_kernel_are_named() -> None:
    by_hand = solved(posed(UNIT, *SAG), epsilon=900.0)
    assert by_hand.verdict == "not solved" and "network.epsilon=auto" in by_hand.summary["reasons"][-1]
    descended = solved(posed(UNIT, *SAG), solver=Adam(max_epochs=2))
    assert descended.verdict == "not solved" and "solver=least_squares" in descended.summary["reasons"][-1]


def test_what_helps_helps() -> None:
    """The number of centres that is named."""
    problem = posed(UNIT, "u_xx + 40*sin(9*pi*x)", [{"dirichlet": 0}])
    first = solved(problem, num_centers=6)
    assert first.verdict == "not solved"
    count = int(first.summary["reasons"][-1].split("network.num_centers=")[1].split(")")[0])
    assert solved(problem, num_centers=count).verdict in ("solved", "rough")


@pytest.mark.parametrize(("data", "sentence"), [(100, "is determined to"), (1, "is not determined")])
def test_unknowns_are_determined_by_their_data_or_not(data: int, sentence: str) -> None:
    torch.manual_seed(2)
    problem = InverseDiffusivity(num_data=data, noise=0.0 if data > 1 else 0.5)
    solution = solved(problem, solver="gauss_newton", num_centers=60)
    assert any(sentence in reason for reason in solution.summary["reasons"])
    assert (solution.verdict == "not solved") is (data == 1)


def test_python_is_warned_once_and_can_allow_it() -> None:
    problem = posed(UNIT, "u_xx = 1", [{"dirichlet": 0, "on": "x=low"}])
    with pytest.warns(rbfnet.NotSolvedWarning, match="Not solved. The solution is not determined") as caught:
        rbfnet.solve(problem, num_centers=30)
    assert len(caught) == 1 and caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rbfnet.solve(problem, num_centers=30, allow_unsolved=True)


@pytest.mark.parametrize("wrong", [0, -1e-3, "much", True, math.nan])
def test_wrong_accuracies_are_refused(wrong: Any) -> None:
    with pytest.raises(rbfnet.InputError, match=r"accuracy.* must be (positive|a finite number)"):
        rbfnet.solve(posed(UNIT, *SAG), num_centers=10, accuracy=wrong)


SMALL = ("problem.num_interior=64", "problem.num_boundary=32", "figures=false")


def test_the_command_line_prints_writes_and_exits(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = command("train", *SMALL, "network.num_centers=49", "run_dir=good")
    assert code == 0 and "Verdict: solved" in out
    code = dispatch(["train", *SMALL, "network.num_centers=4", "run_dir=bad"])
    out = capsys.readouterr().out
    assert code == 4 and "Verdict: not solved" in out and "network.num_centers=16" in out
    summary = json.loads(Path("bad/summary.json").read_text())
    assert summary["verdict"] == "not solved" and {row["condition"] for row in summary["residuals"]} == {"interior", "dirichlet"}
    assert dispatch(["train", *SMALL, "network.num_centers=4", "run_dir=allowed", "--allow-unsolved"]) == 0
    assert command("train", *SMALL, "network.num_centers=4", "accuracy=-1", "run_dir=no")[0] == 2
    assert not Path("no").exists()


def test_the_verdict_leaves_the_random_state_as_it_was() -> None:
    problem = posed(UNIT, *SAG)
    model = RBFNetwork(1, 1, 10, dtype=torch.float64)
    samples = problem.sample()
    before = torch.get_rng_state()
    first = judge(model, problem, rbfnet.solvers.LeastSquares(), samples)
    assert torch.equal(torch.get_rng_state(), before)
    assert first == judge(model, problem, rbfnet.solvers.LeastSquares(), samples)


def test_an_unknown_in_no_equation_is_not_determined() -> None:
    class Alone(Problem):
        domain = Interval(x=(0, 1))

        def __init__(self) -> None:
            super().__init__()
            self.k = Unknown(0.0)

        def conditions(self) -> Iterable[Condition]:
            yield Interior(lambda u: u.d("xx") + 0.0 * self.k() * u.value)
            yield Dirichlet(0.0)

    with pytest.warns(rbfnet.NotSolvedWarning, match="The unknown 'k' is not determined"):
        rbfnet.solve(Alone(), num_centers=20)


def test_a_run_through_time_that_does_not_reach_the_end_says_so() -> None:
    with pytest.warns(rbfnet.NotSolvedWarning, match=r"Try more slabs \(solver.max_epochs=2\)"):
        solution = rbfnet.solve(Burgers(), num_centers=60, solver=Evolve(max_epochs=1, refine=0))
    assert solution.summary["estimated_error"] is None
