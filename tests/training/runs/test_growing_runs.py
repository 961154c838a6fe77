"""Run directories of runs with more and more centres."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

import rbfnet
from rbfnet.training import Interrupted, Solution, build
from rbfnet.training.runs import Run

POISSON = ("problem=poisson", "accuracy=1e-9", "figures=false")


def files(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_the_directory_holds_the_last_run_alone(command: Any, tmp_path: Path) -> None:
    code, out, _ = command("train", *POISSON, "run_dir=run")
    assert code == 0
    assert "100 centres: estimated error" in out and "200 centres: estimated error" in out
    directory = tmp_path / "run"
    assert files(directory) == ["checkpoints", "config.yaml", "metrics.csv", "model.safetensors", "summary.json"]
    config = yaml.safe_load((directory / "config.yaml").read_text())
    centers = json.loads((directory / "summary.json").read_text())["centers"]
    assert config["network"]["num_centers"] == centers == 200
    assert len((directory / "metrics.csv").read_text().splitlines()) == 2
    # The config repeats the run bit for bit.
    again = build({**config, "run_dir": str(tmp_path / "again"), "logger": None}).execute()
    assert torch.equal(rbfnet.load(directory).model.weight, again.model.weight)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_an_interrupted_run_leaves_the_one_before(command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    execute = Run.execute

    def stopped(run: Run, stop: Any = None) -> Solution:
        if run.model.num_centers > 100:
            raise Interrupted
        return execute(run, stop)

    monkeypatch.setattr(Run, "execute", stopped)
    code, out, err = command("train", *POISSON, "run_dir=run")
    assert code == 130 and "Verdict" not in out
    assert "the last finished run is in run" in err
    assert rbfnet.load(tmp_path / "run").num_centers == 100


def test_an_earlier_run_that_is_kept_comes_back(command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = "rbfnet.training._until_accurate"
    monkeypatch.setattr(f"{module}.FIRST", 20)
    # The third run ends it, and the second is kept, whatever their errors.
    monkeypatch.setattr(f"{module}.limits", lambda trials, *others: "Enough." * (len(trials) > 2))
    monkeypatch.setattr(f"{module}.chosen", lambda trials: trials[:2][-1])
    code, out, _ = command("train", "problem=poisson", "accuracy=1e-16", "run_dir=run", "figures=false")
    assert code == 0 and "20 centres" in out and "80 centres" in out and "Enough." in out
    directory = tmp_path / "run"
    assert yaml.safe_load((directory / "config.yaml").read_text())["network"]["num_centers"] == 40
    assert json.loads((directory / "summary.json").read_text())["centers"] == rbfnet.load(directory).num_centers == 40
    assert files(directory) == ["checkpoints", "config.yaml", "metrics.csv", "model.safetensors", "summary.json"]
