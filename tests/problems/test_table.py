"""A table with what else is known gives the fit of `rbfnet.fit` with the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rbfnet
from rbfnet.problems import Table

X = np.sort(np.random.default_rng(0).random(24)) * 3
Y = 1 / (1 + np.exp(-6 * (X - 1.2)))
NOISY = Y + 0.02 * np.random.default_rng(1).standard_normal(24)
WEIGHT = np.linspace(1, 9, 24)


@pytest.fixture
def file(tmp_path: Path) -> str:
    columns = np.column_stack([X, NOISY, 6 * Y * (1 - Y), WEIGHT])
    np.savetxt(path := tmp_path / "dose.csv", columns, delimiter=",", header="dose,effect,slope,weight", comments="", fmt="%.17g")
    return str(path)


@pytest.mark.parametrize(
    ("told", "options"),
    [
        ({"bounds": ["u_x >= 0", "u <= 1"]}, {"bounds": ["u_x >= 0", "u <= 1"]}),
        ({"weights": "weight"}, {"weights": WEIGHT}),
        ({"equation": "u_x = 0.3"}, {"equation": "u_x = 0.3"}),
        ({"gradients": "slope"}, {"gradients": (6 * Y * (1 - Y))[:, None]}),
        (
            {"noise": 0.02, "gradients": ["slope"], "gradient_noise": 0.1},
            {"noise": 0.02, "gradients": (6 * Y * (1 - Y))[:, None], "gradient_noise": 0.1},
        ),
    ],
    ids=["bounds", "weights", "equation", "gradients", "noise"],
)
def test_it_is_fitted_as_fit_does(file: str, told: dict[str, Any], options: dict[str, Any]) -> None:
    names = {"bounds": ["effect_dose >= 0", "effect <= 1"], "equation": "effect_dose = 0.3"}
    told = {key: names.get(key, value) for key, value in told.items()}
    read = rbfnet.solve(Table(file, "dose", "effect", **told), kernel="quintic", num_centers=None, centers="points")
    given = rbfnet.fit(X, NOISY, kernel="quintic", **options)
    np.testing.assert_allclose(read.predict(X), given.predict(X), atol=1e-9)


def test_a_column_of_slopes_for_each_output_and_input(file: str) -> None:
    with pytest.raises(rbfnet.InputError, match="a column for each output and input, here 1 x 1, but got"):
        Table(file, "dose", "effect", gradients=["slope", "weight"])
    with pytest.raises(rbfnet.InputError, match="'effect' occurs twice"):
        Table(file, "dose", "effect", weights="effect")


def test_the_command_line_holds_a_bound(file: str, command: Any) -> None:
    columns = ["problem=table", f"problem.path={file}", "problem.inputs=[dose]", "problem.outputs=[effect]"]
    code, out, err = command("train", *columns, 'problem.bounds=["effect_dose >= 0"]', "figures=false", "run_dir=run")
    assert code == 0 and "The bound 'effect_dose >= 0' is held" in out, err
    assert rbfnet.load("run").predict(np.linspace(0.1, 2.9, 99), "effect_dose").min() > -1e-2


def test_the_command_line_chooses_a_kernel_as_fit_does(tmp_path: Path, command: Any) -> None:
    np.savetxt(tmp_path / "sine.csv", np.column_stack([X, np.sin(3 * X)]), delimiter=",", header="x,u", comments="", fmt="%.17g")
    columns = ["problem=table", "problem.path=sine.csv", "problem.inputs=[x]", "problem.outputs=[u]", "figures=false"]
    code, out, err = command("train", *columns, "kernel=auto", "run_dir=run")
    known = rbfnet.fit(X, np.sin(3 * X), kernel="auto", coords=["x"])
    assert code == 0 and known.summary["words"][1] in out, err
    np.testing.assert_allclose(rbfnet.load("run").predict(X), known.predict(X), atol=1e-9)


@pytest.mark.parametrize("options", [["problem=poisson"], ["network=local"]])
def test_a_kernel_is_chosen_for_data_and_one_system_only(file: str, command: Any, options: list[str]) -> None:
    columns = ["problem=table", f"problem.path={file}", "problem.inputs=[dose]", "problem.outputs=[effect]"]
    code, _, err = command("train", *(columns if options == ["network=local"] else []), *options, "kernel=auto", "run_dir=run")
    assert code == 2 and "kernel=auto" in err and err.count("\n") == 1
