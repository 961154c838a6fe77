"""The estimated error of what is carried through time, against closed forms and references; the verdict goes by it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
import torch
from torch import Tensor, cos, exp, pi, sin

import rbfnet
from rbfnet.domains import Disc, Rectangle, SpaceTime
from rbfnet.problems import (
    Advection,
    AllenCahn,
    Burgers,
    Condition,
    Dirichlet,
    Heat,
    Initial,
    Interior,
    KortewegDeVries,
    Problem,
    VanDerPol,
    Wave,
)
from rbfnet.solvers import Evolve


class Plate(Problem):
    """Heat on a square with a hole: u = exp(-2 t) cos(x + y)."""

    domain = SpaceTime(Rectangle(x=(0, 1), y=(0, 1)) - Disc((0.5, 0.5), 0.2), t=(0, 1))

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda u: u.d("t") - u.laplacian("x", "y"))
        yield Dirichlet(self.exact)
        yield Initial(lambda x, y: cos(x + y))

    def exact(self, x: Tensor, y: Tensor, t: Tensor) -> Tensor:
        return exp(-2 * t) * cos(x + y)


class Membrane(Problem):
    """A wave on a square: u = cos(sqrt(2) pi t) sin(pi x) sin(pi y)."""

    domain = SpaceTime(Rectangle(x=(0, 1), y=(0, 1)), t=(0, 2))

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda u: u.d("tt") - u.laplacian("x", "y"))
        yield Dirichlet(0.0)
        yield Initial(lambda x, y: sin(pi * x) * sin(pi * y), velocity=0.0)

    def exact(self, x: Tensor, y: Tensor, t: Tensor) -> Tensor:
        return cos(2**0.5 * pi * t) * sin(pi * x) * sin(pi * y)


def run(kind: Callable[[], Problem], num_centers: int, epsilon: Any = "auto", **options: Any) -> tuple[float, float, str]:
    """The true error, the estimated error, and the verdict."""
    made = kind()
    solution = rbfnet.solve(made, num_centers=num_centers, epsilon=epsilon, solver=Evolve(**options), seed=3, allow_unsolved=True)
    assert solution.errors is not None
    return solution.errors["rel_l2"], solution.summary["estimated_error"], solution.verdict


CASES: dict[str, tuple[Callable[[], Problem], int, dict[str, Any]]] = {
    "heat": (Heat, 40, {}),
    "heat, few centres": (Heat, 8, {}),
    "heat, long steps": (Heat, 40, {"tolerance": 1e-2, "degree": 3}),
    "advection": (Advection, 16, {}),
    "wave, few centres": (Wave, 9, {"refine": 0}),
    "oscillator, long steps": (lambda: VanDerPol(mu=5.0, end=20.0), 10, {"tolerance": 1e-3}),
    "plate": (Plate, 60, {}),
    "membrane, few centres": (Membrane, 20, {}),
    "membrane": (Membrane, 60, {}),
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_about_the_true_error(name: str) -> None:
    kind, centers, options = CASES[name]
    true, estimated, verdict = run(kind, centers, **options)
    assert true / 10 < estimated < 10 * true
    assert true > 1e-3 or verdict == "solved"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "centers", "options"),
    [
        (Burgers, 160, {}),
        (Burgers, 160, {"refine": 0, "tolerance": 1e-5}),
        (AllenCahn, 200, {}),
        (AllenCahn, 40, {}),
        (KortewegDeVries, 150, {}),
        (KortewegDeVries, 50, {}),
    ],
)
def test_it_is_about_the_true_error_where_equations_are_not_linear(
    kind: Callable[[], Problem], centers: int, options: dict[str, Any]
) -> None:
    true, estimated, verdict = run(kind, centers, **options)
    assert true / 10 < estimated < 10 * true
    assert (verdict == "solved") == (true < 1e-3)


def test_kernels_that_are_too_narrow_solve_nothing() -> None:
    """A width that is given: each kernel is alone."""
    true, estimated, verdict = run(Membrane, 60, epsilon=40.0)
    assert true > 0.5 and estimated > 0.1 and verdict == "not solved"


class Free(Problem):
    """Heat on a square with a condition on one of its four sides only."""

    domain = SpaceTime(Rectangle(x=(0, 1), y=(0, 1)), t=(0, 0.1))

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda u: u.d("t") - u.laplacian("x", "y"))
        yield Dirichlet(0.0, on="x=low")
        yield Initial(lambda x, y: sin(pi * x) * sin(pi * y))


def test_a_boundary_without_enough_conditions_is_not_solved() -> None:
    with pytest.warns(rbfnet.NotSolvedWarning, match="part of the boundary has fewer conditions than the order"):
        rbfnet.solve(Free(), num_centers=60, solver=Evolve())


class Bump(Problem):
    """A start that is narrower than the spacing of the centres: u = (s_0 / s) exp(-r^2 / s), s = s_0 + t / 5."""

    domain = SpaceTime(Rectangle(x=(-1, 1), y=(-1, 1)), t=(0, 0.02))

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda u: u.d("t") - 0.05 * u.laplacian("x", "y"))
        yield Dirichlet(self.exact)
        yield Initial(lambda x, y: self.exact(x, y, torch.zeros_like(x)))

    def exact(self, x: Tensor, y: Tensor, t: Tensor) -> Tensor:
        size = 0.003 + 0.2 * t
        return 0.003 / size * torch.exp(-((x - 0.2) ** 2 + (y - 0.1) ** 2) / size)


def test_a_start_that_no_function_nearby_fits_is_in_the_estimate() -> None:
    solution = rbfnet.solve(Bump(), num_centers=300, solver=Evolve(), allow_unsolved=True)
    assert solution.errors is not None
    assert solution.errors["rel_l2"] / 3 < solution.summary["estimated_error"] < 3 * solution.errors["rel_l2"]
