"""Optional libraries, imported where they are used."""

from __future__ import annotations

import importlib

from rbfnet.errors import InputError

DISTRIBUTIONS = {"sklearn": "scikit-learn"}
"""Libraries that are installed under another name than they are imported by."""


def require(module: str, extra: str, what: str) -> None:
    """Import an optional library, so that a plain ``import`` of it succeeds afterwards.

    Args:
        module: the name it is imported by.
        extra: the extra of rbfnet that installs it.
        what: what needs it, which begins the sentence.

    Raises:
        InputError: it is not installed. A library that is there and fails while it is imported keeps its traceback.
    """
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        library = DISTRIBUTIONS.get(module, module)
        raise InputError(f"{what} needs {library}, which is not installed; run `pip install 'rbfnet[{extra}]'`.") from None
