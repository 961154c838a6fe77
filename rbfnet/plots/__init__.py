"""Figures: each function draws on the Axes it is given, or on new ones in rbfnet's style, and returns them."""

from rbfnet.plots._animate import animate
from rbfnet.plots._centers import centers
from rbfnet.plots._convergence import convergence
from rbfnet.plots._coverage import coverage
from rbfnet.plots._deviation import deviation
from rbfnet.plots._domain_points import geometry
from rbfnet.plots._drawable import headline
from rbfnet.plots._eigenvalues import spectrum
from rbfnet.plots._epsilon_sweep import epsilon_sweep
from rbfnet.plots._error import error
from rbfnet.plots._fit import fit
from rbfnet.plots._kernel_profiles import kernel
from rbfnet.plots._maps import values
from rbfnet.plots._parity import parity
from rbfnet.plots._reference import reference
from rbfnet.plots._residual_map import residual
from rbfnet.plots._slice_row import slices
from rbfnet.plots._stream import stream
from rbfnet.plots._style import style
from rbfnet.plots._surface import surface
from rbfnet.plots._sweep_comparison import sweep
from rbfnet.plots._unknown_values import unknown

__all__ = [
    "animate",
    "centers",
    "convergence",
    "coverage",
    "deviation",
    "epsilon_sweep",
    "error",
    "fit",
    "geometry",
    "headline",
    "kernel",
    "parity",
    "reference",
    "residual",
    "slices",
    "spectrum",
    "stream",
    "style",
    "surface",
    "sweep",
    "unknown",
    "values",
]
