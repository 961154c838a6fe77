"""Optional libraries, imported where they are used."""

from __future__ import annotations

import importlib
import importlib.util

from rbfnet.errors import InputError

DISTRIBUTIONS = {
    "sklearn": "scikit-learn",
    "hydra_plugins.hydra_joblib_launcher": "hydra-joblib-launcher",
    "hydra_plugins.hydra_submitit_launcher": "hydra-submitit-launcher",
}
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
        if error.name is None or not (error.name == module or module.startswith(f"{error.name}.")):
            raise
        raise _missing(module, extra, what) from None


def require_installed(module: str, extra: str, what: str) -> None:
    """The same without importing it: for an answer before anything is imported."""
    try:
        found = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        # It would be in a package that is not there either.
        found = None
    if found is None:
        raise _missing(module, extra, what)


def _missing(module: str, extra: str, what: str) -> InputError:
    library = DISTRIBUTIONS.get(module, module.partition(".")[0])
    return InputError(f"{what} needs {library}, which is not installed; run `pip install 'rbfnet[{extra}]'`.")
