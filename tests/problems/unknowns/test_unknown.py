"""Inverse problems: unknown numbers and functions, found with the solution."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import pi
from typing import Any

import pytest
import torch
from torch import Tensor, exp, sin

import rbfnet
from rbfnet.domains import Box
from rbfnet.operators import Field
from rbfnet.problems import Condition, Data, Dirichlet, Interior, Unknown, UnknownField
from rbfnet.solvers import LBFGS, Adam
from rbfnet.training.runs._run_directory import write_solution

DOUBLE = torch.float64


class Diffusivity(rbfnet.Problem):
    """-nu u'' = 2 pi^2 sin(pi x) with u = sin(pi x) measured: nu is 2."""

    domain = Box(x=(0, 1))

    def __init__(self) -> None:
        super().__init__(num_interior=40)
        self.nu = Unknown(0.5, positive=True, exact=2.0)

    def conditions(self) -> Iterable[Condition]:
        x = torch.linspace(0, 1, 21, dtype=DOUBLE)[:, None]
        yield Interior(lambda u: self.nu() * u.d("xx") + 2 * pi**2 * sin(pi * u.x))
        yield Data(x, sin(pi * x))


class Conductivity(rbfnet.Problem):
    """(a u')' = f with a = 1 + x, u = exp(x) measured, and a known at one end by the flux."""

    domain = Box(x=(0, 1))

    def __init__(self) -> None:
        super().__init__(num_interior=40)
        self.a = UnknownField(self.domain, 1.2, positive=True, exact=lambda x: 1 + x, num_centers=5)

    def equation(self, u: Field) -> Tensor:
        a = self.a(u)
        return a * u.d("xx") + a.d("x") * u.d("x") - (2 + u.x) * exp(u.x)

    def conditions(self) -> Iterable[Condition]:
        x = torch.linspace(0, 1, 41, dtype=DOUBLE)[:, None]
        yield Interior(self.equation)
        yield Data(x, exp(x))
        # The coefficient at x = 0, where the flux is measured.
        yield Interior(lambda u: self.a(u) * u.d("x") - (1 + u.x) * exp(u.x), where=lambda x: x < 0.1, name="flux")


def test_an_unknown_number_is_found_and_reported_with_its_error() -> None:
    solution = rbfnet.solve(Diffusivity, num_centers=15, solver=LBFGS(max_epochs=30))
    report = solution.summary["unknowns"]["nu"]
    assert report["value"] == pytest.approx(2.0, rel=1e-3)
    assert report["exact"] == 2.0 and report["rel_error"] == pytest.approx(abs(report["value"] - 2) / 2)
    problem = solution.problem
    assert isinstance(problem, Diffusivity) and problem.nu.raw.dtype == DOUBLE
    assert float(problem.nu().detach()) == pytest.approx(report["value"])


def test_an_unknown_function_is_found_and_stays_positive() -> None:
    solution = rbfnet.solve(Conductivity, num_centers=10, solver=LBFGS(max_epochs=10))
    report = solution.summary["unknowns"]["a"]
    assert report["rel_error"] < 0.05
    assert report["min"] > 0


def test_derivatives_of_an_unknown_function_are_those_of_autograd() -> None:
    for positive in (False, True):
        field = UnknownField(Box(x=(0, 1), t=(0, 1)), 2.0, positive=positive, coords=["x"], num_centers=5, dtype=DOUBLE)
        with torch.no_grad():
            field.network.weight.normal_()
        x = torch.rand(6, 2, dtype=DOUBLE)
        a = field(Field(lambda p: p[:, 0], x, ("x", "t")))
        s = x[:, :1].clone().requires_grad_()
        (slope,) = torch.autograd.grad(field.at(s).sum(), s, create_graph=True)
        (curvature,) = torch.autograd.grad(slope.sum(), s)
        assert torch.allclose(a.d("x"), slope[:, 0], rtol=1e-10)
        assert torch.allclose(a.d("xx"), curvature[:, 0], rtol=1e-10)


@pytest.mark.parametrize("problem", [Diffusivity, Conductivity])
def test_solving_for_weights_alone_names_the_unknown_and_a_solver(problem: type[rbfnet.Problem]) -> None:
    with pytest.raises(ValueError, match="of the problem is unknown too; use solver=gauss_newton"):
        rbfnet.solve(problem, num_centers=10)


def test_unknowns_are_saved_with_the_model(tmp_path: object) -> None:
    from pathlib import Path

    from safetensors.torch import load_file

    solution = rbfnet.solve(Diffusivity, num_centers=8, solver=Adam(max_epochs=3))
    directory = Path(str(tmp_path))
    write_solution(directory, solution, figures=False)
    state = load_file(directory / "model.safetensors")
    assert torch.equal(state["problem.nu.raw"], solution.problem.state_dict()["nu.raw"])


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Unknown(-1.0, positive=True), "initial value of a positive unknown must be positive"),
        (lambda: Unknown(float("nan")), "initial value of an unknown must be a finite number"),
        (lambda: UnknownField(Box(x=(0, 1)), coords=["y"]), "no coordinate 'y'"),
        (lambda: UnknownField(Box(x=(0, 1)), positive=True), "must be positive"),
    ],
)
def test_unknowns_that_cannot_start_are_refused(make: object, sentence: str) -> None:
    with pytest.raises(rbfnet.InputError, match=sentence):
        make()  # type: ignore[operator]


@pytest.mark.parametrize(
    ("solver", "within"), [("gauss_newton", 1e-4), (LBFGS(max_epochs=20), 1e-3)], ids=["gauss_newton", "lbfgs"]
)
@pytest.mark.parametrize("value", [lambda k: k, lambda k: lambda x: k() * x], ids=["itself", "in a function"])
def test_dirichlet_values_can_be_unknown(value: Callable[[Unknown], Any], solver: str | LBFGS, within: float) -> None:
    class End(rbfnet.Problem):
        domain = Box(x=(0, 1))

        def __init__(self) -> None:
            super().__init__(num_interior=30)
            self.end = Unknown(0.0)

        def conditions(self) -> Iterable[Condition]:
            yield Interior(lambda u: u.d("xx"))
            yield Dirichlet(value(self.end), on="x=high", name="high")
            yield Dirichlet(0.0, on="x=low")
            x = torch.linspace(0.1, 0.9, 9, dtype=DOUBLE)[:, None]
            yield Data(x, 3 * x)

    solution = rbfnet.solve(End, num_centers=8, solver=solver)
    assert solution.summary["unknowns"]["end"]["value"] == pytest.approx(3.0, rel=within)
