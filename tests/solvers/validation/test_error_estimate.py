"""The estimated error against the true one, and what is determined against what is known to be."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import rbfnet
from rbfnet.domains import Box, Interval, Rectangle, SpaceTime
from rbfnet.problems import Condition, Dirichlet, Equations, Interface, Interior, Problem
from rbfnet.solvers.algebra._damped_qr import Factored
from rbfnet.solvers.validation._error_estimate import Estimate, constant, estimate
from rbfnet.solvers.validation._fresh_points import fresh_points
from rbfnet.solvers.validation._relative_residuals import misses

UNIT = Interval(x=(0, 1))


def estimated(solution: rbfnet.Solution) -> Estimate:
    torch.manual_seed(1)
    problem: Any = solution.problem
    fresh = fresh_points(problem, problem.sample())
    found = estimate(solution.model, problem, fresh, misses(solution.model, problem, fresh))
    assert found is not None
    return found


def solved(domain: Any, equation: str, conditions: list[dict[str, Any]], exact: str | None = None, **options: Any):
    problem = Equations(domain, equation, conditions, exact=exact, num_interior=200, num_boundary=60)
    return rbfnet.solve(problem, **{"num_centers": 40, "allow_unsolved": True, **options})


@pytest.mark.parametrize("count", [8, 12, 16])
def test_the_estimate_is_near_the_error(count: int) -> None:
    solution = solved(UNIT, "u_xx + pi**2*sin(pi*x)", [{"dirichlet": 0}], "sin(pi*x)", num_centers=count)
    assert solution.errors is not None
    assert 0.1 < estimated(solution).error / solution.errors["rel_l2"] < 10


@pytest.mark.parametrize(
    ("equation", "conditions", "flat"),
    [
        ("u_xx = cos(pi*x)", [{"neumann": 0}], True),
        ("u_xx = 1", [{"dirichlet": 0, "on": "x=low"}], False),
        ("u_xx + pi**2*u = sin(2*pi*x)", [{"dirichlet": 0}], False),
        ("u_xxxx = 1", [{"dirichlet": 0}], False),
    ],
    ids=["a constant", "an end is missing", "resonance", "two of four"],
)
def test_what_is_not_determined_is_seen(equation: str, conditions: list[dict[str, Any]], flat: bool) -> None:
    found = estimated(solved(UNIT, equation, conditions))
    assert not found.determined and found.free == ("u",) and found.flat is flat


@pytest.mark.parametrize("equation", ["u_xx = 1", "u_xx + 9.86*u = 1", "-0.01*u_xx + u_x = 1"])
def test_what_is_sensitive_is_determined_all_the_same(equation: str) -> None:
    """Next to a resonance (pi^2 = 9.8696) a problem is a thousand times as sensitive, and has one solution."""
    found = estimated(solved(UNIT, equation, [{"dirichlet": 0}]))
    assert found.determined and not found.free


def test_an_equation_without_a_start_is_not_determined_though_nothing_is_missed() -> None:
    solution = solved(SpaceTime(UNIT, t=(0, 1)), "u_t = u_xx", [{"dirichlet": 0}], num_centers=150)
    assert not estimated(solution).determined
    assert max(row["rms"] for row in solution.residuals) < 1e-6
    assert solution.verdict == "not solved"


def test_outputs_that_are_free_are_named() -> None:
    problem = Equations(
        Rectangle(x=(0, 1), y=(0, 1)),
        ["lap(u)", "lap(v) = cos(pi*x)"],
        [{"dirichlet": "x", "output": "u"}, {"neumann": 0, "output": "v"}],
        outputs=["u", "v"],
        num_interior=300,
    )
    found = estimated(rbfnet.solve(problem, num_centers=60, allow_unsolved=True))
    assert not found.determined and found.free == ("v",) and found.flat


def test_the_constant_is_the_largest_ratio() -> None:
    """Against a dense eigenvalue problem."""
    torch.manual_seed(3)
    matrix, values = torch.randn(50, 12, dtype=torch.float64), torch.randn(30, 12, dtype=torch.float64)

    class Space:
        columns = torch.arange(12)

        def values(self, e: torch.Tensor) -> torch.Tensor:
            return (values @ e)[:, None]

        def back(self, v: torch.Tensor) -> torch.Tensor:
            return values.T @ v[:, 0]

    largest, e = constant(Factored(matrix), Space())  # type: ignore[arg-type]
    truth = torch.linalg.svdvals(values @ torch.linalg.pinv(matrix))[0]
    assert largest == pytest.approx(float(truth), rel=1e-2)
    assert float((matrix @ e).norm()) == pytest.approx(1.0, rel=1e-6)


class TwoHalves(Problem):
    """u'' = 0 up to x = 1 and v'' = 0 from there on, where u = v and u' = 2 v'."""

    outputs = ("u", "v")

    def __init__(self, *, joined: bool) -> None:
        super().__init__(num_interior=100)
        self.domain, self.joined = Box(x=(0, 2)), joined

    def conditions(self) -> list[Condition]:
        left = Box(x=(0, 1))
        return [
            Interior(lambda u: u["u"].d("xx"), where=left, name="left"),
            Interior(lambda u: u["v"].d("xx"), where=Box(x=(1, 2)), name="right"),
            Interface(("u", "v"), left, flux=0.0 if self.joined else None, coefficients=(1.0, 2.0)),
            Dirichlet(0.0, "u", on="x=low"),
            Dirichlet(3.0, "v", on="x=high"),
        ]


@pytest.mark.parametrize("joined", [True, False])
def test_an_output_counts_where_it_lives(joined: bool) -> None:
    """Beyond the interface nothing determines u, nor v before it, and nothing has to; without the flux both slopes are free."""
    solution = rbfnet.solve(TwoHalves(joined=joined), num_centers=30)
    assert solution.verdict == ("solved" if joined else "not solved")
    if joined:
        at = torch.tensor([[1.0]], dtype=torch.float64)
        torch.testing.assert_close(solution.model(at), torch.full((1, 2), 2.0, dtype=torch.float64))
