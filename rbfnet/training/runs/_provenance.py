"""The provenance of a result: versions, the command line, the git state of the working directory."""

from __future__ import annotations

import platform
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

import rbfnet

SECONDS = 5
"""Timeout for git in seconds."""


def provenance() -> dict[str, Any]:
    """Versions of rbfnet, torch and Python, the command line, and the git state of the working directory (None without any)."""
    return {
        "rbfnet": rbfnet.__version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "command": _command(),
        "git": _git(),
    }


def _command() -> str:
    program, *rest = sys.argv or [""]
    module = Path(program)
    # sys.argv[0] is the file of the command, for launchers of additional processes.
    if module.suffix == ".py" and module.parent.name == "cli" and module.parent.parent.name == "rbfnet":
        # A job of a sweep is numbered by keys of Hydra's own; without them the command runs it again.
        return shlex.join(["rbfnet", module.stem, *(argument for argument in rest if not argument.startswith("hydra."))])
    return shlex.join([module.name, *rest])


def _git() -> dict[str, Any] | None:
    commit = _said("rev-parse", "HEAD")
    if commit is None:
        return None
    changed = _said("status", "--porcelain", "--untracked-files=no")
    return {
        "commit": commit,
        "branch": _said("rev-parse", "--abbrev-ref", "HEAD"),
        "changed": None if changed is None else bool(changed),
    }


def _said(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
