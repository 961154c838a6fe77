"""Import user modules from the working directory: only those the user has typed or trusts, and after installed packages.

The working directory may contain someone else's ``torch.py``. ``python -m`` puts it first on ``sys.path``, whereas a console
script does not search it at all.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterable
from importlib.machinery import PathFinder


def find(modules: Iterable[str]) -> None:
    """Append the working directory to ``sys.path`` if one of these modules is found only there."""
    here = os.getcwd()
    for name in modules:
        top = name.partition(".")[0]
        if top and here not in sys.path and not _found(top) and PathFinder.find_spec(top, [here]) is not None:
            sys.path.append(here)


def never_first() -> None:
    """Remove the working directory from ``sys.path`` in a process started by ``python -m``."""
    if not sys.flags.safe_path and sys.path and sys.path[0] in ("", os.getcwd()):
        del sys.path[0]


def _found(top: str) -> bool:
    try:
        return top in sys.modules or importlib.util.find_spec(top) is not None
    except (ImportError, ValueError):
        return False
