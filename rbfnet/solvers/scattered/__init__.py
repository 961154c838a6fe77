"""Fits to scattered data: interpolation, smoothing splines and penalised least squares."""

from rbfnet.solvers.scattered._data_fit import DataFit
from rbfnet.solvers.scattered._functional_fit import FunctionalFit
from rbfnet.solvers.scattered._local_fit import fit_locally, is_local
from rbfnet.solvers.scattered._posterior import Posterior
from rbfnet.solvers.scattered._scattered_values import Smoothing

__all__ = [
    "DataFit",
    "FunctionalFit",
    "Posterior",
    "Smoothing",
    "fit_locally",
    "is_local",
]
