"""What does not go on is said to, with the time and the reason."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable

import pytest
import torch
from torch import Tensor, cos, pi, sin

import rbfnet
from rbfnet.domains import Rectangle, SpaceTime
from rbfnet.operators import Field
from rbfnet.problems import Burgers, Condition, Dirichlet, Initial, Interior, Neumann
from rbfnet.solvers import Evolve


def run(equation: Callable[[Field], Tensor], side: Condition, start: Callable[..., Tensor] | float) -> None:
    class Made(rbfnet.Problem):
        domain = SpaceTime(Rectangle(x=(0, 1), y=(0, 1)), t=(0, 3))

        def conditions(self) -> Iterable[Condition]:
            yield Interior(equation)
            yield side
            yield Initial(start)

    rbfnet.solve(Made, num_centers=30, solver=Evolve())


def test_a_blow_up_in_the_plane() -> None:
    """u' = u^2 from u >= 0.9 has blown up by t = 1 / 0.9, and from u <= 1.1 not before 1 / 1.1."""
    with pytest.raises(ValueError, match=r"blows up at t = (0\.9[1-9]|1\.0)"):
        run(lambda u: u.d("t") - 0.01 * u.laplacian("x", "y") - u**2, Neumann(0.0), lambda x, y: 1 + 0.1 * cos(pi * x))


def test_heat_that_goes_backwards() -> None:
    with pytest.raises(ValueError, match=r"has grown to .* by t = 0"):
        run(lambda u: u.d("t") + u.laplacian("x", "y"), Dirichlet(0.0), lambda x, y: sin(pi * x) * sin(pi * y))


def test_a_residual_that_ceases_to_be_a_number() -> None:
    """u' = sqrt(1 - u) from 0 reaches one at t = 2."""
    with pytest.raises(ValueError, match=r"t = (1\.9|2).*residual of condition 'interior' is not finite"):
        run(lambda u: u.d("t") - torch.sqrt(1 - u.value), Neumann(0.0), 0.0)


@pytest.mark.parametrize("centers", [5, 9])
def test_too_few_centres_for_the_boundary_are_named_and_the_remedy_works(centers: int) -> None:
    """Nothing but zero is zero on all sides: exp(-2 pi^2 t) sin(pi x) sin(pi y) needs more."""

    class Made(rbfnet.Problem):
        domain = SpaceTime(Rectangle(x=(0, 1), y=(0, 1)), t=(0, 0.1))

        def conditions(self) -> Iterable[Condition]:
            yield Interior(lambda u: u.d("t") - u.laplacian("x", "y"))
            yield Dirichlet(0.0)
            yield Initial(lambda x, y: sin(pi * x) * sin(pi * y))

        def exact(self, x: Tensor, y: Tensor, t: Tensor) -> Tensor:
            return torch.exp(-2 * pi**2 * t) * sin(pi * x) * sin(pi * y)

    with pytest.raises(ValueError, match=f"^{centers} centres are too few for Made") as refused:
        rbfnet.solve(Made, num_centers=centers, solver=Evolve())
    solution = rbfnet.solve(Made, num_centers=advised(str(refused.value)), solver=Evolve())
    assert solution.errors is not None
    assert solution.errors["rel_l2"] < 1e-3


@pytest.mark.slow
def test_a_front_that_is_too_steep_for_its_centres_is_no_blow_up() -> None:
    """Burgers' equation has a solution at all times, and more centres find it."""
    with pytest.raises(ValueError, match=r"^30 centres are too few for Burgers.* cannot go beyond t = 0\.[4-9]") as refused:
        rbfnet.solve(Burgers(), num_centers=30, solver=Evolve())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rbfnet.NotSolvedWarning)
        solution = rbfnet.solve(Burgers(), num_centers=advised(str(refused.value)), solver=Evolve())
    assert solution.errors is not None
    assert solution.errors["rel_l2"] < 0.1


def advised(sentence: str) -> int:
    """The number of centres that a sentence advises."""
    found = re.search(r"num_centers=(\d+)", sentence)
    assert found is not None
    return int(found[1])
