"""A run that stops goes on from its checkpoint, with whatever the problem itself has to find."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from rbfnet.problems import Poisson
from rbfnet.solvers import LBFGS, Adam, GradientNorm, Sequence, Solver
from rbfnet.training import R3, RAD
from rbfnet.training._isolated import default_dtype
from rbfnet.training._model import build_model
from rbfnet.training._prepare import prepare
from rbfnet.training._quiet import quiet
from tests.problems.decay import Decay
from tests.training.in_parts import fit, prepared


def test_an_unknown_goes_on_from_a_checkpoint(tmp_path: Path) -> None:
    """Eight epochs are four, a checkpoint, and four more in a new process's objects."""

    def run(epochs: int) -> Any:
        return prepared(lambda: Decay(20), Adam(max_epochs=epochs), 12)

    first = run(4)
    fit(first)
    first.trainer.save_checkpoint(tmp_path / "half.ckpt")
    whole, second = run(8), run(8)
    fit(whole)
    fit(second, tmp_path / "half.ckpt")
    assert second.module.problem.k().item() == whole.module.problem.k().item() != 1.0


SHORT = LBFGS(max_epochs=3, max_iter=4, history_size=5)
RUNS: dict[str, tuple[Solver, list[Any]]] = {
    "adam": (Adam(max_epochs=6), []),
    "lbfgs": (LBFGS(max_epochs=6, max_iter=4, history_size=5), []),
    "batches": (Adam(max_epochs=6, batch_size=16), []),
    "fresh points": (Adam(max_epochs=6, resample=True), []),
    "fresh points in batches": (Adam(max_epochs=6, resample=True, batch_size=16), []),
    "schedule": (Adam(max_epochs=6, schedule="cosine", warmup=2), []),
    "rad": (Adam(max_epochs=6, batch_size=16), [RAD(period=2)]),
    "r3": (Adam(max_epochs=6), [R3(period=1)]),
    "gradient_norm": (Adam(max_epochs=6, balance=GradientNorm(period=2), batch_size=16), []),
    "residual_attention": (Adam(max_epochs=6, balance="residual_attention"), []),
    "stages": (Sequence([Adam(max_epochs=3, schedule="exponential"), SHORT]), []),
    "stages with batches": (Sequence([Adam(max_epochs=3, batch_size=16), SHORT]), []),
    "stages of other kinds": (Sequence([Adam(max_epochs=2), "least_squares", SHORT]), []),
}


@pytest.mark.parametrize(("stop", "at_end"), [(3, True), (2, False), (3, False)])
@pytest.mark.parametrize("name", RUNS)
def test_a_run_goes_on_bit_for_bit(tmp_path: Path, name: str, stop: int, at_end: bool) -> None:
    """Six epochs at once, and the same in two parts, from what is written after the first or in the midst of a longer one."""
    from lightning.pytorch.callbacks import ModelCheckpoint

    solver, callbacks = RUNS[name]

    def fitted(epochs: int, checkpoint: Path | None = None) -> Any:
        torch.manual_seed(0)
        keep = [] if at_end else [ModelCheckpoint(tmp_path, "{epoch}", save_top_k=-1, save_on_train_epoch_end=True)]
        with default_dtype(torch.float64), quiet():
            problem = Poisson(num_interior=40, num_boundary=20, sampler="random")
            model = build_model(problem, "gaussian", {"num_centers": 9}, solver, torch.float64)
            options = {"accelerator": "cpu", "devices": 1, "max_epochs": epochs}
            run = prepare(problem, model, solver, options, callbacks=[*callbacks, *keep])
            run.trainer.fit(run.module, datamodule=run.data, ckpt_path=checkpoint, weights_only=True)
        return run

    if at_end:
        fitted(stop).trainer.save_checkpoint(tmp_path / "part.ckpt")
    else:
        fitted(stop + 1)
        (tmp_path / f"epoch={stop - 1}.ckpt").rename(tmp_path / "part.ckpt")
    whole, resumed = fitted(6), fitted(6, tmp_path / "part.ckpt")
    assert resumed.trainer.current_epoch == whole.trainer.current_epoch == 6
    assert resumed.trainer.global_step == whole.trainer.global_step
    for key, value in whole.module.state_dict().items():
        assert torch.equal(value, resumed.module.state_dict()[key]), key
    assert torch.equal(resumed.trainer.callback_metrics["loss"], whole.trainer.callback_metrics["loss"])
