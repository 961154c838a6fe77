from __future__ import annotations

import math
from collections.abc import Iterable

import pytest
import torch
from torch import Tensor

import rbfnet
from rbfnet.domains import Disc, Interval, Rectangle
from rbfnet.kernels import Kernel, Matern, Polyharmonic, Wendland
from rbfnet.problems import Beam, Condition, Data, Dirichlet, Helmholtz, Interior, Neumann, Poisson, Wave
from rbfnet.solvers import GaussNewton

DOUBLE = torch.float64


class Sag(rbfnet.Problem):
    """A cable under its own weight."""

    domain = Interval(x=(0, 1))

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda u: u.d("x", "x") + 1)
        yield Dirichlet(0.0)

    def exact(self, x: Tensor) -> Tensor:
        return x * (1 - x) / 2


class Clamped(rbfnet.Problem):
    """A beam that is clamped at both ends."""

    domain = Interval(x=(0, 1))

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda u: u.d("x", "x", "x", "x") + 1)
        yield Dirichlet(0.0)
        yield Neumann(0.0)

    def exact(self, x: Tensor) -> Tensor:
        return -(x**2) * (1 - x) ** 2 / 24


class Load(rbfnet.Problem):
    """u'' = -exp(-(x - 1/2)^2 / 2 w^2): a load on a small part of a string."""

    domain = Interval(x=(0, 1))

    def __init__(self, width: float) -> None:
        super().__init__()
        self.width = width

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda u: u.d("x", "x") + torch.exp(-((u.x - 0.5) ** 2) / (2 * self.width**2)))
        yield Dirichlet(0.0)

    def exact(self, x: Tensor) -> Tensor:
        w = self.width

        def twice(z: Tensor) -> Tensor:
            return w**2 * torch.exp(-(z**2) / (2 * w**2)) + w * math.sqrt(math.pi / 2) * z * torch.erf(z / (w * 2**0.5))

        return twice(torch.full_like(x, 0.5)) - twice(x - 0.5)


def error(problem: rbfnet.Problem, **options: object) -> float:
    solution = rbfnet.solve(problem, **options)  # type: ignore[arg-type]
    assert solution.errors is not None
    return solution.errors["rel_l2"]


EVERY = {
    "gaussian": 1e-12,
    "multiquadric": 1e-12,
    "inverse_multiquadric": 1e-11,
    "inverse_quadratic": 1e-11,
    "rational_quadratic": 1e-11,
    "matern": 1e-8,
    "wendland": 1e-10,
    "thin_plate_spline": None,
}


@pytest.mark.parametrize(("kernel", "worst"), EVERY.items())
def test_every_kernel_that_is_smooth_enough_solves_with_all_defaults(kernel: str, worst: float | None) -> None:
    if worst is None:
        with pytest.raises(ValueError, match="has order 2, but"):
            rbfnet.solve(Sag(), kernel=kernel, num_centers=40)
    else:
        assert error(Sag(), kernel=kernel, num_centers=40) < worst


@pytest.mark.parametrize("kernel", [Matern(2.5), Matern(3.5), Matern(4.5), Wendland(4), Wendland(6), Polyharmonic(5)], ids=str)
def test_a_clamped_beam_is_solved_with_kernels_of_finite_smoothness(kernel: Kernel) -> None:
    assert error(Clamped(), kernel=kernel, num_centers=40) < 1e-6


@pytest.mark.parametrize(
    ("problem", "kernel", "worst"),
    [
        (Poisson(), Wendland(4), 1e-6),
        (Poisson(), Matern(2.5), 1e-5),
        (Helmholtz(num_interior=900, num_boundary=300), Wendland(4), 2e-2),
        (Helmholtz(num_interior=900, num_boundary=300), Matern(3.5), 5e-3),
        (Beam(), Matern(3.5), 1e-2),
        pytest.param(Wave(num_interior=900, num_boundary=300), "inverse_multiquadric", 2e-3, marks=pytest.mark.slow),
    ],
    ids=lambda given: type(given).__name__ if isinstance(given, rbfnet.Problem) else str(given),
)
def test_problems_in_the_plane_are_solved_where_the_width_by_spacing_solves_nothing(
    problem: rbfnet.Problem, kernel: object, worst: float
) -> None:
    assert error(problem, kernel=kernel, num_centers=400) < worst


