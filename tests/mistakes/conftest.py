"""A mistake is told by one sentence, and leaves nothing behind."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def told(command: Command, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """``told(arguments, patterns)``: exit code 2, one sentence that has all the patterns in it, and the directory as it was."""
    monkeypatch.setattr("rbfnet.cli.train.execute", lambda run, first=True: 0)

    def check(arguments: list[str], *patterns: str) -> None:
        before = sorted(Path().rglob("*"))
        code, out, err = command(*arguments)
        assert (code, out) == (2, ""), err
        # The marks below a place in an expression are lines of their own.
        assert err.startswith("rbfnet: ") and err.endswith("\n") and len(err) < 1200
        assert err.count("\n") == 1 or re.search(r"\n +\^+\n$", err), err
        for pattern in patterns:
            assert re.search(pattern, err), (pattern, err)
        assert sorted(Path().rglob("*")) == before

    return check
