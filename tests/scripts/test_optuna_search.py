"""The script by which Optuna chooses."""

from __future__ import annotations

import pytest

from scripts.optuna_search import main


@pytest.mark.slow
def test_it_finds_something_better_than_a_bad_width(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("optuna")
    assert main(["--trials", "8", "--centers", "60"]) < 1e-2
    assert "estimated error" in capsys.readouterr().out
