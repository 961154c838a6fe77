"""rbfnet: radial basis function networks with closed-form derivatives, on PyTorch.

The names below are loaded when first used, so that ``import rbfnet`` and the command line start at once.
"""

from __future__ import annotations

import importlib
import random
import warnings
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rbfnet.errors import InputError, NotSolvedWarning
    from rbfnet.estimators import RBFInterpolator, RBFRegressor
    from rbfnet.kernels import Kernel
    from rbfnet.nn import RBFLayer, RBFNetwork, evaluate, export, load_export
    from rbfnet.operators import Field, Operator
    from rbfnet.problems import Problem
    from rbfnet.training import Eigenpairs, Interrupted, Solution, eigenpairs, fit, load, solve

__version__ = "0.1.0"

_HOME = {
    "Eigenpairs": "training",
    "InputError": "errors",
    "Interrupted": "training",
    "NotSolvedWarning": "errors",
    "Kernel": "kernels",
    "RBFInterpolator": "estimators",
    "RBFLayer": "nn",
    "RBFNetwork": "nn",
    "RBFRegressor": "estimators",
    "Field": "operators",
    "Operator": "operators",
    "Problem": "problems",
    "Solution": "training",
    "eigenpairs": "training",
    "evaluate": "nn",
    "export": "nn",
    "fit": "training",
    "load": "training",
    "load_export": "nn",
    "solve": "training",
}
_ROOMS = {
    "domains",
    "estimators",
    "interactive",
    "kernels",
    "nn",
    "operators",
    "plots",
    "problems",
    "run_table",
    "solvers",
    "testing",
    "training",
}

__all__ = [
    "Eigenpairs",
    "Field",
    "InputError",
    "Interrupted",
    "Kernel",
    "NotSolvedWarning",
    "Operator",
    "Problem",
    "RBFInterpolator",
    "RBFLayer",
    "RBFNetwork",
    "RBFRegressor",
    "Solution",
    "eigenpairs",
    "evaluate",
    "export",
    "fit",
    "load",
    "load_export",
    "solve",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(_imported(_HOME[name]), name)
    if name in _ROOMS:
        return _imported(name)
    raise AttributeError(f"module 'rbfnet' has no attribute {name!r}")


def _imported(room: str) -> ModuleType:
    """The room; libraries that are imported with it may draw random numbers and set warnings, which are put back."""
    numbers = random.getstate()
    with warnings.catch_warnings():
        module = importlib.import_module(f"rbfnet.{room}")
    random.setstate(numbers)
    return module


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME, *_ROOMS])
