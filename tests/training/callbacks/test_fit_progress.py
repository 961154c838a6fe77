from __future__ import annotations

import io

import lightning.pytorch as pl
import pytest
import torch
from rich.console import Console

from rbfnet.problems import Poisson
from rbfnet.solvers import Adam
from rbfnet.training import FitProgress
from rbfnet.training._model import build_model
from rbfnet.training._prepare import prepare
from rbfnet.training._train import train


def fitted(console: Console, epochs: int) -> str:
    problem, solver = Poisson(num_interior=20, num_boundary=8), Adam(max_epochs=epochs)
    model = build_model(problem, "gaussian", {"num_centers": 4}, solver, torch.float64)
    callbacks: list[pl.Callback] = [FitProgress(console)]
    prepared = prepare(problem, model, solver, {"accelerator": "cpu"}, callbacks=callbacks)
    train(prepared, seed=0, started=0.0)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(("epochs", "lines"), [(1, 1), (7, 7), (40, 10), (45, 12)])
def test_where_there_is_no_terminal_a_fit_prints_about_ten_plain_lines(epochs: int, lines: int) -> None:
    printed = fitted(Console(file=io.StringIO(), width=60), epochs).splitlines()
    assert len(printed) == lines
    assert printed[-1].startswith(f"epoch {epochs}/{epochs}  loss ")
    assert not any("\x1b" in line for line in printed)


def test_on_a_terminal_there_is_one_live_line() -> None:
    printed = fitted(Console(file=io.StringIO(), force_terminal=True, width=100), 12)
    assert "\x1b" in printed
    assert "12/12" in printed
