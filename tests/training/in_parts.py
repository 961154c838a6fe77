"""Runs that are fitted in parts: prepared, stopped, and continued from a checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from rbfnet import Problem
from rbfnet.solvers import Solver
from rbfnet.training._isolated import default_dtype
from rbfnet.training._model import build_model
from rbfnet.training._prepare import prepare
from rbfnet.training._quiet import quiet


def prepared(problem: Callable[[], Problem], solver: Solver, num_centers: int) -> Any:
    """A run on one processor, with Gaussians in float64, the same each time."""
    torch.manual_seed(0)
    with default_dtype(torch.float64):
        posed = problem()
        model = build_model(posed, "gaussian", {"num_centers": num_centers}, solver, torch.float64)
        return prepare(posed, model, solver, {"accelerator": "cpu", "devices": 1})


def fit(run: Any, checkpoint: Path | None = None) -> None:
    """Fit a run, from a checkpoint where one is given."""
    with default_dtype(torch.float64), quiet():
        run.trainer.fit(run.module, datamodule=run.data, ckpt_path=checkpoint, weights_only=True)
