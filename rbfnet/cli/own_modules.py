"""The working directory as a place of modules: for names that the user has typed or trusts, after all that are installed.

A directory that somebody else has filled may hold a ``torch.py``. Python puts the working directory first for ``python -m``, and
a console script does not see it at all.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterable
from importlib.machinery import PathFinder


def find(modules: Iterable[str]) -> None:
    """Have the working directory searched, last, where one of these modules is there and nowhere else."""
    here = os.getcwd()
    for name in modules:
        top = name.partition(".")[0]
        if top and here not in sys.path and not _found(top) and PathFinder.find_spec(top, [here]) is not None:
            sys.path.append(here)


def never_first() -> None:
    """Of a process started by ``python -m``: take the working directory out of the places of modules."""
    if not sys.flags.safe_path and sys.path and sys.path[0] in ("", os.getcwd()):
        del sys.path[0]


def _found(top: str) -> bool:
    try:
        return top in sys.modules or importlib.util.find_spec(top) is not None
    except (ImportError, ValueError):
        return False
