"""Runs of local networks: saved, loaded, resumed, used by every command, and chosen for many points."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import rbfnet
from rbfnet import InputError
from rbfnet.nn import LocalNetwork
from rbfnet.problems import Poisson
from rbfnet.training import export_solution

Command = Callable[..., tuple[int, str, str]]


def smooth(x: np.ndarray) -> Any:
    return np.sin(3 * x[:, 0]) * x[:, 1]


@pytest.fixture(scope="module")
def data() -> np.ndarray:
    return np.random.default_rng(0).random((400, 2))


@pytest.fixture
def table(data: np.ndarray, command: Command) -> list[str]:
    """In the empty directory of ``command``."""
    np.savetxt("points.csv", np.c_[data, smooth(data)], delimiter=",", header="x,y,z", comments="")
    given = ["problem=table", "problem.path=points.csv", "problem.inputs=[x,y]", "problem.outputs=[z]"]
    return ["train", "figures=false", "run_dir=run", *given]


def test_a_fit_is_saved_and_loaded_bit_for_bit(data: np.ndarray, tmp_path: Path) -> None:
    fitted = rbfnet.fit(data, smooth(data), network="local", kernel="matern", degree=2, neighbors=30, epsilon=0.3)
    again = rbfnet.load(fitted.save(tmp_path / "run", figures=True))
    what = ["u", "u_x", "u_xy"]
    assert np.array_equal(again.predict(data, what), fitted.predict(data, what))
    network = again.model.network
    assert isinstance(network, LocalNetwork) and (network.neighbors, network.degree) == (30, 2)
    assert (tmp_path / "run" / "figures" / "overview.png").is_file()


def test_a_solution_of_an_equation_is_saved_and_loaded(data: np.ndarray, tmp_path: Path) -> None:
    solved = rbfnet.solve(Poisson(), network="local", num_centers=200)
    again = rbfnet.load(solved.save(tmp_path / "run"))
    assert np.array_equal(again.predict(data), solved.predict(data))
    assert again.verdict == solved.verdict and again.residual(data[:3]).keys() == solved.residual(data[:3]).keys()


def test_every_command_takes_a_local_run(table: list[str], data: np.ndarray, command: Command) -> None:
    assert command(*table, "network=local", "network.neighbors=30")[0] == 0
    run = rbfnet.load("run")
    assert isinstance(run.model.network, LocalNetwork) and run.model.network.neighbors == 30
    assert command("predict", "run", "points.csv", "--out", "out.csv", "--what", "z,z_x")[0] == 0
    found = np.loadtxt("out.csv", delimiter=",", skiprows=1)
    assert np.allclose(found[:, 2], smooth(data), rtol=0, atol=1e-9)
    assert np.allclose(found[:, 2:], run.predict(data, ["z", "z_x"]), rtol=1e-12, atol=1e-12)
    assert command("evaluate", "run", "points.csv")[0] == 0
    assert command("plot", "run")[0] == 0 and Path("run/figures/overview.png").is_file()
    code, _, err = command("export", "run")
    assert code == 2 and "looks up the nearest nodes, which an exported program cannot" in err


def test_it_is_chosen_for_tables_of_many_rows(table: list[str], command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rbfnet.training._local_model.LARGEST", 200)
    assert command(*table)[0] == 0
    run = rbfnet.load("run")
    assert isinstance(run.model.network, LocalNetwork) and run.model.network.neighbors == 50
    assert yaml.safe_load(Path("run/config.yaml").read_text(encoding="utf-8"))["network"]["network"] == "local"
    words = "400 points are too many for one system: used local interpolants of 50 points each (network=local)."
    assert words in run.summary["words"]
    # Whoever asks for something that local interpolants lack gets it.
    assert command(*table, "run_dir=other", "network.metric=diagonal", "kernel=gaussian", "network.epsilon=1")[0] == 0
    assert not isinstance(rbfnet.load("other").model.network, LocalNetwork)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["network.neighbors=2", "network.degree=1"], "neighbors must be at least 3, the number of terms of a polynomial"),
        (["network.degree=30"], "have 496 terms, more than the 400 nodes; use at least 496 nodes"),
        (["+network.overlap=2"], "There is no argument of network=local called 'overlap'"),
        (["problem=poisson"], "network=local fits data, but the problem is Poisson"),
    ],
)
def test_wrong_input(table: list[str], arguments: list[str], sentence: str, command: Command) -> None:
    given = table if "problem=poisson" not in arguments else table[:3]
    code, _, err = command(*given, "network=local", *arguments)
    assert code == 2 and sentence in err
    assert not Path("run").exists()


def test_a_local_network_is_not_exported(data: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="looks up the nearest nodes"):
        export_solution(rbfnet.fit(data, smooth(data), network="local"), tmp_path / "model.onnx")
