"""What can be done with a solution, wherever it comes from."""

from __future__ import annotations

import base64
import json
import math
import sys
from collections.abc import Iterable
from pathlib import Path

import meshio
import numpy as np
import pytest
import torch
import yaml

import rbfnet
from rbfnet import Operator, Solution
from rbfnet.catalogue import catalogue
from rbfnet.domains import Interval, SpaceTime
from rbfnet.kernels import Kernel, Matern, Scaled
from rbfnet.problems import Condition, Dirichlet, Equations, Initial, Interior, Neumann, Poisson, Problem
from rbfnet.training.runs._construct import construct
from rbfnet.training.runs._nodes import kernel_node, problem_node

POINTS = np.random.default_rng(0).random((7, 2))


def exact(x: np.ndarray) -> np.ndarray:
    return np.sin(np.pi * x).prod(axis=1)


@pytest.fixture(scope="module")
def solution() -> Solution:
    return rbfnet.solve(Poisson(), num_centers=150)


@pytest.fixture(scope="module")
def fitted() -> Solution:
    """Two outputs whose names, like those of the coordinates, are no words."""
    x = np.random.default_rng(1).random((80, 2))
    y = np.stack([x[:, 0] ** 2 + x[:, 1], x[:, 0] * x[:, 1]], axis=1)
    coords, outputs = ["length (m)", "t [s]"], ["Height [m]", "v"]
    return rbfnet.fit(x, y, kernel="gaussian", num_centers=50, coords=coords, outputs=outputs)


def test_values_and_derivatives_by_text_and_as_operators(solution: Solution) -> None:
    asked: list[str | Operator] = ["u", "u_x", "laplacian(u)", Operator.d("y"), "sqrt(u_x^2 + u_y^2)", "u_xx + y"]
    found = solution.predict(POINTS, asked)
    x, y = np.pi * POINTS.T
    u_x, u_y = np.pi * np.cos(x) * np.sin(y), np.pi * np.sin(x) * np.cos(y)
    u = exact(POINTS)
    expected = [u, u_x, -2 * np.pi**2 * u, u_y, np.hypot(u_x, u_y), -(np.pi**2) * u + POINTS[:, 1]]
    np.testing.assert_allclose(found, np.stack(expected, axis=1), atol=1e-6)


def test_one_thing_alone_is_a_vector_and_names_of_ones_own_give_a_dict(solution: Solution) -> None:
    values = solution.predict(POINTS)
    assert values.shape == (7,) and np.array_equal(solution.predict(POINTS, "u"), values)
    assert np.array_equal(solution.predict(POINTS, ["u"]), values[:, None])
    named = solution.predict(POINTS, {"slope": "u_x", "bend": Operator.laplacian("x", "y")})
    assert list(named) == ["slope", "bend"] and np.array_equal(named["slope"], solution.predict(POINTS, "u_x"))


def test_points_come_in_any_form_and_results_in_the_same(solution: Solution) -> None:
    values = solution.predict(POINTS)
    assert np.array_equal(solution.predict(POINTS.tolist()), values)
    tensor = solution.predict(torch.from_numpy(POINTS))
    assert isinstance(tensor, torch.Tensor) and not tensor.requires_grad and np.array_equal(tensor.numpy(), values)
    single = solution.predict(POINTS.astype(np.float32))
    assert single.dtype == np.float64
    np.testing.assert_allclose(single, values, atol=1e-6)
    # A coordinate by its name, in any order; a number goes with all points, a grid gives a grid.
    by_name = solution.predict({"y": POINTS[:, 1], "x": POINTS[:, 0]}, ["u", "u_x"])
    assert set(by_name) == {"u", "u_x"} and np.array_equal(by_name["u"], values)
    line = np.stack([POINTS[:, 0], np.full(7, 0.5)], axis=1)
    assert np.array_equal(solution.predict({"x": POINTS[:, 0], "y": 0.5}, "u"), solution.predict(line))
    grid = np.meshgrid(np.linspace(0, 1, 3), np.linspace(0, 1, 4), indexing="ij")
    on_grid = solution.predict({"x": grid[0], "y": grid[1]})["u"]
    np.testing.assert_allclose(on_grid, np.sin(np.pi * grid[0]) * np.sin(np.pi * grid[1]), atol=1e-6)


