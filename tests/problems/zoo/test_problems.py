from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Iterable
from functools import partial
from math import pi
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, sin

import rbfnet
from rbfnet import problems
from rbfnet.catalogue import catalogue
from rbfnet.domains import Rectangle
from rbfnet.operators import Field
from rbfnet.problems import Condition, Data, DataProblem, Dirichlet, Interior, Poisson, Table, Terrain, Unknown


class Posed(rbfnet.Problem):
    """Conditions given from outside, for the tests of what is refused."""

    domain = Rectangle(x=(0, 1), y=(0, 1))

    def __init__(self, *conditions: Condition) -> None:
        super().__init__(num_interior=16, num_boundary=8)
        self._conditions = conditions

    def conditions(self) -> Iterable[Condition]:
        return self._conditions


PDES: dict[str, Callable[[], rbfnet.Problem]] = {
    "advection": problems.Advection,
    "beam": problems.Beam,
    "biharmonic_4d": problems.Biharmonic4D,
    "heat": problems.Heat,
    "helmholtz": problems.Helmholtz,
    "inverse_diffusivity": problems.InverseDiffusivity,
    "inverse_field": lambda: problems.InverseField(noise=0.0),
    "klein_gordon": problems.KleinGordon,
    "korteweg_de_vries": problems.KortewegDeVries,
    "kovasznay": problems.Kovasznay,
    "poisson": Poisson,
    "poisson_5d": problems.Poisson5D,
    "sharp": problems.Sharp,
    "wave": problems.Wave,
}
"""Shipped problems with an exact solution in closed form: each is enrolled in the residual check."""

NUMERICAL = {"allen_cahn", "burgers", "cavity", "four_disks", "schroedinger", "van_der_pol"}
"""Those whose solution is known numerically only: ``test_numerical.py`` and ``test_numerical_references.py``."""


def exact_model(problem: rbfnet.Problem) -> Callable[[Tensor], Tensor]:
    """The exact solution as a function of points."""
    exact = problem.exact
    assert exact is not None

    def model(points: Tensor) -> Tensor:
        values = exact(*points.unbind(dim=1))
        return torch.stack(values, dim=1) if isinstance(values, tuple) else values

    return model


def at_the_truth(problem: rbfnet.Problem) -> None:
    """Unknown coefficients are what they are in truth."""
    for part in problem.unknowns().values():
        assert part.exact is not None
        if isinstance(part, Unknown):
            part.forward = torch.tensor(part.exact, dtype=torch.float64).clone  # type: ignore[method-assign]
        else:
            model = partial(columns_of, part.exact)
            part._model = lambda model=model: model  # type: ignore[misc, method-assign]


def columns_of(function: Callable[..., Tensor], x: Tensor) -> Tensor:
    return function(*x.unbind(dim=1))[:, None]


@pytest.mark.parametrize("name", PDES)
def test_the_exact_solution_satisfies_every_condition(name: str, residuals: Callable[..., dict[str, float]]) -> None:
    problem = PDES[name]()
    at_the_truth(problem)
    assert max(residuals(problem, exact_model(problem)).values()) < 1e-10


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("advection", "wave")]


@pytest.mark.parametrize("name", ["beam", "heat", "helmholtz", *SLOW])
def test_linear_problems_are_solved_in_one_step(name: str) -> None:
    solution = rbfnet.solve(PDES[name](), num_centers=400)
    assert solution.errors is not None and solution.errors["rel_l2"] < 2e-4


def test_every_shipped_problem_is_known_to_these_tests() -> None:
    others = {"data_problem", "equations", "table", "terrain"}
    assert set(catalogue("problems", "Problem")) == {*PDES, *NUMERICAL, *others}


def test_the_class_printed_in_the_docstring_is_complete() -> None:
    text = inspect.cleandoc(str(rbfnet.Problem.__doc__)).split("::\n")[1].split("\n\nIt is a module")[0]
    names: dict[str, Any] = {
        "rbfnet": rbfnet,
        "Rectangle": Rectangle,
        "Interior": Interior,
        "Dirichlet": Dirichlet,
        "pi": pi,
        "sin": sin,
    }
    exec(textwrap.dedent(text), names)
    solution = rbfnet.solve(names["Poisson"](), kernel="gaussian", num_centers=200)
    assert solution.errors is not None
    assert solution.errors["rel_l2"] < 1e-4


def test_dirichlet_values_can_be_functions_of_the_coordinates() -> None:
    condition = Dirichlet(lambda x, y: x + 2 * y)
    x = torch.rand(5, 2, dtype=torch.float64)
    (residual,) = condition.equations((Field(lambda p: p[:, 0] + 2 * p[:, 1], x),))
    assert residual.abs().max() < 1e-15