@pytest.mark.parametrize("kernel", ["matern", "wendland"])
def test_the_width_is_near_the_best_of_a_scan(kernel: str) -> None:
    scanned = [error(Clamped(), kernel=kernel, num_centers=40, epsilon=2.0**-k) for k in range(-4, 6)]
    assert error(Clamped(), kernel=kernel, num_centers=40) < 5 * min(scanned)
    assert max(scanned) > 0.5


def test_nonlinear_problems_find_their_width_for_kernels_that_have_to_be_wide() -> None:
    class Bratu(rbfnet.Problem):
        """u'' + e^u = 0, u = 0 at both ends: u = 2 log(cosh(t) / cosh(t (1 - 2 x))), t = cosh(t) / sqrt(8)."""

        domain = Interval(x=(0, 1))

        def conditions(self) -> Iterable[Condition]:
            yield Interior(lambda u: u.d("x", "x") + torch.exp(u.value))
            yield Dirichlet(0.0)

        def exact(self, x: Tensor) -> Tensor:
            t = torch.tensor(0.37929149762689284, dtype=DOUBLE)
            return 2 * torch.log(torch.cosh(t) / torch.cosh(t * (1 - 2 * x)))

    for kernel in ("wendland", "matern"):
        assert error(Bratu(), kernel=kernel, num_centers=40, solver=GaussNewton()) < 1e-5


@pytest.mark.parametrize(("width", "centers", "worst"), [(0.02, 100, 1e-6), (0.01, 100, 1e-3), (0.005, 200, 1e-3)])
def test_a_sharp_load_is_resolved(width: float, centers: int, worst: float) -> None:
    assert error(Load(width), num_centers=centers) < worst


def test_a_load_that_is_not_resolved_is_told() -> None:
    solution = rbfnet.solve(Load(0.002), num_centers=40)
    missed = float(solution.summary["words"][-1].split(" a mean relative residual of ")[1].split(" at held-out")[0])
    assert solution.errors is not None and solution.errors["rel_l2"] > 0.5 and missed > 0.3


@pytest.mark.parametrize("kernel", ["gaussian", "inverse_multiquadric", "matern", "wendland"])
@pytest.mark.parametrize("epsilon", [1e-6, 1e-3, 30.0, 1e3, 1e5])
def test_absurd_widths_give_numbers_of_the_size_of_the_data(kernel: str, epsilon: float) -> None:
    solution = rbfnet.solve(Poisson(num_interior=400, num_boundary=120), kernel=kernel, num_centers=150, epsilon=epsilon)
    with torch.no_grad():
        # At the centres too, where kernels that no point has seen are largest.
        inside = solution.problem.domain.contains(solution.model.centers)
        values = torch.cat([solution.model(torch.rand(2000, 2, dtype=DOUBLE)), solution.model(solution.model.centers[inside])])
    assert values.abs().max() < 30.0


class Between(rbfnet.Problem):
    """Laplace's equation between two small discs at 1 and -1 in a box at 0."""

    domain = Rectangle(x=(-1, 1), y=(-1, 1)) - Disc((0.5, 0), 0.1) - Disc((-0.5, 0), 0.1)

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda u: u.laplacian())
        yield Dirichlet(lambda x, y: torch.where((x.abs() < 0.8) & (y.abs() < 0.8), torch.sign(x), 0.0))


def test_where_rows_are_few_the_solution_does_not_vanish_between_the_points() -> None:
    """As with many centres and points; without damping, and by residuals at these points, it is 0.00 at the first place."""
    at = torch.tensor([[0.2, 0.1], [0.5, 0.3], [0.5, -0.15]], dtype=DOUBLE)
    solution = rbfnet.solve(Between(num_interior=900, num_boundary=200), num_centers=900, centers="graded")
    with torch.no_grad():
        values = solution.model(at)[:, 0]
    torch.testing.assert_close(values, torch.tensor([0.34102, 0.43987, 0.78759], dtype=DOUBLE), atol=5e-3, rtol=0.0)


