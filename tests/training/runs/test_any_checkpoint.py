"""A run goes on from any of its checkpoints to the same files, byte for byte, whatever its solver."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from rbfnet.shipped_configs import config_directory
from rbfnet.training import build, resume
from rbfnet.training.callbacks import _checkpoints

POISSON = ["problem=poisson", "problem.num_interior=60", "problem.num_boundary=24", "network.num_centers=16"]
ADAM = [*POISSON, "solver=adam", "solver.max_epochs=6"]
LBFGS = "{_target_:rbfnet.solvers.LBFGS,max_epochs:3,max_iter:4}"
STAGES = f"solver.stages=[{{_target_:rbfnet.solvers.Adam,max_epochs:2}},least_squares,{LBFGS}]"
GROW = ["solver=gauss_newton", "solver.max_epochs=4", "network.per_center=true", "callbacks=grow", "callbacks.period=2"]
RUNS = {
    "adam": [*ADAM, "solver.schedule=cosine"],
    "batches": [*ADAM, "solver.batch_size=20"],
    "fresh points": [*ADAM, "solver.resample=true", "problem.sampler=random"],
    "rad": [*ADAM, "callbacks=rad", "callbacks.period=2"],
    "gradient_norm": [*ADAM, "solver.balance=gradient_norm"],
    "lbfgs": [*POISSON, "solver=lbfgs", "solver.max_epochs=5", "solver.max_iter=4"],
    "sequence": [*POISSON, "solver=sequence", STAGES],
    "least_squares": POISSON,
    "gauss_newton": [
        "problem=kovasznay", "problem.num_interior=120", "problem.num_boundary=40", "network.num_centers=25", "network.epsilon=2",
        "solver=gauss_newton",
    ],
    "shapes": [*POISSON, "solver=gauss_newton", "solver.shapes=true", "solver.max_epochs=5", "network.epsilon=3"],
    "grow": [*POISSON, *GROW, "callbacks.num_centers=30", "callbacks.tolerance=1e-3", "callbacks.candidates=60"],
    "unknowns": ["problem=inverse_diffusivity", "solver=gauss_newton", "network.num_centers=40", "solver.max_epochs=6"],
    "through time": ["problem=van_der_pol", "solver=gauss_newton", "network.num_centers=60"],
    "evolve": ["problem=heat", "solver=evolve", "network.num_centers=24"],
    "data": ["problem=terrain", "problem.train=60", "problem.validation=10", "problem.test=20"],
}  # fmt: skip


def composed(directory: Path, *overrides: str) -> dict[str, Any]:
    with initialize_config_dir(str(config_directory()), version_base="1.3"):
        config = compose("train", overrides=[f"run_dir={directory}", "figures=false", *overrides])
    return OmegaConf.to_container(config, resolve=True)  # type: ignore[return-value]


def left(directory: Path) -> dict[str, Any]:
    """What a run leaves, but for what time it took and where it was."""
    summary = json.loads((directory / "summary.json").read_text())
    del summary["seconds"], summary["provenance"]
    return {"summary": summary} | {name: (directory / name).read_bytes() for name in ("model.safetensors", "metrics.csv")}


SLOW = {"through time", "unknowns"}


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in RUNS])
def test_a_run_goes_on_from_any_checkpoint(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is kept with whatever was there when it was written, as if the process had been killed then."""
    copies: list[Path] = []
    save = _checkpoints.Checkpoints.save

    def kept(self: Any, trainer: Any) -> None:
        save(self, trainer)
        if self.path.parent.parent == tmp_path / "whole":
            copies.append(shutil.copytree(tmp_path / "whole", tmp_path / f"copy {len(copies)}"))

    monkeypatch.setattr(_checkpoints.Checkpoints, "save", kept)
    monkeypatch.setattr(_checkpoints, "OFTEN", 0.0)
    monkeypatch.setattr(_checkpoints, "SELDOM", 0.0)
    build(composed(tmp_path / "whole", *RUNS[name])).execute()
    whole = left(tmp_path / "whole")
    # Before the first epoch, between all, and after the last.
    assert len(copies) == whole["summary"]["epochs"] + 1
    for copy in (copies[n] for n in sorted({0, len(copies) // 2, len(copies) - 1})):
        resume(copy).execute()
        found = left(copy)
        assert found["summary"] == whole["summary"], copy
        assert found["metrics.csv"].decode() == whole["metrics.csv"].decode(), copy
        assert found["model.safetensors"] == whole["model.safetensors"], copy
        with pytest.raises(ValueError, match="is finished: "):
            resume(copy)
