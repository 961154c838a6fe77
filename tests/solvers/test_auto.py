"""Which solver ``auto`` chooses, and that what it chooses is run as if it had been named."""

from __future__ import annotations

from collections.abc import Iterable
from math import pi
from typing import Any

import pytest
import torch
from torch import sin

import rbfnet
from rbfnet.domains import Box, Disc, Domain, Interval, Rectangle, SpaceTime
from rbfnet.errors import InputError
from rbfnet.kernels import Matern
from rbfnet.problems import (
    Advection,
    AllenCahn,
    Beam,
    Boundary,
    Burgers,
    Cavity,
    Condition,
    Data,
    DataProblem,
    Dirichlet,
    FourDisks,
    Heat,
    Helmholtz,
    Initial,
    Integral,
    Interior,
    InverseDiffusivity,
    InverseField,
    KleinGordon,
    KortewegDeVries,
    Neumann,
    Periodic,
    Poisson,
    Problem,
    Schroedinger,
    Sharp,
    VanDerPol,
    Wave,
)
from rbfnet.solvers import Auto, Evolve, LeastSquares, Sequence

LINE, SQUARE = SpaceTime(Interval(x=(0, 1)), t=(0, 0.1)), SpaceTime(Rectangle(x=(0, 1), y=(0, 1)), t=(0, 0.1))
DISC = SpaceTime(Disc(center=(0.0, 0.0), radius=1.0), t=(0, 0.1))
HEAT = Interior(lambda u: u.d("t") - u.laplacian())
WAVE = Interior(lambda u: u.d("tt") - u.laplacian())
FLOW = Interior(lambda u: u.d("t") + u.d("x"))
FRONT = Interior(lambda u: u.d("t") - u.laplacian() - u * (1 - u))
FOURTH = Interior(lambda u: u.d("t") + u.d("xxxx"))
START, ENDS = Initial(lambda x: sin(pi * x)), Dirichlet(0.0)
PLANE = Initial(lambda x, y: sin(pi * x) * sin(pi * y))
LEFT, RIGHT = Dirichlet(0.0, on="x=low", name="left"), Dirichlet(0.0, on="x=high", name="right")


class Posed(Problem):
    """Conditions in a domain."""

    def __init__(self, domain: Domain, *conditions: Condition) -> None:
        super().__init__()
        self.domain, self.given = domain, conditions

    def conditions(self) -> Iterable[Condition]:
        return self.given


def name(problem: Problem, **run: Any) -> str:
    return Auto().chosen_for(problem, **run).name


ZOO: dict[str, list[Any]] = {
    "evolve": [Advection, AllenCahn, Beam, Burgers, Heat, KleinGordon, KortewegDeVries, Schroedinger, VanDerPol, Wave],
    "least_squares": [FourDisks, Helmholtz, Poisson],
    "gauss_newton": [Cavity, InverseDiffusivity, InverseField, Sharp],
}


@pytest.mark.parametrize("solver", ZOO)
def test_the_problems_that_are_shipped(solver: str) -> None:
    assert [name(problem()) for problem in ZOO[solver]] == [solver] * len(ZOO[solver])


EVOLVES: dict[str, tuple[Any, ...]] = {
    "heat": (LINE, HEAT, START, ENDS),
    "a flux and a value": (LINE, HEAT, START, LEFT, Neumann(0.0, on="x=high")),
    "a period": (LINE, HEAT, START, Periodic("x")),
    "inflow": (LINE, FLOW, START, LEFT),
    "a wave": (LINE, WAVE, Initial(lambda x: sin(pi * x), velocity=0.0), ENDS),
    "not linear": (LINE, FRONT, START, ENDS),
    "the plane": (SQUARE, HEAT, PLANE, ENDS),
    "a disc": (DISC, HEAT, PLANE, ENDS),
    "sides by name": (
        SQUARE,
        HEAT,
        PLANE,
        LEFT,
        RIGHT,
        Dirichlet(0.0, on=lambda x: (x[:, 1] < 0.01) | (x[:, 1] > 0.99), name="others"),
    ),
    "fourth order": (LINE, FOURTH, START, Boundary(lambda u: (u.value, u.d("xx")))),
    "time alone": (Interval(t=(0, 1)), Interior(lambda y: y.d("t") + y), Initial(1.0)),
}


