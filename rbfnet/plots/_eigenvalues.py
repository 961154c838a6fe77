"""Eigenvalues in the complex plane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from rbfnet.errors import InputError
from rbfnet.plots._maps import as_array
from rbfnet.plots._style import axes_or_new
from rbfnet.solvers.time import Lines
from rbfnet.solvers.time import spectrum as eigenvalues

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROUNDING = 1e-10
"""Real parts up to this, relative to the largest eigenvalue, are zero but for rounding."""

DECADES = 1e3
"""Axes are logarithmic where the sizes of the parts differ by more than this."""

LEAST = 0.05
"""Axes extend at least this far on both sides of zero, relative to the largest eigenvalue: parts below are small."""


def spectrum(operator: Lines | Any, *, ax: Axes | None = None) -> Axes:
    """The eigenvalues of a semi-discrete operator, u' = A u, in the complex plane. Returns the axes.

    The imaginary axis is the boundary of stability: to its right, in the shaded half plane, solutions exp(lambda t) grow. These
    eigenvalues are crosses, the others dots. The title has the number of eigenvalues and the largest real part. An axis is
    logarithmic on both sides of zero where the parts span more than three decades.

    Args:
        operator: a system of the method of lines (:class:`rbfnet.solvers.time.Lines`), whose eigenvalues at the start are those
            of :func:`rbfnet.solvers.time.spectrum`; or the eigenvalues, an array or a tensor of complex numbers (N,).
        ax: where to draw; a new figure if None.

    Raises:
        InputError: no array of finite numbers in one dimension.

    Example:
        >>> import numpy as np, rbfnet
        >>> A = np.array([[0.0, 1.0], [-4.0, -0.2]])
        >>> rbfnet.plots.spectrum(np.linalg.eigvals(A)).get_title()
        '2 eigenvalues, largest real part -0.1'
    """
    values = _values(operator)
    ax = axes_or_new(ax)
    size = float(np.abs(values).max()) or 1.0
    grows = values.real > ROUNDING * size
    ax.axvline(0.0, color="0.3", linestyle="-", linewidth=1, zorder=1)
    ax.plot(values.real[~grows], values.imag[~grows], "o", color="C0", markersize=4, label=f"{(~grows).sum()} stable")
    if grows.any():
        ax.plot(values.real[grows], values.imag[grows], "x", color="C1", markersize=7, label=f"{grows.sum()} growing")
        ax.legend()
    # Otherwise parts that are zero but for rounding would fill the picture.
    ax.update_datalim([(-LEAST * size, -LEAST * size), (LEAST * size, LEAST * size)])
    ax.set_xscale(**_scale(values.real, size))
    ax.set_yscale(**_scale(values.imag, size))
    ax.autoscale_view()
    low, high = ax.get_xlim()
    ax.set_xlim(low, high)
    ax.axvspan(0.0, high, color="0.9", linewidth=0, zorder=0)
    ax.set_xlabel(r"Re $\lambda$")
    ax.set_ylabel(r"Im $\lambda$")
    largest = float(values.real.max())
    ax.set_title(f"{len(values)} eigenvalues, largest real part {largest if abs(largest) > ROUNDING * size else 0.0:.3g}")
    return ax


def _scale(parts: np.ndarray, size: float) -> dict[str, Any]:
    """Logarithmic on both sides of zero where the parts span decades."""
    sizes = np.abs(parts)[np.abs(parts) > ROUNDING * size]
    if sizes.size and sizes.max() > DECADES * sizes.min():
        return {"value": "symlog", "linthresh": 10 ** np.ceil(np.log10(sizes.min()))}
    return {"value": "linear"}


def _values(operator: Lines | Any) -> np.ndarray:
    if isinstance(operator, Lines):
        with torch.no_grad():
            return as_array(eigenvalues(operator))
    try:
        values = np.asarray(as_array(operator)).astype(complex)
    except (TypeError, ValueError, RuntimeError):
        raise InputError(f"The eigenvalues must be an array of numbers, but got {operator!r:.60}.") from None
    if values.ndim != 1 or not values.size:
        hint = "; take those of a matrix by numpy.linalg.eigvals" if values.ndim == 2 else ""
        raise InputError(f"The eigenvalues must be (N,), with at least one, but got {values.shape}{hint}.")
    if not np.isfinite(values).all():
        raise InputError(f"{(~np.isfinite(values)).sum()} of {len(values)} eigenvalues are not finite; remove them.")
    return values
