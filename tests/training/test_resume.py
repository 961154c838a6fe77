"""A run that stops goes on from its checkpoint, with whatever the problem itself has to find."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

import rbfnet
from rbfnet.domains import Interval
from rbfnet.problems import Condition, Data, Interior, Unknown
from rbfnet.solvers import Adam
from rbfnet.training._model import build_model
from rbfnet.training._train import default_dtype, prepare, quiet


def test_an_unknown_goes_on_from_a_checkpoint(tmp_path: Path) -> None:
    """Eight epochs are four, a checkpoint, and four more in a new process's objects."""

    class Decay(rbfnet.Problem):
        domain = Interval(t=(0, 1))

        def __init__(self) -> None:
            super().__init__(num_interior=20)
            self.k = Unknown(1.0, exact=2.0)

        def conditions(self) -> Iterable[Condition]:
            t = torch.linspace(0.0, 1.0, 9, dtype=torch.float64)
            yield Interior(lambda u: u.d("t") + self.k() * u)
            yield Data(t[:, None], torch.exp(-2.0 * t))

    def prepared(epochs: int) -> tuple[Decay, Any]:
        torch.manual_seed(0)
        with default_dtype(torch.float64):
            problem, solver = Decay(), Adam(max_epochs=epochs)
            model = build_model(problem, "gaussian", {"num_centers": 12}, solver, torch.float64)
            return problem, prepare(problem, model, solver, {"accelerator": "cpu", "devices": 1})

    def fit(run: Any, checkpoint: Path | None = None) -> None:
        with default_dtype(torch.float64), quiet():
            run.trainer.fit(run.module, datamodule=run.data, ckpt_path=checkpoint, weights_only=True)

    _, first = prepared(4)
    fit(first)
    first.trainer.save_checkpoint(tmp_path / "half.ckpt")
    (whole, at_once), (resumed, second) = prepared(8), prepared(8)
    fit(at_once)
    fit(second, tmp_path / "half.ckpt")
    assert resumed.k().item() == whole.k().item() != 1.0
