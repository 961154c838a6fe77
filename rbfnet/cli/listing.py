"""``rbfnet list``: the available configs."""

from __future__ import annotations

import shutil
import sys
import textwrap

from rbfnet.errors import InputError
from rbfnet.shipped_configs import choices, describe

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
            print(_fitted(f"  {name:{width}}  ", describe(file)))
        print()
    return 0


def _fitted(name: str, about: str) -> str:
    """A line; on a terminal that is too narrow for it the words about it go on below each other."""
    columns = shutil.get_terminal_size().columns
    if not sys.stdout.isatty() or columns < 2 * len(name):
        return name + about
    return textwrap.fill(about, columns, initial_indent=name, subsequent_indent=" " * len(name), break_on_hyphens=False)
