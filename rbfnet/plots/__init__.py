"""Figures: functions that take and return Axes, in rbfnet's style where the figure is theirs."""

from rbfnet.plots._centers import plot_centers
from rbfnet.plots._coverage import coverage
from rbfnet.plots._eigenvalues import spectrum
from rbfnet.plots._kernel_profiles import kernel
from rbfnet.plots._maps import plot_error, plot_parity, plot_values
from rbfnet.plots._style import style

__all__ = ["coverage", "kernel", "plot_centers", "plot_error", "plot_parity", "plot_values", "spectrum", "style"]
