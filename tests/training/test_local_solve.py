"""solve with a local network, against closed forms, and its error estimate against the errors."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import rbfnet
from rbfnet import InputError, NotSolvedWarning
from rbfnet.domains import Ball, Disc, Rectangle
from rbfnet.nn import Evolving, LocalNetwork
from rbfnet.problems import Condition, Dirichlet, Heat, Interior, InverseDiffusivity, Kovasznay, Neumann, Poisson, Robin


class Plate(rbfnet.Problem):
    """Two holes, and conditions of three kinds."""

    domain = Rectangle(x=(0, 1), y=(0, 1)) - Disc((0.3, 0.3), 0.1) - Disc((0.7, 0.6), 0.15)

    def conditions(self) -> Iterator[Condition]:
        yield Interior(lambda u: u.laplacian() + 13 * torch.sin(3 * u.x + 2 * u.y))
        yield Dirichlet(self.exact, on=["x=low", "y=high", "hole 1", "hole 2"])
        yield Robin(lambda x, y: 3 * torch.cos(3 * x + 2 * y) + torch.sin(3 * x + 2 * y), on="x=high")
        yield Neumann(lambda x, y: -2 * torch.cos(3 * x + 2 * y), on="y=low")

    def exact(self, x: Tensor, y: Tensor) -> Tensor:
        return torch.sin(3 * x + 2 * y)


class Corner(rbfnet.Problem):
    """Laplace's equation on an L-shape: r^(2/3) sin(2/3 theta)."""

    domain = Rectangle(x=(-1, 1), y=(-1, 1)) - Rectangle(x=(0, 1), y=(-1, 0))

    def conditions(self) -> Iterator[Condition]:
        yield Interior(lambda u: u.laplacian())
        yield Dirichlet(self.exact)

    def exact(self, x: Tensor, y: Tensor) -> Tensor:
        theta = torch.atan2(y, x)
        return (x**2 + y**2) ** (1 / 3) * torch.sin(2 / 3 * torch.where(theta < -1e-9, theta + 2 * math.pi, theta))


class Sphere(rbfnet.Problem):
    """Two outputs in a ball."""

    domain, outputs = Ball((0, 0, 0), 1), ("u", "v")

    def conditions(self) -> Iterator[Condition]:
        yield Interior(lambda f: (f["u"].laplacian() + f["v"].value - f.x, f["v"].laplacian() - 6))
        yield Dirichlet(lambda x, y, z: x + 0 * y, output="u")
        yield Dirichlet(1.0, output="v", name="v")


def test_a_solution_with_errors_estimate_and_derivatives() -> None:
    solution = rbfnet.solve(Plate(), network="local", num_centers=600)
    summary = solution.summary
    assert solution.verdict == "solved" and isinstance(solution.model, LocalNetwork)
    assert solution.errors is not None and solution.errors["rel_l2"] < 1e-5
    assert 1 < summary["estimated_error"] / solution.errors["rel_l2"] < 100
    assert abs(solution.predict([[0.5, 0.8]], "u_x")[0] - 3 * math.cos(3.1)) < 1e-4
    assert summary["errors_by"] == "reference" and summary["solver"] == "collocation" and summary["kernel"] == "quintic"
    assert {row["condition"] for row in solution.residuals} == set(Plate().named_conditions())
    assert max(row["rms"] for row in solution.residuals) < 1e-4
    assert np.nanmax(np.abs(solution.residual([[0.5, 0.8], [0.0, 0.5]])["interior"])) < 1e-2
    assert f"{solution.model.num_centers} centres" in repr(solution)


def test_at_a_singular_corner_the_estimate_is_of_the_size_of_the_error_and_it_is_not_solved() -> None:
    with pytest.warns(NotSolvedWarning, match=r"denser nodes near holes \(spacing='graded'\), or more nodes"):
        solution = rbfnet.solve(Corner(), network="local", num_centers=800, degree=4)
    assert solution.errors is not None
    assert 0.2 < solution.summary["estimated_error"] / solution.errors["rel_l2"] < 5


