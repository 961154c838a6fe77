"""Conditions that a model fulfils by its form."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import pi
from typing import Any

import pytest
import torch
from torch import Tensor, cos, exp, sin

import rbfnet
from rbfnet.domains import Box
from rbfnet.nn import Ansatz, RBFNetwork, Wrapper
from rbfnet.operators import Field
from rbfnet.problems import Condition, DataProblem, Dirichlet, Initial, Interior
from rbfnet.solvers import LBFGS

DOUBLE = torch.float64


class Bar(Box):
    """An interval in time: its boundary is the two ends at all times."""

    def boundary(self, n: int, sampler: str = "halton", part: Any = None) -> Tensor:
        x = self.interior(n, sampler)
        x[: n // 2, 0], x[n // 2 :, 0] = self.box[0, 0], self.box[1, 0]
        return x

    def initial(self, n: int = 1, sampler: str = "halton") -> Tensor:
        x = self.interior(n, sampler)
        x[:, -1] = self.box[0, -1]
        return x

    def distance(self, x: Tensor) -> Tensor:
        low, high = (float(end) for end in self.box[:, 0])
        return (x[:, 0] - low) * (high - x[:, 0])


class Posed(rbfnet.Problem):
    def __init__(
        self,
        *conditions: Condition,
        exact: Callable[..., Any] | None = None,
        outputs: tuple[str, ...] = ("u",),
    ) -> None:
        super().__init__(num_interior=400, num_boundary=60)
        self.domain: Box = Bar(x=(0, 1), t=(1, 2))
        self.outputs, self._given = outputs, conditions
        if exact is not None:
            self.exact = exact

    def conditions(self) -> Iterable[Condition]:
        return self._given


def heat(u: Field) -> Tensor:
    return u.d("t") - u.d("xx") / 4


def decaying(x: Tensor, t: Tensor) -> Tensor:
    return exp(-(pi**2) * (t - 1) / 4) * sin(pi * x)


CASES: dict[str, Callable[[], Posed]] = {
    "boundary": lambda: Posed(Interior(heat), Dirichlet(hard=True), Initial(lambda x: sin(pi * x)), exact=decaying),
    "initial": lambda: Posed(Interior(heat), Dirichlet(), Initial(lambda x: sin(pi * x), hard=True), exact=decaying),
    "both": lambda: Posed(Interior(heat), Dirichlet(hard=True), Initial(lambda x: sin(pi * x), hard=True), exact=decaying),
    "values that move": lambda: Posed(
        Interior(lambda u: u.d("t") + u.d("x")),
        Dirichlet(lambda x, t: sin(x - t), hard=True),
        Initial(lambda x: sin(x - 1), hard=True),
        exact=lambda x, t: sin(x - t),
    ),
    "velocity": lambda: Posed(
        Interior(lambda u: u.d("tt") - u.d("xx")),
        Dirichlet(0.0, hard=True),
        Initial(0.0, velocity=lambda x: pi * sin(pi * x), hard=True),
        exact=lambda x, t: sin(pi * x) * sin(pi * (t - 1)),
    ),
    "two outputs": lambda: Posed(
        Interior(lambda u: (u["p"].d("xx"), u["q"].d("xx") - 2)),
        Dirichlet(lambda x, t: x * t, "p", hard=True),
        Dirichlet(lambda x, t: x**2, "q", hard=True),
        exact=lambda x, t: (x * t, x**2),
        outputs=("p", "q"),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_hard_conditions_hold_exactly_and_the_others_are_solved(name: str) -> None:
    problem = CASES[name]()
    solution = rbfnet.solve(problem, num_centers=200)
    assert isinstance(solution.model, Ansatz)
    assert solution.errors is not None and solution.errors["rel_l2"] < 1e-6
    for condition in problem.conditions():
        if condition.hard:
            assert condition.name not in problem.sample()
            sample = condition.sample(problem)
            for residual in condition.equations(problem.fields([solution.model], sample)):
                # To rounding: what is left is the weights, however large, times zero.
                assert residual.detach().abs().max() < 1e-13
    assert solution.plot().axes


def test_an_ansatz_of_ones_own_is_trained_by_descent_too() -> None:
    class Mine(Posed):
        def ansatz(self, network: RBFNetwork | Wrapper) -> RBFNetwork | Wrapper:
            return Ansatz(network, self.domain.distance)

    problem = Mine(Interior(lambda u: u.d("xx") + pi**2 * sin(pi * u.x)), exact=lambda x, t: sin(pi * x))
    solution = rbfnet.solve(problem, num_centers=60, solver=LBFGS(max_epochs=8))
    assert solution.errors is not None and solution.errors["rel_l2"] < 1e-2
    assert float(solution.model(torch.tensor([[0.0, 1.3]], dtype=DOUBLE)).detach()) == 0.0


WRONG: dict[str, tuple[Callable[[], rbfnet.Problem], str]] = {
    "a part": (lambda: Posed(Dirichlet(on="x0", hard=True), Interior(heat)), "cannot be hard on only a part of the boundary"),
    "a file": (lambda: Posed(Dirichlet("a.csv", hard=True), Interior(heat)), "cannot be hard with values from a file"),
    "an output left out": (
        lambda: Posed(Dirichlet(0.0, "p", hard=True), Interior(lambda u: u["q"]), outputs=("p", "q")),
        "Hard Dirichlet conditions are needed for all of the outputs p, q",
    ),
    "a velocity beside values that move": (
        lambda: Posed(Dirichlet(lambda x, t: t, hard=True), Initial(velocity=0.0, hard=True), Interior(heat)),
        "A hard initial velocity is needed",
    ),
    "nothing left": (lambda: Posed(Dirichlet(hard=True)), "yield at least one that is not hard"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_hard_condition_without_a_form_is_refused(name: str) -> None:
    problem, sentence = WRONG[name]
    with pytest.raises(rbfnet.InputError, match=sentence):
        rbfnet.solve(problem(), num_centers=20)


def test_a_problem_with_units_has_its_ansatz_around_them() -> None:
    class Through(DataProblem):
        """Zero at the origin, by form."""

        def ansatz(self, network: RBFNetwork | Wrapper) -> RBFNetwork | Wrapper:
            return Ansatz(network, lambda x: x[:, 0])

    x = torch.linspace(0.1, 10, 60, dtype=DOUBLE)[:, None]
    solution = rbfnet.solve(Through(x, 100 * sin(x), ("x",), validation=0, test=0), num_centers=25)
    new = torch.linspace(0, 10, 33, dtype=DOUBLE)[:, None]
    with torch.no_grad():
        assert (solution.model(new) - 100 * sin(new)).abs().max() < 1e-2
        assert float(solution.model(new[:1])) == 0.0
    assert cos(solution.model.centers).isfinite().all()
