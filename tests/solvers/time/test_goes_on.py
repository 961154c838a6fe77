"""How a run through time goes: on from its checkpoints, at what cost for a slab, with what on the progress bar."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from torch import Tensor, cos, pi, sin

import rbfnet
from rbfnet.domains import Rectangle, SpaceTime
from rbfnet.problems import Condition, Dirichlet, Heat, Initial, Interior, Neumann, Wave
from rbfnet.solvers import Evolve
from rbfnet.solvers.time import March
from rbfnet.training import FitProgress
from rbfnet.training._isolated import default_dtype
from rbfnet.training._model import build_model
from rbfnet.training._prepare import prepare
from rbfnet.training._quiet import quiet


class Drum(rbfnet.Problem):
    """A wave on a square."""

    domain = SpaceTime(Rectangle(x=(0, 1), y=(0, 1)), t=(0, 2))

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda u: u.d("tt") - u.laplacian("x", "y"))
        yield Dirichlet(0.0)
        yield Initial(lambda x, y: sin(pi * x) * sin(pi * y), velocity=0.0)


class Glow(rbfnet.Problem):
    """u_t = .1 Lap u + u - u^3 on a square: in the plane, and not linear."""

    domain = SpaceTime(Rectangle(x=(0, 1), y=(0, 1)), t=(0, 2))

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda u: u.d("t") - 0.1 * u.laplacian("x", "y") - u + u**3)
        yield Neumann(0.0)
        yield Initial(lambda x, y: 0.1 + 0.1 * cos(pi * x) * cos(pi * y))


def prepared(made: rbfnet.Problem, epochs: int) -> Any:
    torch.manual_seed(0)
    with default_dtype(torch.float64):
        solver = Evolve(max_epochs=epochs)
        model = build_model(made, "gaussian", {"num_centers": 40}, solver, torch.float64)
        return model, prepare(made, model, solver, {"accelerator": "cpu", "devices": 1})


def fit(run: Any, checkpoint: Path | None = None) -> None:
    with default_dtype(torch.float64), quiet():
        run.trainer.fit(run.module, datamodule=run.data, ckpt_path=checkpoint, weights_only=True)


@pytest.mark.parametrize(("kind", "epochs"), [(Wave, 4), (Drum, 3), (Glow, 3)])
def test_a_run_goes_on_from_its_checkpoint_bit_for_bit(kind: type[rbfnet.Problem], epochs: int, tmp_path: Path) -> None:
    _, first = prepared(kind(), epochs)
    fit(first)
    first.trainer.save_checkpoint(tmp_path / "part.ckpt")
    (whole, at_once), (resumed, second) = prepared(kind(), 100), prepared(kind(), 100)
    fit(at_once)
    fit(second, tmp_path / "part.ckpt")
    assert len(resumed.carried) == len(whole.carried) > epochs
    assert torch.equal(resumed.carried, whole.carried)
    assert torch.equal(resumed.breaks, whole.breaks)
    assert torch.equal(resumed.centers, whole.centers)


def part(change: dict[str, Any], path: Path) -> None:
    """A checkpoint after two slabs, with another state of the optimizer."""
    _, first = prepared(Wave(), 2)
    fit(first)
    first.trainer.save_checkpoint(path)
    checkpoint = torch.load(path, weights_only=True)
    (state,) = checkpoint["optimizer_states"][0]["state"].values()
    state.update({name: made(state[name]) for name, made in change.items()})
    torch.save(checkpoint, path)


def test_checkpoints_with_one_scale_for_all_outputs_go_on(tmp_path: Path) -> None:
    """As they were before ordinary differential equations had one for each unknown."""
    part({"scale": float}, tmp_path / "part.ckpt")
    (whole, at_once), (resumed, second) = prepared(Wave(), 100), prepared(Wave(), 100)
    fit(at_once)
    fit(second, tmp_path / "part.ckpt")
    assert torch.equal(resumed.carried, whole.carried)


def test_a_checkpoint_in_another_basis_is_told(tmp_path: Path) -> None:
    part({"at": lambda at: at[:, :-1].contiguous()}, tmp_path / "part.ckpt")
    _, run = prepared(Wave(), 100)
    with pytest.raises(ValueError, match=r"a version of evolve with another basis in space, of \d+ coordinates"):
        fit(run, tmp_path / "part.ckpt")


@pytest.mark.parametrize("kind", [Drum, Glow])
def test_no_slab_costs_more_than_the_one_before_without_need(kind: type[rbfnet.Problem], monkeypatch: pytest.MonkeyPatch) -> None:
    """None is rejected, linear ones take two iterations each, and others fewer for the same time the longer they are."""
    costs: list[tuple[float, int, int]] = []
    slab = March.slab

    def watched(self: March) -> tuple[float, Tensor]:
        start, found = self.time, slab(self)
        costs.append((self.time - start, self.iterations, self.rejected))
        return found

    monkeypatch.setattr(March, "slab", watched)
    rbfnet.solve(kind(), num_centers=40, solver=Evolve())
    assert len(costs) > 4
    assert all(rejected == 0 for *_, rejected in costs)
    if kind is Drum:
        assert all(iterations <= 2 for _, iterations, _ in costs)
    else:
        # The last two share what is left.
        rates = [iterations / step for step, iterations, _ in costs[:-1]]
        assert rates == sorted(rates, reverse=True)


def test_the_bar_shows_the_time_that_is_reached_of_the_time_that_is_wanted() -> None:
    console = Console(file=io.StringIO(), width=80)
    rbfnet.solve(Heat, num_centers=20, solver=Evolve(refine=0), callbacks=[FitProgress(console)])
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    shown = [int(line.split("/")[0].removeprefix("% of time ")) for line in lines]
    assert shown == sorted(shown) and shown[-1] == 100
    assert lines[-1].startswith("% of time 100/100  t = 1 of 1")