def test_data_frames_are_matched_by_name(solution: Solution, fitted: Solution) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"note": "a", "y": POINTS[:, 1], "x": POINTS[:, 0]}, index=list("abcdefg"))
    found = solution.predict(frame)
    assert list(found.columns) == ["u"] and list(found.index) == list("abcdefg")
    assert np.array_equal(found["u"], solution.predict(POINTS))
    assert list(solution.predict(frame, ["u", "u_x"]).columns) == ["u", "u_x"]
    with pytest.raises(rbfnet.InputError, match="no column in the data frame called 'x'"):
        solution.predict(frame.drop(columns="x"))
    data = pandas.DataFrame(POINTS, columns=["t [s]", "length (m)"])
    assert list(fitted.predict(data).columns) == ["Height [m]", "v"]


def test_a_row_of_a_frame_is_one_point(solution: Solution) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"y": [0.25, 0.5], "x": [0.5, 0.125]}, index=["a", "b"])
    found = solution.predict(frame.iloc[1])
    assert list(found.index) == ["b"] and found["u"].to_numpy() == solution.predict([[0.125, 0.5]])
    with pytest.raises(rbfnet.InputError, match="'x'"):
        solution.predict(frame["y"])


def test_frames_that_were_fitted_give_their_names_to_what_is_loaded(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(POINTS, columns=["a [m]", "b"])
    frame["z"] = frame["b"] ** 2
    solution = rbfnet.fit(frame[["a [m]", "b"]], frame["z"])
    again = Solution.load(solution.save(tmp_path / "run"))
    assert list(again.predict(frame[["z", "b", "a [m]"]]).columns) == ["z"]
    assert np.array_equal(again.predict(frame, "z"), solution.predict(POINTS))
    assert isinstance(again.predict(frame, "z_b"), pandas.Series)


def test_names_that_are_no_words_have_derivatives_too(fitted: Solution) -> None:
    found = fitted.predict(POINTS, ["Height [m]", "Height [m]_length (m)", "d(Height [m], t [s])", "lap(Height [m])", "v_t [s]"])
    a, b = POINTS.T
    np.testing.assert_allclose(found, np.stack([a**2 + b, 2 * a, 1 + 0 * a, 2 + 0 * a, a], axis=1), atol=1e-2)
    field = fitted.field(POINTS)
    assert torch.allclose(field["v"].d("t [s]"), torch.from_numpy(found[:, 4]))
    names = fitted.predict({"length (m)": a, "t [s]": b}, Operator.d("t [s]"))
    assert list(names) == ["u_t [s][Height [m]]", "u_t [s][v]"]


@pytest.mark.parametrize(
    ("points", "what", "sentence"),
    [
        (POINTS, "u_z", "There is no coordinate 'z'; known: x, y."),
        (POINTS, "w", "There is no name 'w'"),
        (POINTS, [], "Give at least one quantity"),
        (POINTS, ["u", "u"], "'u' is requested twice"),
        (POINTS, [3], "A quantity must be a text such as 'u_x' or 'laplacian(u)', or an Operator, but got 3"),
        (POINTS, [Operator.d("t")], "There is no coordinate 't'"),
        (POINTS[:, :1], None, "x must have 2 columns"),
        ({"x": [1.0]}, None, "The points need all coordinates x, y, but 'y' is not given"),
        ({"x": [1.0], "y": [1.0], "z": 1}, None, "There is no coordinate 'z'"),
        ({"x": [1.0, 2], "y": [1.0, 2, 3]}, None, "shapes of the coordinates do not broadcast"),
        ({"x": ["a"], "y": [1.0]}, None, "must hold numbers"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(solution: Solution, points: object, what: object, sentence: str) -> None:
    with pytest.raises(rbfnet.InputError) as caught:
        solution.predict(points, what)  # type: ignore[arg-type]
    assert sentence in str(caught.value)


def test_a_network_takes_tensors_and_says_so(solution: Solution) -> None:
    x = torch.from_numpy(POINTS)
    assert torch.equal(solution(x), solution.model(x))
    with pytest.raises(rbfnet.InputError, match="A network takes a tensor"):
        solution.model(POINTS)


def test_a_solution_stands_for_its_model_where_models_are_taken(solution: Solution, tmp_path: Path) -> None:
    x = torch.from_numpy(POINTS)
    field = rbfnet.Field(solution, x)
    assert torch.equal(field.laplacian(), rbfnet.Field(solution.model, x).laplacian())
    assert torch.equal(rbfnet.evaluate(solution, x)["u"], solution.model(x).detach())
    program = torch.export.load(rbfnet.export(solution, tmp_path / "a.pt2")).module()  # type: ignore[arg-type]
    assert torch.allclose(program(x)["u"], solution.model(x))
    assert solution.num_centers == 150 and solution.weight is solution.model.weight
    with pytest.raises(AttributeError, match="colour"):
        _ = solution.colour


def test_many_points_are_taken_in_parts_with_progress(solution: Solution, capsys: pytest.CaptureFixture[str]) -> None:
    many = np.tile(POINTS, (3000, 1))
    found = solution.predict(many, ["u", "u_y"])
    assert "points 21000/21000" in capsys.readouterr().out
    np.testing.assert_allclose(found[-7:], solution.predict(POINTS, ["u", "u_y"]), atol=1e-12)
    v = torch.rand(len(many), 2, dtype=torch.float64)
    along = solution.predict(many, Operator.directional(v), progress=False)
    assert capsys.readouterr().out == ""
    slopes = solution.predict(many, ["u_x", "u_y"], progress=False)
    np.testing.assert_allclose(along, (slopes * v.numpy()).sum(axis=1), atol=1e-9)


def test_complex_values_come_back_complex() -> None:
    x = np.linspace(0, 1, 40)
    solution = rbfnet.fit(x, np.exp(1j * x), kernel="gaussian", smoothing=0)
    np.testing.assert_allclose(solution.predict(x), np.exp(1j * x), atol=1e-6)
    assert np.iscomplexobj(solution.predict({"x": x})["u"])
    assert solution.predict(x, ["u_real", "u_imag_x"]).shape == (40, 2)


class Rod(Problem):
    """u_t = u_xx with a flux at one end."""

    domain = SpaceTime(Interval(x=(0, 1)), t=(0, 1))

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda u: u.d("t") - u.laplacian())
        yield Initial(lambda x: x)
        yield Dirichlet(0.0, on="x=low")
        yield Neumann(1.0, on="x=high")


def test_residuals_at_points_of_ones_choice() -> None:
    """The exact solution is u = x; the model is 0, so that what is missed is known."""
    model = rbfnet.RBFNetwork(2, 1, 9, dtype=torch.float64)
    solution = Solution(model, Rod(), None, {})
    missed = solution.residual([[0.5, 0.5], [0.25, 0.0], [0.0, 0.5], [1.0, 0.25], [2.0, 0.5]])
    nan = math.nan
    expected = {
        "interior": [0.0, 0.0, 0.0, 0.0, nan],
        "initial": [nan, -0.25, nan, nan, nan],
        "dirichlet_x=low": [nan, nan, 0.0, nan, nan],
        "neumann_x=high": [nan, nan, nan, -1.0, nan],
    }
    assert set(missed) == set(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(missed[name], values, atol=1e-12)


def test_residuals_of_systems_have_a_column_an_equation_and_data_have_none(fitted: Solution) -> None:
    text = Equations(Interval(x=(0, 1)), ["u_x = 1", "v_x = u"], [{"dirichlet": 0, "output": "u"}], outputs=["u", "v"])
    system = Solution(rbfnet.RBFNetwork(1, 2, 9, dtype=torch.float64), text, None, {})
    missed = system.residual([0.25, 1.0])
    np.testing.assert_allclose(missed["interior"], [[-1.0, 0.0], [-1.0, 0.0]], atol=1e-12)
    np.testing.assert_allclose(missed["dirichlet_u"], [math.nan, 0.0], atol=1e-12)
    with pytest.raises(rbfnet.InputError, match="have their own points"):
        fitted.residual(POINTS)


def test_a_solution_is_shown_in_three_lines_and_on_a_page(solution: Solution) -> None:
    assert repr(solution).count("\n") == 2
    page = solution._repr_html_()
    assert "solved" in page and "relative L2" in page and "dirichlet" in page
    picture = base64.b64decode(page.partition("base64,")[2].partition("'")[0])
    assert picture.startswith(b"\x89PNG")


# -- saving ---------------------------------------------------------------------------------------------------------------------


def test_a_solution_from_python_is_saved_and_loaded_whole(solution: Solution, tmp_path: Path) -> None:
    path = solution.save(tmp_path / "run")
    assert sorted(p.name for p in path.iterdir()) == ["config.yaml", "model.safetensors", "summary.json"]
    again = rbfnet.load(path)
    assert np.array_equal(again.predict(POINTS, ["u", "lap(u)"]), solution.predict(POINTS, ["u", "lap(u)"]))
    assert repr(again) == repr(solution) and again.errors == solution.errors and again.residuals == solution.residuals
    assert isinstance(again.problem, Poisson) and again.names == solution.names
    assert np.array_equal(again.residual(POINTS)["interior"], solution.residual(POINTS)["interior"])
    with pytest.raises(rbfnet.InputError, match="already exists and is not empty"):
        solution.save(path)


def test_a_summary_that_is_written_tells_where_it_comes_from(solution: Solution, tmp_path: Path) -> None:
    found = json.loads((solution.save(tmp_path / "run") / "summary.json").read_text())
    told = found["provenance"]
    assert told["torch"] == torch.__version__ and told["rbfnet"] == rbfnet.__version__ and told["python"].count(".") == 2
    assert {"command", "git"} <= set(told)
    assert found["columns"]["coords"] == ["x", "y"]


def test_columns_keep_their_names_without_the_data(fitted: Solution, tmp_path: Path) -> None:
    again = rbfnet.load(fitted.save(tmp_path / "run"))
    assert again.names.coords == ("length (m)", "t [s]") and again.names.outputs == ("Height [m]", "v")
    assert np.array_equal(again.predict(POINTS, "v_t [s]"), fitted.predict(POINTS, "v_t [s]"))
    assert any("The problem is not saved;" in words for words in again.summary["words"])
    with pytest.raises(rbfnet.InputError, match=r"was saved without its problem; give it, as in rbfnet.load\(.*, problem=...\)"):
        again.plot()
    assert "solved" in again._repr_html_()
    # Once more, by a solution that has no problem itself.
    assert np.array_equal(rbfnet.load(again.save(tmp_path / "copy")).predict(POINTS), fitted.predict(POINTS))
    assert rbfnet.load(tmp_path / "run", problem=fitted.problem).problem is fitted.problem


class HardRod(Problem):
    """Boundary values by the form of the model, in a class that takes no arguments."""

    domain = Interval(x=(0, 1))

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda u: u.d("xx") + 1)
        yield Dirichlet(0.0, hard=True)


def test_a_problem_of_ones_own_is_made_again_where_its_module_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    solution = rbfnet.solve(HardRod(num_interior=40), num_centers=20, allow_unsolved=True)
    monkeypatch.setitem(sys.modules, HardRod.__module__, sys.modules[HardRod.__module__])
    path = solution.save(tmp_path / "run")
    assert yaml.safe_load((path / "config.yaml").read_text())["problem"]["num_interior"] == 40
    with pytest.raises(rbfnet.InputError, match="load with trust="):
        rbfnet.load(path)
    x = [0.1, 0.7]
    assert np.array_equal(rbfnet.load(path, trust=[HardRod.__module__]).predict(x), solution.predict(x))


MODELS: dict[str, tuple[Problem, dict[str, object]]] = {
    "float32": (Poisson(), {"dtype": torch.float32}),
    "through time": (rbfnet.problems.Heat(), {"solver": "evolve"}),
    "a width a centre": (Poisson(), {"per_center": True, "metric": "diagonal", "solver": "lbfgs", "degree": 1}),
    "unknown": (rbfnet.problems.InverseDiffusivity(num_interior=50), {"solver": "gauss_newton"}),
    "sum": (Poisson(), {"kernel": Matern(3.5) + 0.5 * rbfnet.kernels.Gaussian()}),
}


@pytest.mark.parametrize("name", MODELS)
def test_every_kind_of_model_is_saved_and_loaded_bit_for_bit(name: str, tmp_path: Path) -> None:
    problem, options = MODELS[name]
    if options.get("solver") == "lbfgs":
        options = {**options, "solver": rbfnet.solvers.LBFGS(max_epochs=2)}
    solution = rbfnet.solve(problem, num_centers=30, allow_unsolved=True, **options)  # type: ignore[arg-type]
    again = rbfnet.load(solution.save(tmp_path / "run"))
    assert np.array_equal(again.predict(POINTS, ["u", "u_x"]), solution.predict(POINTS, ["u", "u_x"]))
    assert {key: again.summary[key] for key in ("errors", "verdict")} == {k: solution.summary[k] for k in ("errors", "verdict")}


def test_kernels_are_described_by_nodes_that_make_them_again() -> None:
    made: list[Kernel] = [
        cls() for name, cls in catalogue("kernels", "Kernel").items() if name not in ("sum", "product", "scaled")
    ]
    made += [Matern(nu=3.5) + 2.0 * rbfnet.kernels.Gaussian(), Matern(1.5) * rbfnet.kernels.Wendland(2)]
    made += [Scaled(Matern(2.5), 2.0, 0.5, trainable=True), rbfnet.kernels.GeneralizedMultiquadric(1.3, trainable=True)]
    s = torch.linspace(0, 0.9, 5)
    for kernel in made:
        again = construct(kernel_node(kernel), Kernel, "kernels", ())
        assert repr(again) == repr(kernel)
        torch.testing.assert_close(again.phi(s), kernel.phi(s))
    function = rbfnet.RBFNetwork(1, 1, 3, lambda s: 1 / (1 + s)).kernel
    with pytest.raises(rbfnet.InputError, match="cannot be saved: use a class without constructor arguments"):
        kernel_node(function)


def test_problems_are_described_where_their_arguments_are_known() -> None:
    node = problem_node(Poisson(num_interior=50, sampler="random"))
    assert node == {"_target_": "rbfnet.problems.Poisson", "num_interior": 50, "num_boundary": None, "sampler": "random"}
    # The noise that was asked for is not kept.
    assert problem_node(rbfnet.problems.InverseDiffusivity(noise=0.1)) is None


# -- files ----------------------------------------------------------------------------------------------------------------------


def test_values_as_files(solution: Solution, tmp_path: Path) -> None:
    csv = solution.to_csv(tmp_path / "a.csv", POINTS, ["u", "u_x"])
    table = np.loadtxt(csv, delimiter=",", skiprows=1)
    assert csv.read_text().splitlines()[0] == "x,y,u,u_x"
    assert np.array_equal(table, np.column_stack([POINTS, solution.predict(POINTS, ["u", "u_x"])]))
    with np.load(solution.to_npz(tmp_path / "a.npz")) as arrays:
        assert set(arrays) == {"x", "y", "u"} and len(arrays["u"]) == 10_000
    with pytest.raises(rbfnet.InputError, match="already exists"):
        solution.to_csv(csv, POINTS)
    with pytest.raises(rbfnet.InputError, match=r"must end in \.csv, but got"):
        solution.to_csv(tmp_path / "a.txt", POINTS)
    with pytest.raises(rbfnet.InputError, match="There is no directory"):
        solution.to_npz(tmp_path / "no" / "a.npz", POINTS)


def test_values_on_the_vertices_of_a_mesh(solution: Solution, tmp_path: Path) -> None:
    vertices = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0.0, 1, 0], [0.5, 0.5, 0]])
    cells = np.array([[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4]])
    meshio.Mesh(vertices, [("triangle", cells)]).write(tmp_path / "mesh.vtu")
    mesh = meshio.read(solution.to_vtk(tmp_path / "out.vtu", tmp_path / "mesh.vtu", ["u", "u_x"]))
    assert np.array_equal(mesh.points, vertices) and np.array_equal(mesh.cells_dict["triangle"], cells)
    np.testing.assert_allclose(mesh.point_data["u"], [0, 0, 0, 0, 1], atol=1e-6)
    points = meshio.read(solution.to_vtk(tmp_path / "points.vtk", POINTS))
    np.testing.assert_allclose(points.point_data["u"], exact(POINTS), atol=1e-6)


def test_a_dataset_over_a_grid(solution: Solution) -> None:
    pytest.importorskip("xarray")
    data = solution.to_xarray({"x": [0.0, 0.25, 0.5]}, ["u", "u_y"])
    assert data["u"].dims == ("x", "y") and data["u"].shape == (3, 50)
    np.testing.assert_allclose(data["u"].sel(x=0.5), np.sin(np.pi * data["y"]), atol=1e-6)
