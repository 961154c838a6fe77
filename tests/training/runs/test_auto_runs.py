"""Runs whose solver is chosen: their directories say which, and they go on, load and compare as if it had been named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

import rbfnet
from rbfnet.cli.main import dispatch
from rbfnet.shipped_configs import config_directory
from rbfnet.solvers import Evolve
from rbfnet.training import build, resume

HEAT = ("problem=heat", "network.num_centers=24", "figures=false")


def composed(directory: Path, *overrides: str) -> dict[str, Any]:
    with initialize_config_dir(str(config_directory()), version_base="1.3"):
        config = compose("train", overrides=[f"run_dir={directory}", *overrides])
    return OmegaConf.to_container(config, resolve=True)  # type: ignore[return-value]


@pytest.fixture(scope="module")
def heat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("auto") / "heat"
    build(composed(directory, *HEAT)).execute()
    return directory


def test_the_config_says_what_was_asked_and_the_summary_what_was_chosen(heat: Path) -> None:
    assert yaml.safe_load((heat / "config.yaml").read_text())["solver"] == {"_target_": "rbfnet.solvers.Auto"}
    summary = json.loads((heat / "summary.json").read_text())
    assert (summary["solver"], summary["verdict"]) == ("evolve", "solved")
    assert summary["words"][0] == "solver=auto chose evolve: the problem is time-dependent with initial conditions."


def test_a_run_that_was_stopped_goes_on_bit_for_bit(heat: Path, tmp_path: Path) -> None:
    build(composed(tmp_path / "run", *HEAT, "trainer.max_epochs=3")).execute()
    part = rbfnet.load(tmp_path / "run")
    again = resume(tmp_path / "run", max_epochs=2000).execute()
    whole = rbfnet.load(heat)
    assert len(part.model.breaks) < len(whole.model.breaks)  # type: ignore[arg-type]
    assert all(torch.equal(a, whole.model.state_dict()[name]) for name, a in again.model.state_dict().items())
    assert again.summary["words"] == whole.summary["words"]


def test_what_was_solved_in_python_is_saved_with_the_solver_that_was_chosen(tmp_path: Path) -> None:
    solution = rbfnet.solve(rbfnet.problems.Heat(), num_centers=24)
    loaded = rbfnet.load(solution.save(tmp_path / "saved"))
    assert yaml.safe_load((tmp_path / "saved" / "config.yaml").read_text())["solver"] == {"_target_": "rbfnet.solvers.Evolve"}
    named = rbfnet.solve(rbfnet.problems.Heat(), num_centers=24, solver=Evolve())
    assert (loaded.predict([[0.3, 0.5]]) == named.predict([[0.3, 0.5]])).all()


def test_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert dispatch(["train", "network.num_centers=100", "figures=false", "run_dir=run"]) == 0
    out = capsys.readouterr().out
    assert "least_squares" in out and "solver=auto chose least_squares: the problem is linear." in out
    assert dispatch(["show", "-p", "solver"]) == 0
    assert "rbfnet.solvers.Auto" in capsys.readouterr().out


TOLD = {
    "solver.max_epochs=3": "choose solver=adam, solver=evolve, solver=gauss_newton or solver=lbfgs to set solver.max_epochs",
    "+solver.lr=0.1": "choose solver=adam to set solver.lr",
    "solver={shapes:true}": "choose solver=gauss_newton to set solver.shapes",
    "solver.nonsense=1": "no solver has one called 'nonsense'",
}


@pytest.mark.parametrize("override", TOLD)
def test_an_argument_of_nobody_is_answered_with_those_who_have_it(
    override: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dispatch(["train", override, f"run_dir={tmp_path / 'run'}"]) == 2
    assert TOLD[override] in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_several_processes_take_what_can_share_its_points(tmp_path: Path) -> None:
    run = build(composed(tmp_path / "run", *HEAT, "trainer.devices=2", "trainer.strategy=ddp"))
    assert run.prepared.module.solver.name == "least_squares"
    assert "several processes" in run.prepared.module.solver.why


def test_centres_that_are_added_are_not_carried(tmp_path: Path) -> None:
    run = build(composed(tmp_path / "run", *HEAT, "callbacks=grow", "network.per_center=true"))
    assert run.prepared.module.solver.name == "least_squares"
