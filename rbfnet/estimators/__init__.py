"""Scattered data with the interfaces of other libraries: SciPy's ``RBFInterpolator``."""

from rbfnet.estimators._rbf_interpolator import RBFInterpolator

__all__ = ["RBFInterpolator"]
