"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator

# Before PyTorch is imported: there is a process for each core, and on a shared machine threads that spin or come on top make
# tests tens of times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import matplotlib
import matplotlib.pyplot as plt
import pytest
import torch

# No screen is needed, and none is there in CI.
matplotlib.use("Agg")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Several processes share the tests by their names, in which an address differs."""
    for item in items:
        if " at 0x" in item.nodeid:
            raise pytest.UsageError(f"{item.nodeid} has an address in its name; give it an id of its own.")


@pytest.fixture(autouse=True)
def _seeded_and_left_as_found() -> Iterator[None]:
    """Every test starts from the same seed, and none leaves the default dtype or figures behind."""
    torch.manual_seed(0)
    yield
    assert torch.get_default_dtype() == torch.float32
    plt.close("all")


@pytest.fixture
def command(tmp_path: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Run the command line in an empty working directory: ``code, out, err = command("train", "kernel=matern")``.

    Most tests train with too little to solve anything, which is allowed; ``tests/training/test_verdict.py`` does without.
    """
    from rbfnet.cli.main import dispatch

    monkeypatch.chdir(str(tmp_path))

    def run(*arguments: str) -> tuple[int, str, str]:
        allowed = ["--allow-unsolved"] * (arguments[:1] in (("train",), ("resume",)))
        code = dispatch([*arguments[:1], *allowed, *arguments[1:]])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run
