"""Problems on the geometries that are shipped: parts, normals, distances and files, all the way to a solution."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from pathlib import Path

import meshio
import pytest
import torch
from torch import Tensor, cos, exp, sin

import rbfnet
from rbfnet.domains import Disc, Domain, Interval, Mesh, Polygon, Rectangle, SpaceTime
from rbfnet.operators import hessian
from rbfnet.problems import Condition, Dirichlet, Initial, Interior, Mean, Neumann, Robin

ELL = [(0.0, 0.0), (2.0, 0.0), (2.0, 1.0), (1.0, 1.0), (1.0, 2.0), (0.0, 2.0)]


class Posed(rbfnet.Problem):
    def __init__(self, domain: Domain, conditions: Iterable[Condition], exact: Callable[..., Tensor]) -> None:
        super().__init__(num_interior=500, num_boundary=160)
        self.domain, self._conditions, self.exact = domain, list(conditions), exact

    def conditions(self) -> Iterable[Condition]:
        return self._conditions


def wave(x: Tensor, y: Tensor) -> Tensor:
    """Harmonic."""
    return exp(x) * sin(y)


MEAN_BESIDE_A_HOLE = -math.pi * 0.4**2 * math.exp(0.3) * math.sin(0.1) / (4 - math.pi * 0.4**2)
"""Over the square exp(x) sin(y) is odd, and over a disc a harmonic function is what it is in the centre."""


def square_of_triangles(directory: Path) -> Mesh:
    axis = torch.linspace(0.0, 1.0, 5, dtype=torch.float64)
    corner = [5 * i + j for i in range(4) for j in range(4)]
    triangles = [(c, c + 5, c + 6) for c in corner] + [(c, c + 6, c + 1) for c in corner]
    path = directory / "square.vtk"
    meshio.write_points_cells(path, torch.cartesian_prod(axis, axis).numpy(), [("triangle", triangles)])
    return Mesh(path)


CASES: dict[str, Callable[[Path], Posed]] = {
    "parts of an annulus": lambda _: Posed(
        Disc(center=(0, 0), radius=1.0) - Disc(center=(0, 0), radius=0.4),
        [
            Interior(lambda u: u.laplacian()),
            Dirichlet(wave, on="circle"),
            Neumann(lambda x, y: -(x * wave(x, y) + y * exp(x) * cos(y)) / 0.4, on="hole 1"),
        ],
        wave,
    ),
    "slopes alone, and the mean": lambda _: Posed(
        Disc(center=(0, 0), radius=1.0),
        [Interior(lambda u: u.laplacian()), Neumann(lambda x, y: 2.0 * (x * x - y * y)), Mean(0.0)],
        lambda x, y: x * x - y * y,
    ),
    "slopes alone, and the mean beside a hole": lambda _: Posed(
        Rectangle(x=(-1, 1), y=(-1, 1)) - Disc(center=(0.3, 0.1), radius=0.4),
        [
            Interior(lambda u: u.laplacian()),
            Neumann(lambda x, y: torch.where(y.abs() == 1, y * exp(x) * cos(y), x * wave(x, y)), on="outer"),
            Neumann(lambda x, y: -((x - 0.3) * wave(x, y) + (y - 0.1) * exp(x) * cos(y)) / 0.4, on="hole 1"),
            Mean(MEAN_BESIDE_A_HOLE),
        ],
        wave,
    ),
    "a mesh from a file": lambda directory: Posed(
        square_of_triangles(directory), [Interior(lambda u: u.laplacian()), Dirichlet(wave)], wave
    ),
    "a polygon, exactly on its edges": lambda _: Posed(
        Polygon(ELL), [Interior(lambda u: u.laplacian()), Dirichlet(wave, hard=True)], wave
    ),
    "space and time": lambda _: Posed(
        SpaceTime(Rectangle(x=(0, 1), y=(0, 1)), t=(0, 0.5)),
        [
            Interior(lambda u: u.d("t") - u.laplacian("x", "y")),
            Initial(lambda x, y: exp(x) * cos(y)),
            Robin(lambda x, y, t: exp(x) * cos(y), alpha=1.0, beta=0.0),
        ],
        lambda x, y, t: exp(x) * cos(y),
    ),
    "an ordinary differential equation": lambda _: Posed(
        Interval(t=(0, 2)), [Interior(lambda u: u.d("tt") + u), Initial(0.0, velocity=1.0)], sin
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_problems_are_solved_where_people_have_them(name: str, tmp_path: Path) -> None:
    problem = CASES[name](tmp_path)
    centers = 40 if len(problem.domain.coords) == 1 else 300
    solution = rbfnet.solve(problem, num_centers=centers)
    # The distance of a polygon is rough at its corners.
    within = 1e-3 if "polygon" in name else 1e-5
    assert solution.errors is not None and solution.errors["rel_l2"] < within


def test_hard_values_on_a_polygon_hold_to_rounding_whatever_the_weights() -> None:
    problem = CASES["a polygon, exactly on its edges"](Path())
    model = rbfnet.solve(problem, num_centers=60).model
    model.set_coefficients(torch.randn_like(model.coefficients))
    x = problem.domain.boundary(200)
    torch.testing.assert_close(model(x)[:, 0], wave(*x.unbind(1)), rtol=0.0, atol=1e-9)
    inside = problem.domain.interior(20)
    torch.testing.assert_close(hessian(model, inside), hessian(lambda p: model(p), inside), rtol=1e-7, atol=1e-6)
