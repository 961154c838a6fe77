"""Modules of the working directory are found last."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from rbfnet.cli.own_modules import find, never_first


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
