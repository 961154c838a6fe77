"""Continuation and slabs of time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
import torch
from torch import Tensor

import rbfnet
from rbfnet.domains import Interval
from rbfnet.problems import AllenCahn, Condition, Dirichlet, Interior, Kovasznay, Unknown
from rbfnet.solvers import GaussNewton, Posed
from rbfnet.solvers.newton._continuation import Stages


class Front(rbfnet.Problem):
    """nu u'' = u u', u = -tanh(x / 2 nu): a front that a global solve hardly finds where it is thin."""

    domain = Interval(x=(-1, 1))

    def __init__(self, nu: float = 0.05) -> None:
        super().__init__(num_interior=400)
        self.nu, self.found = nu, Unknown(1.0)
        self.found.requires_grad_(False)

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda u: self.nu * u.d("xx") - u * u.d("x"))
        yield Dirichlet(self.exact)

    def exact(self, x: Tensor) -> Tensor:
        return -torch.tanh(x / (2 * self.nu))


def test_a_front_is_found_by_way_of_wider_ones() -> None:
    errors = []
    for continuation in (None, {"nu": [0.5, 0.2, 0.1]}):
        problem = Front()
        solver = GaussNewton(max_epochs=50, continuation=continuation)
        solution = rbfnet.solve(problem, num_centers=150, epsilon=8.0, margin=0.1, solver=solver)
        assert problem.nu == 0.05
        assert solution.errors is not None
        errors.append(solution.errors["rel_l2"])
    assert errors[1] < 1e-3 < errors[0]


@pytest.mark.slow
def test_allen_cahn_by_slabs_is_on_the_right_branch() -> None:
    """400 centres do not resolve its layers; the global solve is on another branch altogether."""
    errors, losses = [], []
    for slabs in (1, 8):
        solution = rbfnet.solve(
            AllenCahn(num_interior=1500), num_centers=400, epsilon=8.0, margin=0.1, solver=GaussNewton(100, slabs=slabs)
        )
        assert solution.errors is not None
        errors.append(solution.errors["rel_l2"])
        losses.append(solution.summary["loss"])
    assert losses[1] < 0.1 * losses[0]
    assert errors[1] < 0.5 < 0.7 < errors[0]


def test_an_attribute_has_its_own_value_again_whatever_happens(posed: Any) -> None:
    problem = Front()
    whole: Posed = posed(problem)
    with pytest.raises(KeyError), Stages({"nu": [1.0]}).entered(0, whole):
        assert problem.nu == 1.0
        raise KeyError
    assert problem.nu == 0.05


WRONG = {
    "both": ({"continuation": {"nu": [1.0]}, "slabs": 2}, "use one of them"),
    "text": ({"continuation": {"nu": "big"}}, "needs a list of numbers for 'nu'"),
    "nothing": ({"continuation": {"nu": []}}, "needs a list of numbers for 'nu'"),
    "lengths": ({"continuation": {"nu": [1.0], "mu": [1.0, 2.0]}}, "need the same number of values"),
    "unheard of": ({"continuation": {"mu": [1.0]}}, "no number to continue in Front called 'mu'; did you mean 'nu'"),
    "no number": ({"continuation": {"sampler": [1.0]}}, "no number to continue in Front called 'sampler'"),
    "unknown": ({"continuation": {"found": [1.0]}}, "'found' is an unknown, which cannot be continued"),
    "no time": ({"slabs": 2}, "has no time"),
    "slabs": ({"slabs": 0}, "slabs must be a whole number"),
    "not from the start": ({"slabs": 2}, "slabs need a problem without unknowns whose conditions are at the initial time"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_makes_no_sense_is_refused(name: str) -> None:
    arguments, sentence = WRONG[name]
    problem = Kovasznay() if name == "no time" else Front()
    with pytest.raises(ValueError, match=sentence):
        rbfnet.solve(problem, num_centers=20, solver=GaussNewton(**arguments))  # type: ignore[arg-type]
