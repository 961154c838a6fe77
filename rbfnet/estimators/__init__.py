"""Scattered data with the interfaces of other libraries: SciPy's ``RBFInterpolator``, scikit-learn's estimators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rbfnet.estimators._rbf_interpolator import RBFInterpolator

if TYPE_CHECKING:
    from rbfnet.estimators._regressor import RBFRegressor

__all__ = ["RBFInterpolator", "RBFRegressor"]


def __getattr__(name: str) -> Any:
    # Its base class is scikit-learn's, which is optional.
    if name == "RBFRegressor":
        from rbfnet.estimators._regressor import RBFRegressor

        return RBFRegressor
    raise AttributeError(f"module 'rbfnet.estimators' has no attribute {name!r}")