def test_a_system_in_a_ball() -> None:
    """v = |x|^2; u has the Laplacian x - |x|^2, of degree 4."""
    solution = rbfnet.solve(Sphere(), network="local", num_centers=400)

    def u(x: np.ndarray) -> Any:
        r = (x**2).sum(axis=1)
        return x[:, 0] + x[:, 0] * (r - 1) / 10 - (r**2 - 1) / 20

    x = Sphere.domain.interior(100).numpy()
    found = solution.predict(x)
    assert np.abs(found - np.stack([u(x), (x**2).sum(axis=1)], axis=1)).max() < 1e-8
    assert solution.errors is None and solution.summary["estimated_error"] < 1e-8


class Cubic(rbfnet.Problem):
    """-Lap u + u^3 = f for u = sin(3 x + 2 y)."""

    domain = Rectangle(x=(0, 1), y=(0, 1)) - Disc((0.5, 0.5), 0.2)

    def conditions(self) -> Iterator[Condition]:
        yield Interior(lambda u: u.value**3 - u.laplacian() - 13 * self.exact(u.x, u.y) - self.exact(u.x, u.y) ** 3)
        yield Dirichlet(self.exact)

    def exact(self, x: Tensor, y: Tensor) -> Tensor:
        return torch.sin(3 * x + 2 * y)


@pytest.mark.parametrize("solver", ["auto", "gauss_newton"])
def test_a_nonlinear_equation(solver: str) -> None:
    solution = rbfnet.solve(Cubic(), network="local", num_centers=500, solver=solver)
    assert solution.verdict == "solved" and solution.errors is not None and solution.errors["rel_l2"] < 1e-6
    assert any("steps of Newton's method" in sentence for sentence in solution.summary["words"])


def test_through_time_with_errors_estimate_and_verdict() -> None:
    solution = rbfnet.solve(Heat(), network="local", num_centers=40)
    assert solution.verdict == "solved" and solution.errors is not None and solution.errors["rel_l2"] < 1e-6
    assert solution.errors["rel_l2"] < solution.summary["estimated_error"] < 1e-4
    assert solution.summary["solver"] == "evolve" and isinstance(solution.model, Evolving)
    x, t = 0.3, 0.45
    rate = solution.predict([[x, t]], "u_t")[0]
    assert abs(rate - solution.predict([[x, t]], "u_xx")[0] / 4) < 1e-3 * abs(rate)


def test_it_is_repeated_bit_for_bit() -> None:
    models = (rbfnet.solve(Poisson(), network="local", num_centers=150, degree=3, seed=seed).model for seed in (0, 0, 1))
    first, again, other = (torch.cat([model.centers, model.weight], dim=1) for model in models)
    assert torch.equal(first, again) and (first.shape != other.shape or not torch.equal(first, other))


def test_its_figures_are_drawn() -> None:
    solution = rbfnet.solve(Poisson(), network="local", num_centers=200)
    assert len(solution.plot().axes) > 3


@pytest.mark.parametrize(
    ("problem", "options", "what"),
    [
        (Kovasznay, {"solver": "evolve"}, "but got solver=evolve"),
        (Heat, {"solver": "gauss_newton"}, "but got solver=gauss_newton"),
        (InverseDiffusivity, {}, "has unknowns"),
        (Poisson, {"solver": "lbfgs"}, "but got solver=lbfgs"),
        (Poisson, {"dtype": torch.float32}, "float64"),
        (Poisson, {"devices": 2}, "remove accelerator, devices"),
        (Poisson, {"centers": "graded"}, "no argument of network=local called 'centers'"),
        (Poisson, {"num_centers": 10}, "more than"),
        (Poisson, {"num_centers": None}, "num_centers"),
        (Poisson, {"spacing": "dense"}, "spacing must be"),
    ],
)
def test_wrong_input(problem: Any, options: dict[str, Any], what: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(InputError, match=what):
            rbfnet.solve(problem, network="local", **{"num_centers": 200, **options})
