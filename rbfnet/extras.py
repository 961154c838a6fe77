"""Packages that are needed for some things only: ``pip install 'rbfnet[xarray]'``."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

from rbfnet.errors import InputError


def require(module: str, extra: str) -> ModuleType:
    """The module, imported.

    Raises:
        InputError: it is not installed; the extra that has it is named.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != module.partition(".")[0]:
            raise
        raise _missing(module, extra) from None


def require_installed(module: str, extra: str) -> None:
    """The same, without importing it: for an answer before anything is imported."""
    try:
        found = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        # It would be in a package that is not there either.
        found = None
    if found is None:
        raise _missing(module, extra)


def _missing(module: str, extra: str) -> InputError:
    return InputError(f"This needs {module}, which is not installed: pip install 'rbfnet[{extra}]'.")
