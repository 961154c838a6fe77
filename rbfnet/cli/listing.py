"""``rbfnet list``: the available configs."""

from __future__ import annotations

from rbfnet.cli.configs import choices, describe
from rbfnet.errors import InputError

HELP = """\
rbfnet list: list the available kernels, problems, solvers, networks and experiments, with a one-line description of each

Examples
  rbfnet list
  rbfnet list | grep -i wave
"""

GROUPS = ("kernel", "problem", "solver", "network", "experiment")


def show(rest: list[str]) -> int:
    """Print each group with its choices and their descriptions."""
    if {"-h", "--help"} & set(rest):
        print(HELP, end="")
        return 0
    if rest:
        raise InputError(f"`rbfnet list` takes no arguments, but got {' '.join(rest)!r}.")
    for group in GROUPS:
        files = choices(group)
        print(f"{group}=")
        width = max(map(len, files))
        for name, file in files.items():
            print(f"  {name:{width}}  {describe(file)}")
        print()
    return 0
