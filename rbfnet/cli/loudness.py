"""How much the commands that train say: ``-q`` the verdict and the directory alone, ``-v`` residuals and versions too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from rbfnet.errors import InputError

if TYPE_CHECKING:
    from rbfnet.training import Run

FLAGS = {"-q": "quiet", "--quiet": "quiet", "-v": "verbose", "--verbose": "verbose"}
COMMANDS = ("train", "resume")
"""Those that know of no such flags themselves."""

_LEVEL: ContextVar[str] = ContextVar("loudness", default="usual")


@contextmanager
def loudness(command: str, arguments: Sequence[str]) -> Iterator[list[str]]:
    """Within, the command is as loud as its flags say; gives the arguments without them.

    Raises:
        InputError: quiet and verbose at once.
    """
    if command not in COMMANDS:
        yield list(arguments)
        return
    levels = {FLAGS[argument] for argument in arguments if argument in FLAGS}
    if len(levels) > 1:
        raise InputError("--quiet and --verbose exclude each other; give one of them.")
    with as_loud_as(next(iter(levels), "usual")):
        yield [argument for argument in arguments if argument not in FLAGS]


@contextmanager
def as_loud_as(level: str) -> Iterator[None]:
    """Within, as loud as where :func:`level` gave this."""
    before = _LEVEL.set(level)
    try:
        yield
    finally:
        _LEVEL.reset(before)


def level() -> str:
    """How loud it is."""
    return _LEVEL.get()


def is_quiet() -> bool:
    """Whether nothing but results is wanted."""
    return _LEVEL.get() == "quiet"


def hushed(run: Run) -> Run:
    """The run; where nothing but results is wanted it shows no progress."""
    if is_quiet():
        from rich.console import Console

        from rbfnet.training import FitProgress

        for callback in run.prepared.trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, FitProgress):
                callback.console = Console(quiet=True)
    return run


def further(summary: dict[str, Any]) -> list[str]:
    """What is said of a run in more words; nothing unless that is wanted."""
    if _LEVEL.get() != "verbose":
        return []
    rows = [
        f"{row['condition']}, equation {row['equation']}: missed by {row['rms']:.1e}, at most {row['largest']:.1e}"
        for row in summary["residuals"]
    ]
    told = summary.get("provenance") or {}
    git = told.get("git") or {}
    versions = ", ".join(f"{name} {told[name]}" for name in ("rbfnet", "torch", "python") if name in told)
    commit = f"; commit {git['commit'][:8]}{' with changes' if git.get('changed') else ''}" if git.get("commit") else ""
    epochs = f"{summary['epochs']:,} epoch{'s' * (summary['epochs'] != 1)}"
    return [*rows, f"{summary['parameters']:,} parameters, {epochs}; {versions}{commit}."]
