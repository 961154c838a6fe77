"""``rbfnet list``: what there is, read from the configs."""

from __future__ import annotations

from rbfnet.cli.configs import config_directory, describe
from rbfnet.errors import InputError

GROUPS = ("kernel", "problem", "solver", "network", "experiment")


def show(rest: list[str]) -> int:
    """Print each group with its choices and a line about each."""
    if rest:
        raise InputError(f"`rbfnet list` takes no arguments, but got {' '.join(rest)!r}.")
    for group in GROUPS:
        files = sorted((config_directory() / group).glob("*.yaml"))
        print(f"{group}=")
        width = max(len(file.stem) for file in files)
        for file in files:
            print(f"  {file.stem:{width}}  {describe(file)}")
        print()
    return 0