@pytest.mark.parametrize("case", EVOLVES)
def test_what_goes_through_time_from_a_start_does(case: str) -> None:
    assert name(Posed(*EVOLVES[case])) == "evolve"


OTHERWISE: dict[str, tuple[Any, ...]] = {
    "a value at the end": (LINE, HEAT, START, ENDS, Data(torch.tensor([[0.5, 0.1]]), torch.tensor([0.3]))),
    "an integral": (LINE, HEAT, START, ENDS, Integral(value=1.0)),
    "no start": (LINE, HEAT, ENDS),
    "no velocity": (LINE, WAVE, START, ENDS),
    "third order in time": (LINE, Interior(lambda u: u.d("ttt") - u.d("xx")), START, ENDS),
    "a rectangle": (Rectangle(x=(0, 1), t=(0, 1)), Interior(lambda u: u.d("t") - u.d("xx")), Dirichlet(0.0, on="t=low")),
    "both ends of an interval": (Interval(x=(0, 1)), Interior(lambda u: u.d("xx") + 1), ENDS),
    "hard": (LINE, HEAT, Initial(lambda x: sin(pi * x), hard=True), ENDS),
    "hard ends": (LINE, HEAT, START, Dirichlet(0.0, hard=True)),
}


@pytest.mark.parametrize("case", OTHERWISE)
def test_what_evolve_does_not_take_is_solved_at_once(case: str) -> None:
    assert name(Posed(*OTHERWISE[case])) == "least_squares"


OPEN: dict[str, tuple[Any, ...]] = {
    "no ends": (LINE, HEAT, START),
    "one end": (LINE, HEAT, START, LEFT),
    "half of what a fourth order takes": (LINE, FOURTH, START, ENDS),
    "no inflow": (LINE, FLOW, START),
    "a wave": (LINE, WAVE, Initial(lambda x: sin(pi * x), velocity=0.0)),
    "three sides": (SQUARE, HEAT, PLANE, LEFT, RIGHT, Dirichlet(0.0, on="y=low", name="below")),
    "half a circle": (DISC, HEAT, PLANE, Dirichlet(0.0, on=lambda x: x[:, 0] < 0)),
}


@pytest.mark.parametrize("case", OPEN)
def test_what_lacks_boundary_conditions_is_left_to_those_that_notice(case: str) -> None:
    """Evolve would follow one of many solutions, and call it solved."""
    chosen = Auto().chosen_for(Posed(*OPEN[case]))
    assert chosen.name == "least_squares" and "too few conditions on the boundary" in chosen.why


def test_a_missing_condition_is_still_noticed() -> None:
    solution = rbfnet.solve(Posed(LINE, HEAT, START, LEFT), num_centers=60, allow_unsolved=True)
    assert solution.verdict == "not solved" and "not determined" in " ".join(solution.summary["reasons"])


def test_what_is_not_linear_and_not_carried_goes_to_gauss_newton() -> None:
    chosen = Auto().chosen_for(Posed(LINE, FRONT, START, LEFT))
    assert chosen.why == (
        "solver=auto chose gauss_newton: condition 'interior' is not linear; evolve is ruled out by too few conditions on the "
        "boundary."
    )


def test_the_words_name_what_is_unknown() -> None:
    assert "the problem has an unknown, 'k'" in Auto().chosen_for(InverseDiffusivity()).why


def test_data_are_fitted() -> None:
    assert name(DataProblem(torch.rand(9, 2), torch.rand(9, 1), ["x", "t"])) == "least_squares"


HINDERED: dict[str, tuple[dict[str, Any], str]] = {
    "float32": ({"dtype": torch.float32, "num_centers": 20}, "dtype=float32"),
    "centres": ({"centers": torch.rand((30, 2), dtype=torch.float64), "num_centers": None}, "given centers"),
    "kernel": ({"kernel": Matern(3.5)}, "a non-smooth kernel"),
}


