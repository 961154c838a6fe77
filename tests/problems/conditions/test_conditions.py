"""Every condition: solved where the solution is known, its rows against finite differences, its loss against autograd."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import pi
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, cos, exp, sin

import rbfnet
from rbfnet.domains import Box
from rbfnet.errors import unknown
from rbfnet.nn import RBFNetwork
from rbfnet.operators import Field
from rbfnet.problems import (
    Boundary,
    Condition,
    Data,
    Dirichlet,
    Initial,
    Integral,
    Interface,
    Interior,
    Mean,
    Neumann,
    Periodic,
    Robin,
    Sample,
)
from rbfnet.solvers import automatic_scales, linear_system
from rbfnet.training import ProblemData, TrainingModule

DOUBLE = torch.float64


class Block(Box):
    """A box with named sides; where the last coordinate is time its boundary is that of the others at all times."""

    def __init__(self, time: bool = False, **sides: tuple[float, float]) -> None:
        super().__init__(**sides)
        self.space = self.coords[:-1] if time else self.coords

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(f"{name}{end}" for name in self.space for end in "01")

    def boundary(self, n: int, sampler: str = "halton", part: Any = None) -> Tensor:
        return self.boundary_with_normals(n, sampler, part)[0]

    def boundary_with_normals(self, n: int, sampler: str = "halton", part: Any = None) -> tuple[Tensor, Tensor]:
        names = self.parts if part is None else (part,)
        if not {*names} <= {*self.parts}:
            raise unknown("part of the boundary called", part, self.parts)
        points, normals = [], []
        for name in names:
            axis, end = self.coords.index(name[:-1]), int(name[-1])
            x = self.interior(1 if len(self.coords) == 1 else n // len(names), sampler)
            x[:, axis] = self.box[end, axis]
            normal = torch.zeros_like(x)
            normal[:, axis] = 2.0 * end - 1.0
            points.append(x)
            normals.append(normal)
        return torch.cat(points), torch.cat(normals)

    def initial(self, n: int = 1, sampler: str = "halton") -> Tensor:
        x = self.interior(n, sampler)
        x[:, -1] = self.box[0, -1]
        return x

    def distance(self, x: Tensor) -> Tensor:
        low, high = self.box.to(x)
        return ((x - low) * (high - x))[:, : len(self.space)].prod(dim=1)

    def quadrature(self, n: int) -> tuple[Tensor, Tensor]:
        k = round(n ** (1 / len(self.coords)))
        nodes, weights = (torch.from_numpy(a) for a in np.polynomial.legendre.leggauss(k))
        middle, half = self.box.mean(dim=0), (self.box[1] - self.box[0]) / 2
        grid = torch.meshgrid(*[middle[j] + half[j] * nodes for j in range(len(self.coords))], indexing="ij")
        sizes = torch.meshgrid(*[half[j] * weights for j in range(len(self.coords))], indexing="ij")
        return torch.stack([g.flatten() for g in grid], dim=1), torch.stack([s.flatten() for s in sizes]).prod(dim=0)


class Posed(rbfnet.Problem):
    """A problem put together in a test."""

    def __init__(
        self,
        domain: Box,
        conditions: Iterable[Condition],
        exact: Callable[..., Any] | None = None,
        outputs: tuple[str, ...] = ("u",),
        num_interior: int = 400,
        num_boundary: int = 80,
    ) -> None:
        super().__init__(num_interior=num_interior, num_boundary=num_boundary)
        self.domain, self.outputs = domain, outputs
        self._given = list(conditions)
        if exact is not None:
            self.exact = exact

    def conditions(self) -> Iterable[Condition]:
        return self._given


SQUARE = Block(x=(0, 1), y=(0, 1))
IN_TIME = Block(time=True, x=(0, 1), t=(0, 1))
LINE = Block(x=(0, 1))


def smooth(x: Tensor, y: Tensor) -> Tensor:
    return sin(2 * x + y) * exp(y)


def slope_x(x: Tensor, y: Tensor) -> Tensor:
    return 2 * cos(2 * x + y) * exp(y)


def slope_y(x: Tensor, y: Tensor) -> Tensor:
    return (cos(2 * x + y) + sin(2 * x + y)) * exp(y)


def poisson(u: Field) -> Tensor:
    """The Laplacian minus that of ``smooth``."""
    return u.laplacian() + (4 * sin(2 * u.x + u.y) - 2 * cos(2 * u.x + u.y)) * exp(u.y)


def equation(u: Field) -> Tensor:
    """-u'' minus that of sin(pi x)."""
    return u.d("xx") + pi**2 * sin(pi * u.x)


CASES: dict[str, Callable[[], Posed]] = {
    "dirichlet": lambda: Posed(SQUARE, [Interior(poisson), Dirichlet(smooth)], smooth),
    "boundary": lambda: Posed(SQUARE, [Interior(poisson), Boundary(lambda u: u - smooth(u.x, u.y))], smooth),
    "neumann and robin": lambda: Posed(
        SQUARE,
        [
            Interior(poisson),
            Neumann(lambda x, y: -(1 + y) * slope_x(x, y), coefficient=lambda x, y: 1 + y, on="x0"),
            Neumann(slope_x, on="x1"),
            Robin(lambda x, y: 2 * smooth(x, y) - 3 * slope_y(x, y), alpha=2.0, beta=3.0, on="y0"),
            Robin(lambda x, y: smooth(x, y) + slope_y(x, y), on="y1"),
        ],
        smooth,
    ),
    "initial value": lambda: Posed(
        IN_TIME,
        [Interior(lambda u: u.d("t") - u.d("xx") / 4), Dirichlet(0.0), Initial(lambda x: sin(pi * x))],
        lambda x, t: exp(-(pi**2) * t / 4) * sin(pi * x),
    ),
    "initial velocity": lambda: Posed(
        IN_TIME,
        [Interior(lambda u: u.d("tt") - u.d("xx")), Dirichlet(0.0), Initial(0.0, velocity=lambda x: pi * sin(pi * x))],
        lambda x, t: sin(pi * x) * sin(pi * t),
    ),
    "periodic": lambda: Posed(
        Block(time=True, x=(0, 2 * pi), t=(0, 1)),
        [Interior(lambda u: u.d("t") + u.d("x")), Periodic("x", 0), Initial(lambda x: sin(x))],
        lambda x, t: sin(x - t),
    ),
    "periodic on a line": lambda: Posed(
        Block(x=(0, 2 * pi)),
        [Interior(lambda u: u - u.d("xx") - 5 * cos(2 * u.x)), Periodic("x")],
        lambda x: cos(2 * x),
        num_interior=100,
    ),
    "interface": lambda: Posed(
        LINE,
        [
            # u is x in the left half with a = 2, and 2 x + 1 in the right half with a = 1: a jump of -3/2, no jump of the flux.
            Interior(lambda u: 2 * u["left"].d("xx"), where=Block(x=(0, 0.5)), name="left"),
            Interior(lambda u: u["right"].d("xx"), where=lambda x: x > 0.5, name="right"),
            Dirichlet(0.0, "left", on="x0"),
            Dirichlet(3.0, "right", on="x1"),
            Interface(("left", "right"), Block(x=(0, 0.5)), jump=-1.5, coefficients=(2.0, 1.0)),
        ],
        lambda x: (torch.where(x <= 0.5, x, torch.nan), torch.where(x >= 0.5, 2 * x + 1, torch.nan)),
        outputs=("left", "right"),
        num_interior=100,
    ),
    "integral": lambda: Posed(
        LINE,
        [Interior(equation), Neumann(-pi), Integral(2 / pi)],
        lambda x: sin(pi * x),
        num_interior=60,
    ),
    "mean of a function": lambda: Posed(
        Block(x=(0, 2)),
        [Interior(lambda u: u.d("x") - 1), Mean(10 / 3, of=lambda u: (1 + u.x) * u)],
        lambda x: x + 0.5,
        num_interior=60,
    ),
    "data": lambda: Posed(
        LINE,
        [Interior(equation), Data(torch.tensor([[0.25], [0.75]]), torch.full((2,), 0.5**0.5, dtype=DOUBLE))],
        lambda x: sin(pi * x),
        num_interior=60,
    ),
    "coupled outputs": lambda: Posed(
        LINE,
        [
            Interior(lambda u: (u["p"] - u["q"].d("x"), u["p"].d("x") + pi**2 * sin(pi * u.x))),
            Dirichlet(0.0, "q"),
            Data(torch.tensor([[0.5]]), torch.tensor([[0.0]]), outputs=["p"]),
        ],
        lambda x: (pi * cos(pi * x), sin(pi * x)),
        outputs=("p", "q"),
        num_interior=60,
    ),
    "parameter as a coordinate": lambda: Posed(
        # No derivative is taken in k: one network for every value of the coefficient.
        Block(time=True, x=(0, 1), k=(1, 2)),
        [Interior(lambda u: u.d("xx") + u.k**2 * sin(u.k * u.x)), Dirichlet(lambda x, k: sin(k * x))],
        lambda x, k: sin(k * x),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_solved_where_the_solution_is_known(name: str) -> None:
    problem = CASES[name]()
    solution = rbfnet.solve(problem, num_centers=40 if len(problem.domain.coords) == 1 else 250)
    assert solution.errors is not None
    assert solution.errors["rel_l2"] < 1e-6


def model_of(problem: Posed, num_centers: int = 9) -> RBFNetwork:
    model = RBFNetwork(
        len(problem.domain.coords), len(problem.outputs), num_centers, points=problem.domain.box, overlap=2.0, dtype=DOUBLE
    )
    model.set_coefficients(torch.randn(num_centers, len(problem.outputs), dtype=DOUBLE))
    return model


def plain(model: RBFNetwork) -> Callable[[Tensor], Tensor]:
    """The same function written out, which autograd has to differentiate."""
    centers, epsilon, weight = model.centers.detach(), model.epsilon.detach(), model.weight
    return lambda x: exp(-((epsilon**2) * ((x[:, None] - centers) ** 2).sum(dim=-1))) @ weight


def residuals(problem: Posed, u: Callable[[Tensor], Tensor], samples: dict[str, Sample]) -> list[Tensor]:
    """Of every equation, written without the mechanism: fields at the sites, the weighted sum where there is a quadrature."""
    found = []
    for name, condition in problem.named_conditions().items():
        sample = samples[name]
        fields = tuple(Field(u, x, problem.domain.coords, problem.outputs, normal=sample.normal) for x in sample.sites)
        for residual in condition.equations(fields, sample.data):
            found.append(residual if sample.weights is None else (sample.weights * residual).sum().reshape(1))
    return found


def few(problem: Posed) -> dict[str, Sample]:
    """A few points a condition, float64 all of them."""
    problem.num_interior, problem.num_boundary = 25, 8
    return ProblemData(problem, DOUBLE).samples


@pytest.mark.parametrize("name", CASES)
def test_the_gradient_of_the_loss_is_that_of_a_twin_written_with_autograd(name: str) -> None:
    problem = CASES[name]()
    samples = few(problem)
    model = model_of(problem)
    module = TrainingModule(model, problem, rbfnet.solvers.Adam())
    torch.stack(list(module.losses(samples).values())).sum().backward()
    scales = [scale for each in module.scales.values() for scale in each]
    assert model.weight.grad is not None
    ours = model.weight.grad.clone()
    model.zero_grad()
    twin = [scale * r.square().mean() for scale, r in zip(scales, residuals(problem, plain(model), samples), strict=True)]
    torch.stack(twin).sum().backward()
    assert model.weight.grad is not None
    assert torch.allclose(ours, model.weight.grad, rtol=1e-8, atol=1e-10 * float(ours.abs().max()))


@pytest.mark.parametrize("name", CASES)
def test_the_rows_are_the_change_of_the_residual_with_each_weight(name: str) -> None:
    problem = CASES[name]()
    samples = few(problem)
    model = model_of(problem)
    scales = automatic_scales(model, problem, samples)
    system = linear_system(model, problem, samples, scales)
    assert system.target.shape[1] == 1
    flat = [scale for each in scales.values() for scale in each]

    def weighted(coefficients: Tensor) -> Tensor:
        model.set_coefficients(coefficients)
        with torch.no_grad():
            rows = residuals(problem, model, samples)
        return torch.cat([(scale / len(r)) ** 0.5 * r for scale, r in zip(flat, rows, strict=True)])

    zero = torch.zeros_like(model.coefficients)
    start = weighted(zero)
    assert torch.allclose(-system.target[:, 0], start, atol=1e-12)
    for column in range(system.matrix.shape[1]):
        output, basis = divmod(column, len(zero))
        unit = zero.clone()
        unit[basis, output] = 1.0
        # The problems are linear, so a step of any size is a finite difference without error.
        change = weighted(unit) - start
        assert torch.allclose(system.matrix[:, column], change, atol=1e-10 * float(change.abs().max() + 1))


def test_a_scale_is_the_ratio_of_values_to_the_operator_over_points_and_basis_functions() -> None:
    problem = CASES["neumann and robin"]()
    samples = few(problem)
    model = model_of(problem)
    scales = automatic_scales(model, problem, samples)
    # By autograd on one basis function at a time.
    sizes = []
    for basis in range(9):
        unit = torch.zeros(9, 1, dtype=DOUBLE)
        unit[basis] = 1.0
        model.set_coefficients(unit)
        (x,) = samples["interior"].sites
        u = Field(plain(model), x, ("x", "y"))
        sizes.append([float(channel.detach().square().mean()) for channel in (u.value, u.laplacian())])
    value, operator = (sum(size) for size in zip(*sizes, strict=True))
    assert scales["interior"][0] == pytest.approx(value / operator, rel=5e-3)


def test_values_alone_have_the_scale_one_and_a_number_multiplies_it() -> None:
    problem = Posed(SQUARE, [Dirichlet(weight=7.0), Data(torch.rand(5, 2).double(), torch.rand(5).double())])
    scales = automatic_scales(model_of(problem), problem, problem.sample())
    assert scales == {"dirichlet": [7.0], "data": [1.0]}


def test_an_equation_in_other_units_is_solved_alike() -> None:
    """A billion times the same equation, and a system whose boundary values would drown without scales."""
    errors = []
    for factor in (1.0, 1e9):
        problem = Posed(SQUARE, [Interior(lambda u, f=factor: f * poisson(u)), Dirichlet(smooth)], smooth)  # type: ignore[misc]
        solved = rbfnet.solve(problem, num_centers=150).errors
        assert solved is not None
        errors.append(solved["rel_l2"])
    assert errors[1] == pytest.approx(errors[0], rel=0.5)


def test_values_come_from_files(tmp_path: Path) -> None:
    x = SQUARE.boundary(80)
    rows = [f"{a},{b},{v}" for (a, b), v in zip(x.tolist(), smooth(*x.unbind(dim=1)).tolist(), strict=True)]
    (tmp_path / "wall.csv").write_text("\n".join(["x,y,u", *rows]))
    xb, normal = SQUARE.boundary_with_normals(40, part="x1")
    np.savez(
        tmp_path / "flux.npz",
        x=xb[:, 0], y=xb[:, 1], u=slope_x(*xb.unbind(dim=1)), normal_x=normal[:, 0], normal_y=normal[:, 1],
    )  # fmt: skip
    conditions = [Interior(poisson), Dirichlet(str(tmp_path / "wall.csv")), Neumann(tmp_path / "flux.npz")]
    solution = rbfnet.solve(Posed(SQUARE, conditions, smooth), num_centers=250)
    assert solution.errors is not None and solution.errors["rel_l2"] < 1e-6
    s = torch.linspace(0, 1, 60, dtype=DOUBLE)
    np.savez(tmp_path / "start.npz", x=s, u=sin(pi * s))
    heat = [Interior(lambda u: u.d("t") - u.d("xx") / 4), Dirichlet(0.0), Initial(tmp_path / "start.npz")]
    solution = rbfnet.solve(Posed(IN_TIME, heat, lambda x, t: exp(-(pi**2) * t / 4) * sin(pi * x)), num_centers=250)
    assert solution.errors is not None and solution.errors["rel_l2"] < 1e-6
    np.savez(tmp_path / "data.npz", x=s, u=sin(pi * s))
    assert torch.equal(Data(tmp_path / "data.npz").sample(Posed(LINE, [])).data[0][:, 0], sin(pi * s))


def nothing(u: Field) -> Tensor:
    return u.value


WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "a part that is not there": (
        lambda: Posed(SQUARE, [Dirichlet(on="x2")]).sample(),
        r"no part of the boundary called 'x2'; did you mean 'x[01]'",
    ),
    "an output that is not there": (lambda: rbfnet.solve(Posed(SQUARE, [Dirichlet(0.0, "v")])), "no output 'v'; .*known: u"),
    "an output of a pair": (lambda: rbfnet.solve(Posed(SQUARE, [Periodic("x", output="v")])), "no output 'v'"),
    "an output of data": (
        lambda: Posed(SQUARE, [Data(torch.rand(3, 2), torch.rand(3), outputs=["w"])]).sample(),
        "no output 'w'",
    ),
    "a coordinate that is not there": (lambda: Posed(SQUARE, [Periodic("z")]).sample(), "no coordinate 'z'"),
    "points outside": (
        lambda: Posed(SQUARE, [Data(torch.tensor([[0.5, 0.5], [0.5, 2.0]]), torch.zeros(2))]).sample(),
        "1 of 2 points outside the domain; the first is in row 1: x = 0.5, y = 2",
    ),
    "points of another dimension": (
        lambda: Posed(LINE, [Data(torch.zeros(2, 2), torch.zeros(2))]).sample(),
        r"points of shape \(2, 2\), but the domain has the coordinates x",
    ),
    "data that are not finite": (
        lambda: Data(torch.zeros(2, 1), torch.tensor([0.0, float("nan")])),
        "row 1 of y in condition 'data'",
    ),
    "a value of no kind": (lambda: Dirichlet([1.0]), "finite number, a function of the coordinates or a file"),  # type: ignore[arg-type]
    "a value that is not finite": (lambda: Neumann(float("inf")), "finite number"),
    "a function of another shape": (
        lambda: rbfnet.solve(Posed(SQUARE, [Dirichlet(lambda x, y: x[:, None])])),
        r"A function in condition 'dirichlet' must give one number per point, \(80,\), but gave \(80, 1\)",
    ),
    "a function that is not finite": (
        lambda: rbfnet.solve(Posed(SQUARE, [Dirichlet(lambda x, y: torch.log(x))])),
        "residual of condition 'dirichlet' is inf at x = 0, y = ",
    ),
    "a kernel that is not smooth": (
        lambda: rbfnet.solve(Posed(SQUARE, [Interior(poisson), Dirichlet()]), kernel="thin_plate_spline"),
        "Condition 'interior': The operator .* has order 2",
    ),
    "a normal inside": (
        lambda: rbfnet.solve(Posed(SQUARE, [Interior(lambda u: u.normal_derivative())])),
        "normals only on a boundary",
    ),
    "time that is not there": (lambda: Posed(Box(x=(0, 1)), [Initial()]).sample(), "has no time; use SpaceTime"),
    "an interface outside": (
        lambda: Posed(LINE, [Interface(("a", "b"), Block(x=(0, 1)))], outputs=("a", "b")).sample(),
        "No point of the boundary of Block.* lies within the domain",
    ),
    "an interface of one": (lambda: Interface(("a",), LINE), "needs two outputs"),
    "an interface without equations": (lambda: Interface(("a", "b"), LINE, jump=None, flux=None), "needs a jump or a flux"),
    "a part without points": (
        lambda: Posed(LINE, [Interior(nothing, where=lambda x: x > 2)]).sample(),
        "holds at none of",
    ),
    "no number of points": (lambda: Posed(LINE, [Dirichlet(points=0)]).sample(), "number of points of condition 'dirichlet'"),
    "a nonlinear integral": (
        lambda: rbfnet.solve(Posed(LINE, [Interior(nothing), Integral(of=lambda u: u**2)]), solver="least_squares"),
        "Condition 'integral' of Posed is not linear",
    ),
    "a nonlinear pair": (
        lambda: rbfnet.solve(Posed(LINE, [Squared("x")]), solver="least_squares"),
        "Condition 'periodic_x' of Posed is not linear",
    ),
}


class Squared(Periodic):
    def residual(self, low: Field, high: Field) -> Tensor:
        return low * high


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_fit_is_refused_in_one_sentence(name: str) -> None:
    wrong, sentence = WRONG[name]
    with pytest.raises(rbfnet.InputError, match=sentence):
        wrong()


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ("x,y\n0,0\n", "no column in .* called 'u'"),
        ("x,y,u\n0,5,1\n", "outside the domain; the first is in row 0: x = 0, y = 5"),
        ("x,y,u\n0,0,nan\n", "Row 1, column 'u'"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(tmp_path: Path, rows: str, sentence: str) -> None:
    (tmp_path / "wall.csv").write_text(rows)
    with pytest.raises(ValueError, match=sentence):
        Posed(SQUARE, [Dirichlet(str(tmp_path / "wall.csv"))]).sample()


def test_what_goes_wrong_in_the_users_own_code_is_passed_on() -> None:
    def fails(x: Tensor, y: Tensor) -> Tensor:
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        rbfnet.solve(Posed(SQUARE, [Dirichlet(fails)]))


def test_names_are_made_of_kind_output_and_part() -> None:
    assert [c.name for c in (Dirichlet(), Dirichlet(0.0, "p", on="x0"), Neumann(on="x1"), Robin(), Initial(output="p"))] == [
        "dirichlet", "dirichlet_p_x0", "neumann_x1", "robin", "initial_p",
    ]  # fmt: skip