def test_more_unknowns_than_rows_are_told_with_what_would_be_enough() -> None:
    solution = rbfnet.solve(Poisson(num_interior=100, num_boundary=50), num_centers=200)
    words = "200 unknowns but only 150 rows: more collocation points, problem.num_interior=350, are needed."
    assert words in solution.summary["words"]
    assert solution.errors is not None and solution.errors["rel_l2"] < 1e-2
    assert not any("rows:" in word for word in rbfnet.solve(Poisson(), num_centers=100).summary["words"])


def test_few_data_are_told_to_take_fewer_centres() -> None:
    x = torch.rand(40, 2, dtype=DOUBLE)
    words = rbfnet.fit(x, x.sum(dim=1), num_centers=60, centers="halton", smoothing=0).summary["words"]
    assert any("use smoothing=auto or fewer centres" in word for word in words)


def test_conditions_on_the_boundary_are_not_ignored_by_wide_kernels() -> None:
    """The automatic scales alone leave 20 times the error."""
    assert error(Wave(), kernel="inverse_multiquadric", num_centers=400, epsilon=1.46) < 5e-4


def test_equations_of_very_different_size_are_all_met() -> None:
    """-1e6 u'' = 1e6 and 1e-6 u = 0: as Sag."""

    class Scaled(Sag):
        def conditions(self) -> Iterable[Condition]:
            yield Interior(lambda u: 1e6 * (u.d("x", "x") + 1))
            yield Dirichlet(0.0, on="x=low")
            yield Neumann(-0.5, on="x=high", name="slope")

    class Stiff(Sag):
        def conditions(self) -> Iterable[Condition]:
            yield Interior(lambda u: (1e6 * (u.d("x", "x") + 1), 1e-6 * (u.d("x", "x", "x"))))
            yield Dirichlet(0.0)

    for problem in (Scaled(), Stiff()):
        assert error(problem, num_centers=40) < 1e-9


def test_outputs_that_have_nothing_to_do_with_each_other_are_one_system_however_large() -> None:
    """As many rows and unknowns as for one output."""

    class Two(rbfnet.Problem):
        outputs = ("u", "v")
        domain = Interval(x=(0, 1))

        def conditions(self) -> Iterable[Condition]:
            yield Interior(lambda f: (f["u"].d("x", "x") + 1, f["v"].d("x", "x") + 1e5))
            yield Dirichlet(0.0, output="u")
            yield Dirichlet(0.0, output="v")

        def exact(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return x * (1 - x) / 2, 1e5 * x * (1 - x) / 2

    solution = rbfnet.solve(Two(), kernel=Matern(2.5), num_centers=40)
    assert all(errors["rel_l2"] < 1e-7 for errors in solution.summary["errors_by_output"].values())


def test_data_beside_an_equation_are_fitted_by_all_of_them() -> None:
    """Rows are held back to choose by, and used in the end: -u'' = pi^2 sin(pi x) with values in place of one end."""
    x = torch.rand(30, 1, dtype=DOUBLE)

    class Measured(rbfnet.Problem):
        domain = Interval(x=(0, 1))

        def conditions(self) -> Iterable[Condition]:
            yield Interior(lambda u: u.d("x", "x") + torch.pi**2 * torch.sin(torch.pi * u.x))
            yield Data(x, torch.sin(torch.pi * x))

        def exact(self, x: Tensor) -> Tensor:
            return torch.sin(torch.pi * x)

    solution = rbfnet.solve(Measured(), kernel="matern", num_centers=60, solver="least_squares")
    assert solution.errors is not None and solution.errors["rel_l2"] < 1e-5
    assert solution.summary["words"][0].startswith(
        f"The system has {30 + Measured().num_interior * 60 // 400} rows and 60 unknowns"
    )