@pytest.mark.parametrize(
    ("residual", "sentence"),
    [
        (lambda u: u.laplacian()[:, None], r"must be \(B,\), one number per point, here \(16,\), but is \(16, 1\)"),
        (lambda u: u.laplacian().sum(), r"but is \(\)"),
        (lambda u: 0.0, "but is float"),
        (lambda u: [u.value], "but is list"),
    ],
)
def test_a_residual_of_another_shape_is_refused(residual: object, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        rbfnet.solve(Posed(Interior(residual)), num_centers=20)  # type: ignore[arg-type]


def test_conditions_need_names_of_their_own_and_there_must_be_one() -> None:
    with pytest.raises(ValueError, match="Two conditions are called 'dirichlet'"):
        Posed(Dirichlet(), Dirichlet(1.0)).sample()
    with pytest.raises(ValueError, match="has no conditions"):
        Posed().sample()


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan"), float("inf")])
def test_a_weight_is_positive(weight: float) -> None:
    with pytest.raises(ValueError, match="weight of condition 'dirichlet' must be positive and finite"):
        Dirichlet(weight=weight)


def test_exact_has_one_value_a_point() -> None:
    class Wrong(Posed):
        def exact(self, x: Tensor, y: Tensor) -> Tensor:
            return torch.stack([x, y], dim=1)

    with pytest.raises(ValueError, match="`exact` must return one"):
        Wrong(Dirichlet()).test_set()


def test_data_are_split_into_rows_that_do_not_overlap_and_scaled_by_the_training_rows() -> None:
    x = torch.arange(100, dtype=torch.float64)[:, None]
    problem = DataProblem(x, 5.0 + 2.0 * x, ("x",), validation=0.2, test=30)
    validation, test = problem.validation_set(), problem.test_set()
    assert validation is not None and test is not None
    assert [len(problem.train_set.x), len(validation.x), len(test.x)] == [50, 20, 30]
    rows = torch.cat([problem.train_set.x, validation.x, test.x]).flatten()
    assert rows.sort().values.tolist() == list(range(100))
    units = problem.units()
    assert float(units.output_shift) == pytest.approx(float(problem.train_set.y.mean()))
    assert float(units.input_scale) == pytest.approx(float(problem.train_set.x.std(correction=0)))


def test_a_constant_column_has_the_scale_one() -> None:
    x = torch.rand(10, 2, dtype=torch.float64)
    x[:, 1] = 7.0
    problem = DataProblem(x, x[:, :1], ("x", "y"), validation=0, test=0)
    assert problem.units().input_scale[1] == 1.0


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"test": 1.5}, "test must be a fraction below 1 or a whole number"),
        ({"test": -0.1}, "test must be a fraction"),
        ({"test": 10}, "leave none of the 10 rows"),
        ({"y": torch.zeros(9, 1)}, "with the same N"),
        ({"y": torch.full((10, 1), float("nan"))}, "row 0 of y is"),
    ],
)
def test_data_that_do_not_fit_are_refused(changes: dict[str, object], sentence: str) -> None:
    given: dict[str, object] = {"x": torch.rand(10, 2), "y": torch.rand(10, 1), "coords": ("x", "y"), **changes}
    with pytest.raises(ValueError, match=sentence):
        DataProblem(**given)  # type: ignore[arg-type]


def test_outputs_in_different_units_weigh_alike() -> None:
    y = torch.rand(50, 2, dtype=torch.float64) * torch.tensor([1.0, 1e6], dtype=torch.float64)
    problem = DataProblem(torch.rand(50, 1, dtype=torch.float64), y, ("x",), ("a", "b"), validation=0, test=0)
    (condition,) = problem.conditions()
    sample = condition.sample(problem)
    (x,), (target,) = sample.sites, sample.data
    # A model that predicts the mean has a residual of mean square one in each output.
    mean = target.mean(dim=0)
    for residual in condition.equations((Field(lambda p: mean.expand(len(p), -1), x, ("x",), ("a", "b")),), (target,)):
        assert float(residual.square().mean()) == pytest.approx(1.0)


def test_data_without_a_scale_are_compared_as_they_are() -> None:
    x, y = torch.zeros(3, 1), torch.ones(3, 1)
    (residual,) = Data(x, y).equations((Field(lambda p: p, x),), (y,))
    assert residual.tolist() == [-1.0, -1.0, -1.0]


def test_terrain_is_the_real_elevation_in_metres_on_kilometres() -> None:
    terrain = Terrain(train=200, validation=50, test=100)
    test = terrain.test_set()
    assert test is not None and len(terrain.train_set.x) == 200 and len(test.x) == 100
    heights = torch.cat([terrain.train_set.y, test.y])
    assert 236 <= float(heights.min()) and float(heights.max()) <= 1076
    assert 25 < float(terrain.train_set.x.max()) < 35
    # One length for both coordinates: thin plates are to see distances as they are.
    assert terrain.units().input_scale.unique().numel() == 1


def test_terrain_splits_follow_the_seed() -> None:
    torch.manual_seed(1)
    first = Terrain(train=20, validation=0, test=5).train_set.x
    again = Terrain(train=20, validation=0, test=5).train_set.x
    torch.manual_seed(1)
    assert torch.equal(first, Terrain(train=20, validation=0, test=5).train_set.x)
    assert not torch.equal(first, again)


def test_a_table_takes_its_columns_from_the_file(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("a,b,c\n" + "".join(f"{i},{i * i},{-i}\n" for i in range(20)))
    table = Table(str(file), inputs=["a", "c"], outputs=["b"], validation=0, test=0.25)
    assert table.domain.coords == ("a", "c") and table.outputs == ("b",)
    assert table.train_set.x.shape == (15, 2)
    with pytest.raises(ValueError, match="Column 'a' occurs twice"):
        Table(str(file), inputs=["a"], outputs=["a"])
    with pytest.raises(ValueError, match="at least one input and one output"):
        Table(str(file), inputs=[], outputs=["a"])


@pytest.mark.parametrize("name", ["num_interior", "num_boundary"])
@pytest.mark.parametrize("value", [0, -3, 2.5, True, "many"])
def test_numbers_of_points_are_whole_and_positive(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"{name} must be a whole number"):
        Poisson(**{name: value})  # type: ignore[arg-type]
