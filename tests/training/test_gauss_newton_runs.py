"""gauss_newton inside a Lightning fit: metrics, the end of it and the words for it, and how it goes on."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

import rbfnet
from rbfnet.problems import Poisson, VanDerPol
from rbfnet.shipped_configs import config_directory
from rbfnet.solvers import GaussNewton
from rbfnet.training import build
from tests.training.in_parts import fit, prepared

RUN = ["problem=klein_gordon", "network.num_centers=60", "problem.num_interior=200", "problem.num_boundary=60", "figures=false"]


def test_each_step_is_in_the_metrics_and_the_summary_says_why_it_stopped(tmp_path: Path) -> None:
    with initialize_config_dir(str(config_directory()), version_base="1.3"):
        config = compose("train", overrides=[f"run_dir={tmp_path / 'run'}", *RUN, "solver=gauss_newton"])
    build(OmegaConf.to_container(config, resolve=True)).execute()  # type: ignore[arg-type]
    summary = json.loads((tmp_path / "run/summary.json").read_text())
    assert summary["words"][0].startswith(("Converged after", "Stopped after"))
    with (tmp_path / "run/metrics.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["solver/loss"]]
    assert len(rows) == summary["epochs"] < 50
    losses = [float(row["solver/loss"]) for row in rows]
    assert losses == sorted(losses, reverse=True)
    assert all(float(row["solver/damping"]) >= 0 for row in rows)
    assert losses[-1] == pytest.approx(summary["loss"], rel=1e-3)


def test_it_says_that_it_was_cut_short() -> None:
    solution = rbfnet.solve(VanDerPol(), num_centers=60, solver=GaussNewton(2, continuation={"mu": [0.1, 0.5]}))
    assert solution.summary["words"] == ["Stopped after 2 steps while the loss was still falling in stage 1 of 3."]


@pytest.mark.parametrize(
    ("solver", "stop"),
    [({}, 1), ({}, 2), ({"shapes": True}, 4), ({"continuation": {"mu": [0.2, 0.6]}}, 4), ({"slabs": 3}, 1), ({"slabs": 1}, 4)],
)
def test_it_goes_on_from_a_checkpoint_bit_for_bit(solver: dict[str, Any], stop: int, tmp_path: Path) -> None:
    def problem() -> rbfnet.Problem:
        return Poisson(num_interior=60, num_boundary=30) if "shapes" in solver else VanDerPol(end=4.0, num_interior=100)

    first, whole, second = (prepared(problem, GaussNewton(epochs, **solver), 25) for epochs in (stop, 8, 8))
    fit(first)
    first.trainer.save_checkpoint(tmp_path / "half.ckpt")
    fit(whole)
    fit(second, tmp_path / "half.ckpt")
    assert second.trainer.current_epoch == whole.trainer.current_epoch > stop
    for name, value in whole.module.state_dict().items():
        assert torch.equal(value, second.module.state_dict()[name]), name
    if "continuation" in solver:
        assert whole.trainer.optimizers[0].at.stage > 0
    if stop == 1:
        # What the slabs gave is in the checkpoint, and is compared with the end.
        assert first.trainer.optimizers[0].at.course is not None
        assert whole.trainer.optimizers[0].words == second.trainer.optimizers[0].words
