"""Problems in plain data: the same as by a class, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import pi
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn, sin

import rbfnet
from rbfnet import Field
from rbfnet.domains import Rectangle
from rbfnet.problems import Condition, Dirichlet, Equations, Interior, Problem
from rbfnet.training.runs._construct import construct

SQUARE = Rectangle(x=(0, 1), y=(0, 1))
POISSON: dict[str, Any] = {
    "domain": SQUARE,
    "equations": ["lap(u) + 2*pi**2*sin(pi*x)*sin(pi*y)"],
    "conditions": [{"dirichlet": 0, "weight": 1000}],
    "exact": "sin(pi*x)*sin(pi*y)",
}


class ByClass(Problem):
    domain = SQUARE

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda u: u.laplacian() + 2 * pi**2 * sin(pi * u.x) * sin(pi * u.y))
        yield Dirichlet(0.0, weight=1000.0)

    def exact(self, x: Tensor, y: Tensor) -> Tensor:
        return sin(pi * x) * sin(pi * y)


def made(**changes: Any) -> Equations:
    return Equations(**{**POISSON, **changes})


def residuals(problem: Problem, u: Callable[[Tensor], Tensor], name: str, x: Tensor | None = None) -> tuple[Tensor, ...]:
    """The residuals of one condition, at its own points or others."""
    condition = problem.named_conditions()[name]
    sample = condition.sample(problem)
    fields = [Field(u, s, problem.domain.coords, problem.outputs) for s in (sample.sites if x is None else (x,))]
    return condition.equations(tuple(fields), sample.data)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"equations": "-lap(u) = 2*pi^2*sin(pi*x)*sin(pi*y)"},
        {"equations": "u_xx + u_yy = f*sin(pi*x)*sin(pi*y)", "parameters": {"k": 2, "f": "-k*pi**2"}},
        {"equations": [], "conditions": [{"interior": "lap(u) + 2*pi**2*sin(pi*x)*sin(pi*y)"}, *POISSON["conditions"]]},
        {"conditions": [{"dirichlet": "x*0", "weight": "10**3"}]},
        pytest.param({"conditions": [Dirichlet(weight=1000.0)]}, id="a condition itself"),
    ],
    ids=str,
)
def test_poisson_by_class_and_in_plain_data_is_the_same_to_1e_12(changes: dict[str, Any]) -> None:
    by_class, by_text = rbfnet.solve(ByClass(), num_centers=60), rbfnet.solve(made(**changes), num_centers=60)
    assert by_class.errors is not None and by_text.errors is not None
    for key, value in by_class.errors.items():
        # Another order of the same terms differs in the last digit, which the solve magnifies; the same text does not.
        assert by_text.errors[key] == pytest.approx(value, rel=1e-12 if not changes else 1e-6)
    x = torch.rand(100, 2, dtype=torch.float64)
    assert (by_class.model(x) - by_text.model(x)).abs().max() < (1e-12 if not changes else 1e-10)


def test_a_system_with_its_exact_solution_has_no_residual() -> None:
    """Kovasznay's flow, a solution of the Navier-Stokes equations in closed form."""
    problem = Equations(
        Rectangle(x=(-0.5, 1), y=(-0.5, 1.5)),
        outputs=["u", "v", "p"],
        parameters={"re": 40, "k": "re/2 - sqrt(re**2/4 + 4*pi**2)"},
        equations=["u*u_x + v*u_y + p_x = lap(u)/re", "u*v_x + v*v_y + p_y = lap(v)/re", "u_x + v_y"],
        conditions=[
            {"dirichlet": "1 - exp(k*x)*cos(2*pi*y)", "output": "u", "name": "inflow"},
            {"dirichlet": "k/(2*pi)*exp(k*x)*sin(2*pi*y)", "output": "v", "name": "across"},
            {"dirichlet": "(1 - e^(2*k*x))/2", "output": "p", "name": "pressure"},
        ],
        exact=["1 - exp(k*x)*cos(2*pi*y)", "k/(2*pi)*exp(k*x)*sin(2*pi*y)", "(1 - exp(2*k*x))/2"],
        num_interior=50,
    )
    exact: Any = problem.exact
    conditions = problem.named_conditions()
    found = {name: residuals(problem, lambda x: torch.stack(exact(*x.unbind(dim=1)), dim=1), name) for name in conditions}
    assert list(found) == ["interior", "inflow", "across", "pressure"]
    assert len(found["interior"]) == 3
    assert max(float(r.abs().max()) for parts in found.values() for r in parts) < 1e-12
    validation = problem.validation_set()
    assert validation is not None and validation.y.shape[1] == 3


