"""Packages that are needed for some things only: ``pip install 'rbfnet[xarray]'``."""

from __future__ import annotations

import importlib
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
        raise InputError(f"This needs {module}, which is not installed: pip install 'rbfnet[{extra}]'.") from None
