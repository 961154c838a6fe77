"""Numbers that no machine has room for are refused at once, and modules of the working directory are found last."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rbfnet.cli.own_modules import find, never_first

Command = Callable[..., tuple[int, str, str]]
BILLION = "1000000000"
TOO_MANY = {
    f"problem.num_interior={BILLION}": "num_interior must be at most",
    f"problem.num_boundary={BILLION}": "num_boundary must be at most",
    f"network.num_centers={BILLION}": "network.num_centers must be at most",
    f"callbacks=grow callbacks.candidates={BILLION}": "candidates must be at most",
    f"solver=adam callbacks=rad callbacks.pool={BILLION}": "pool must be at most",
    "solver=lbfgs solver.history_size=1000000000000": "history_size must be at most",
    "network.degree=3000": "more terms than there are centres, 400; use at most 399 in one dimension, 26 in two, 11 in three",
    "network.degree=100": "has 5151 terms, more than the 400 centres; use at least 5151 centres, or a degree of at most 26",
    "kernel=matern kernel.nu=1000000.5": "A Matern kernel needs nu of at most 150.5",
}


@pytest.mark.parametrize("arguments", TOO_MANY)
def test_what_there_is_no_room_for_is_refused_with_what_would_do(command: Command, arguments: str) -> None:
    code, out, err = command("train", *arguments.split(), "run_dir=run")
    assert (code, out) == (2, "") and err.count("\n") == 1
    assert TOO_MANY[arguments] in err
    assert not Path("run").exists()


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Where modules are looked for; the working directory has one of the user's, and one that is installed."""
    monkeypatch.chdir(tmp_path)
    for name in ("yaml", "own_module_of_a_test"):
        (tmp_path / f"{name}.py").write_text("")
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place])
    return sys.path


def test_the_working_directory_is_last_and_for_names_that_are_there_alone(places: list[str]) -> None:
    before = list(places)
    find(["yaml", "rbfnet.kernels", "no_such_module", ""])
    assert places == before
    find(["own_module_of_a_test.inner"])
    assert places == [*before, os.getcwd()]


def test_the_working_directory_is_not_first(places: list[str]) -> None:
    before = list(places)
    places.insert(0, os.getcwd())
    never_first()
    assert places == before
    never_first()
    assert places == before