def test_conditions_of_one_kind_are_numbered() -> None:
    names = made(conditions=[{"dirichlet": 0}, {"dirichlet": "x"}, {"dirichlet": 1}]).named_conditions()
    assert list(names) == ["interior", "dirichlet", "dirichlet_2", "dirichlet_3"]


def test_several_equations_in_one_condition() -> None:
    problem = made(equations=[], conditions=[{"interior": ["u - x", "u = y"], "weight": 2}])
    points = torch.rand(9, 2, dtype=torch.float64)
    first, second = residuals(problem, lambda x: x[:, :1], "interior", points)
    assert not first.any() and torch.equal(second, points[:, 0] - points[:, 1])


def test_an_unknown_among_the_parameters_is_a_part_of_the_problem() -> None:
    class Number(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.raw = nn.Parameter(torch.tensor(2.0, dtype=torch.float64))

        def forward(self) -> Tensor:
            return self.raw

    problem = made(equations="u - 3*b*x", parameters={"a": Number(), "b": "a**2"})
    assert [name for name, _ in problem.named_parameters()] == ["a.raw"]
    with pytest.raises(ValueError, match="'domain' is already an attribute of a problem"):
        made(parameters={"domain": Number()})
    points = torch.rand(9, 2, dtype=torch.float64)
    (residual,) = residuals(problem, lambda x: 12 * x[:, :1], "interior", points)
    assert residual.abs().max() < 1e-12
    (slope,) = torch.autograd.grad(residual.sum(), list(problem.parameters()))
    assert float(slope) == pytest.approx(float(-12 * points[:, 0].sum()))


def test_values_measured_at_points() -> None:
    problem = made(conditions=[{"data": [[0.5, 0.5], [0, 1]], "y": [1, 0]}])
    (residual,) = residuals(problem, lambda x: x[:, :1], "data")
    assert residual.tolist() == [-0.5, 0.0]


@pytest.mark.parametrize("kind", ["csv", "npz"])
def test_the_reference_may_be_a_file(kind: str, tmp_path: Path) -> None:
    rows = np.random.default_rng(0).random((1000, 3))
    file = tmp_path / f"exact.{kind}"
    if kind == "csv":
        file.write_text("u,y,x\n" + "".join(f"{u!r},{y!r},{x!r}\n" for x, y, u in rows.tolist()))
    else:
        np.savez(file, x=rows[:, 0], y=rows[:, 1], u=rows[:, 2])
    problem = made(exact=str(file))
    test, validation = problem.test_set(), problem.validation_set()
    assert test is not None and validation is not None
    assert torch.cat([test.x, test.y], dim=1).tolist() == rows.tolist()
    assert 400 <= len(validation.x) <= 1000
    with pytest.raises(ValueError, match="There is no column"):
        made(exact=str(file), outputs=["w"], equations="w - x")


def test_the_reference_may_be_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    """By name, with arguments, when it is first asked for; an output it does not have is not known."""
    calls: list[int] = []

    def line(n: int = 3) -> dict[str, Any]:
        calls.append(n)
        return {"y": np.zeros(n), "u": np.arange(n), "x": np.linspace(0, 1, n)}

    monkeypatch.setattr("rbfnet.problems._computed.columns", lambda: {"line": line})
    problem = made(exact={"reference": "line", "n": 5}, outputs=["u", "p"])
    assert not calls
    test = problem.test_set()
    assert test is not None and problem.validation_set() is not None and calls == [5]
    assert torch.equal(test.x, torch.tensor([[0, 0], [0.25, 0], [0.5, 0], [0.75, 0], [1, 0]], dtype=torch.float64))
    assert torch.equal(test.y[:, 0], torch.arange(5.0, dtype=torch.float64)) and bool(test.y[:, 1].isnan().all())


def test_without_an_exact_solution_there_is_no_reference() -> None:
    assert made(exact=None).test_set() is None and made(exact=None).validation_set() is None


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "equation": ({"equations": ["lap(u) + q"]}, "no name 'q'"),
    "no text": ({"equations": [None]}, "An equation must be a string"),
    "no list": ({"equations": None}, "equations must be a list"),
    "condition": ({"conditions": [{"dirichlett": 0}]}, "no condition 'dirichlett'; did you mean 'dirichlet'"),
    "no node": ({"conditions": [3]}, "A condition must be a node such as"),
    "empty node": ({"conditions": [{}]}, "A condition must be a node such as"),
    "argument": ({"conditions": [{"dirichlet": 0, "weigth": 3}]}, "called 'weigth'; did you mean 'weight'"),
    "missing argument": ({"conditions": [{"interface": ["u", "v"]}]}, "needs the argument 'where'"),
    "value": ({"conditions": [{"dirichlet": [0]}]}, "value of dirichlet must be a number or a string, but got"),
    "value of the field": ({"conditions": [{"dirichlet": "u"}]}, "no name 'u'"),
    "flag": ({"conditions": [{"dirichlet": True}]}, "value of dirichlet must be a number or a string, but got True"),
    "weight": ({"conditions": [{"dirichlet": 0, "weight": "x"}]}, "weight of dirichlet must be a number, but got 'x'"),
    "points": ({"conditions": [{"data": [["a"]], "y": [0]}]}, "x of data must be a list of numbers"),
    "names": ({"conditions": [{"dirichlet": 0, "name": "a"}, {"dirichlet": 1, "name": "a"}]}, "Two conditions are called 'a'"),
    "outputs": ({"outputs": ["u u"]}, "outputs must be names of letters"),
    "no outputs": ({"outputs": []}, "outputs must be names of letters"),
    "domain": ({"domain": 3}, "domain must be one of rbfnet.domains"),
    "parameters": ({"parameters": [1]}, "parameters must be numbers by name"),
    "parameter": ({"parameters": {"k": None}}, "The parameter k must be a finite number or a string"),
    "flag as parameter": ({"parameters": {"k": True}}, "The parameter k must be a finite number or a string"),
    "name of a parameter": ({"parameters": {"2k": 1}}, "The name of a parameter must consist of letters"),
    "parameter of later ones": ({"parameters": {"a": "b", "b": 1}}, "no name 'b'"),
    "exact": ({"exact": "sin(pi*z)"}, "no name 'z'"),
    "file": ({"exact": "nowhere.csv"}, "no file 'nowhere.csv'"),
    "reference": ({"exact": {"reference": "kdv_cosin"}}, "no computed reference called 'kdv_cosin'; did you mean 'kdv_cosine'"),
    "no reference": ({"exact": {"of": "kdv_cosine"}}, "exact must be a string, a list of strings or a node such as"),
    "argument of a reference": (
        {"exact": {"reference": "kdv_cosine", "n": 3}},
        "argument of the reference kdv_cosine called 'n'",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_fit_is_refused_at_once(name: str) -> None:
    changes, sentence = WRONG[name]
    with pytest.raises(ValueError) as caught:
        made(**changes)
    assert sentence in str(caught.value)


NODE: dict[str, Any] = {
    **POISSON,
    "_target_": "rbfnet.problems.Equations",
    "domain": {"_target_": "rbfnet.domains.Rectangle", "x": [0, 1], "y": [0, 1]},
    "parameters": {"k": 1},
}


@pytest.mark.parametrize("trust", [None, ()])
def test_domain_and_conditions_are_nodes_of_a_config(trust: tuple[str, ...] | None) -> None:
    conditions = [{"dirichlet": 0}, {"_target_": "rbfnet.problems.Dirichlet", "value": 1.0, "name": "b"}]
    problem = construct({**NODE, "conditions": conditions}, Problem, "problems", trust)
    assert isinstance(problem, Equations) and isinstance(problem.domain, Rectangle)
    assert list(problem.named_conditions()) == ["interior", "dirichlet", "b"]
    assert isinstance(problem.named_conditions()["interior"], Interior)


@pytest.mark.parametrize(
    ("node", "sentence"),
    [
        ({"domain": {"_target_": "rbfnet.kernels.Gaussian"}}, "'rbfnet.kernels.Gaussian', which is not part of rbfnet"),
        ({"domain": {"_target_": "os.system", "command": "true"}}, "'os.system', which is not part of rbfnet"),
        ({"conditions": [{"_target_": "os.system"}]}, "'os.system', which is not part of rbfnet"),
        ({"conditions": [{"dirichlet": {"_target_": "os.system"}}]}, "'os.system', which is not part of rbfnet"),
        ({"parameters": {"k": object()}}, "k of rbfnet.problems.Equations must be a plain value"),
    ],
)
def test_a_problem_from_elsewhere_is_data_alone(node: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        construct({**NODE, **node}, Problem, "problems", ())
    assert sentence in str(caught.value)


def test_a_domain_has_to_be_one() -> None:
    with pytest.raises(ValueError, match=r"rbfnet.kernels.Gaussian is not a usable Domain"):
        construct({**NODE, "domain": {"_target_": "rbfnet.kernels.Gaussian"}}, Problem, "problems")
