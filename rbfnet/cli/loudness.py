"""Verbosity of the training commands: ``-q`` prints only the verdict and the directory, ``-v`` also residuals and versions."""

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
"""The commands that do not parse these flags themselves."""

_LEVEL: ContextVar[str] = ContextVar("loudness", default="usual")


@contextmanager
def loudness(command: str, arguments: Sequence[str]) -> Iterator[list[str]]:
    """Set the verbosity within the context; yields the arguments without the verbosity flags.

    Raises:
        InputError: both quiet and verbose.
    """
    if command not in COMMANDS:
        yield list(arguments)
        return
    levels = {FLAGS[argument] for argument in arguments if argument in FLAGS}
    if len(levels) > 1:
        raise InputError("--quiet and --verbose cannot be combined; give one of them.")
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
    """Whether to print only results."""
    return _LEVEL.get() == "quiet"


def hushed(run: Run) -> Run:
    """The run, with progress output disabled if quiet."""
    if is_quiet():
        from rich.console import Console

        from rbfnet.training import FitProgress

        for callback in run.prepared.trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, FitProgress):
                callback.console = Console(quiet=True)
    return run


def further(summary: dict[str, Any]) -> list[str]:
    """The additional lines printed about a run if verbose; empty otherwise."""
    if _LEVEL.get() != "verbose":
        return []
    rows = [
        f"{row['condition']}, equation {row['equation']}: RMS residual {row['rms']:.1e}, maximum {row['largest']:.1e}"
        for row in summary["residuals"]
    ]
    told = summary.get("provenance") or {}
    git = told.get("git") or {}
    versions = ", ".join(f"{name} {told[name]}" for name in ("rbfnet", "torch", "python") if name in told)
    commit = f"; commit {git['commit'][:8]}{' with changes' if git.get('changed') else ''}" if git.get("commit") else ""
    epochs = f"{summary['epochs']:,} epoch{'s' * (summary['epochs'] != 1)}"
    return [*rows, f"{summary['parameters']:,} parameters, {epochs}; {versions}{commit}."]