@pytest.mark.parametrize("case", HINDERED)
def test_what_is_asked_of_the_run_is_kept(case: str) -> None:
    options, word = HINDERED[case]
    solution = rbfnet.solve(Heat(), allow_unsolved=True, **{"num_centers": 30, **options})
    assert solution.summary["solver"] == "least_squares" and word in solution.summary["words"][0]


@pytest.mark.parametrize("option", [{"epsilon": 6.0}, {"metric": "diagonal"}], ids=["epsilon", "metric"])
def test_evolve_keeps_widths_and_metrics_that_are_given(option: dict[str, Any]) -> None:
    solution = rbfnet.solve(Heat(), num_centers=30, **option)
    assert solution.summary["solver"] == "evolve" and solution.verdict == "solved"
    assert solution.errors is not None and solution.errors["rel_l2"] < 1e-4


def test_a_rough_kernel_goes_through_time_where_the_problem_is_not_linear() -> None:
    assert name(Burgers(), rough=True) == "evolve"


def test_the_problem_is_left_as_it_was() -> None:
    problem, before = Poisson(sampler="random"), torch.random.get_rng_state()
    points = problem.num_interior, problem.in_space
    Auto().chosen_for(problem)
    assert torch.equal(torch.random.get_rng_state(), before) and (problem.num_interior, problem.in_space) == points


@pytest.mark.parametrize(
    ("problem", "named"), [(lambda: Poisson(sampler="random"), LeastSquares()), (Heat, Evolve())], ids=["Poisson", "Heat"]
)
def test_it_is_as_if_the_solver_had_been_named(problem: Any, named: rbfnet.solvers.Solver) -> None:
    x = [[0.3, 0.2], [0.5, 0.6]]
    found, wanted = (rbfnet.solve(problem(), num_centers=40, solver=s, allow_unsolved=True) for s in ("auto", named))
    assert (found.predict(x) == wanted.predict(x)).all()
    assert found.summary["solver"] == named.name == wanted.summary["solver"]
    assert found.summary["words"] == [f"solver=auto chose {named.name}: {WHY[named.name]}.", *wanted.summary["words"]]


WHY = {"least_squares": "the problem is linear", "evolve": "the problem is time-dependent with initial conditions"}


def test_it_is_the_default_of_solve_and_fit_stays_what_it_is() -> None:
    assert rbfnet.solve(Poisson(), num_centers=30, allow_unsolved=True).summary["words"][0].startswith("solver=auto chose")
    assert "auto" not in " ".join(rbfnet.fit(torch.rand(30, 1), torch.rand(30)).summary["words"])


class Failing(Problem):
    domain = Rectangle(x=(0, 1), y=(0, 1))

    def conditions(self) -> Iterable[Condition]:
        yield Interior(self._inside)

    def _inside(self, u: Any) -> Any:
        raise ZeroDivisionError("mine")


def test_an_exception_of_the_users_own_is_theirs() -> None:
    with pytest.raises(ZeroDivisionError, match="mine"):
        rbfnet.solve(Failing())


def test_what_is_wrong_with_a_condition_is_said_as_ever() -> None:
    with pytest.raises(InputError, match="'interior' does not depend on the solution"):
        rbfnet.solve(Posed(Rectangle(x=(0, 1), y=(0, 1)), Interior(lambda u: u.x), ENDS))


def test_it_is_not_run_itself() -> None:
    with pytest.raises(InputError, match="auto is not a solver that runs"):
        Auto().optimizer(torch.nn.Identity(), Poisson())
    with pytest.raises(InputError, match="auto chooses one"):
        Sequence(["auto", "lbfgs"])


def test_in_more_than_three_dimensions_of_space_it_is_solved_at_once() -> None:
    space = Box(a=(0, 1), b=(0, 1), c=(0, 1), d=(0, 1))
    chosen = Auto().chosen_for(Posed(SpaceTime(space, t=(0, 1)), HEAT, Initial(1.0), ENDS))
    assert chosen.name == "least_squares" and "more than 3 dimensions of space" in chosen.why
