"""Whether error bars are as long as they say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rbfnet.errors import InputError
from rbfnet.plots._maps import as_array
from rbfnet.plots._style import axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEVELS = np.linspace(0.05, 0.95, 19)
BAND = 0.95


def coverage(
    truths: Any, means: Any, standard_deviations: Any, *, levels: Sequence[float] | None = None, ax: Axes | None = None
) -> Axes:
    """The share of truths inside the error bars against the nominal level of the bars. Returns the axes.

    At the level p a bar is mean +- z s with z the (1 + p) / 2 quantile of the normal distribution. Bars that are right put the
    line on the diagonal; a line below it means that they are too short, one above it that they are too long. The band holds
    95 % of the shares that N independent truths would give if the bars were right (binomial distribution).

    Args:
        truths, means, standard_deviations: arrays or tensors of one shape; the errors should be independent of each other for
            the band to hold.
        levels: nominal levels between 0 and 1; 5 %, 10 %, ..., 95 % if None.
        ax: where to draw; a new figure if None.

    Raises:
        InputError: shapes that differ, no numbers, numbers that are not finite, standard deviations that are not positive, or
            levels outside (0, 1).

    Example:
        >>> import numpy as np, rbfnet
        >>> noise = np.random.default_rng(0).normal(size=200)
        >>> rbfnet.plots.coverage(noise, np.zeros(200), np.ones(200)).get_xlabel()
        'nominal level'
    """
    from matplotlib.ticker import PercentFormatter
    from scipy.stats import binom, norm

    given = {"truths": truths, "means": means, "standard_deviations": standard_deviations}
    arrays = {name: _numbers(name, values) for name, values in given.items()}
    true, mean, deviation = arrays.values()
    if not (true.shape == mean.shape == deviation.shape and true.size):
        shapes = ", ".join(f"{name} {values.shape}" for name, values in arrays.items())
        raise InputError(f"truths, means and standard_deviations must have one shape and at least one number, but got {shapes}.")
    if not (deviation > 0).all():
        raise InputError(f"standard_deviations must be positive, but the smallest is {deviation.min():g}.")
    at = LEVELS if levels is None else _numbers("levels", levels).ravel()
    if not at.size or not ((at > 0) & (at < 1)).all():
        raise InputError(f"levels must be between 0 and 1, as in [0.5, 0.9, 0.95], but got {at.tolist()}.")
    at = np.sort(at)
    distance = np.abs(true - mean).ravel() / deviation.ravel()
    share = (distance[:, None] <= norm.ppf((1 + at) / 2)).mean(axis=0)
    low, high = binom.interval(BAND, true.size, at)
    ax = axes_or_new(ax)
    ax.fill_between(
        at, low / true.size, high / true.size, color="0.85", linewidth=0, label=f"{BAND:.0%} of samples of {true.size}"
    )
    ax.plot([0, 1], [0, 1], color="0.4", linestyle="--", linewidth=1, label="error bars that are right")
    ax.plot(at, share, color="C0", linestyle="-", marker="o", markersize=4, label="observed")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0))
    ax.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", xlabel="nominal level", ylabel="share of truths inside the error bars")
    ax.legend(loc="upper left")
    return ax


def _numbers(name: str, values: Any) -> np.ndarray:
    try:
        found = np.asarray(as_array(values), dtype=float)
    except (TypeError, ValueError, RuntimeError):
        raise InputError(f"{name} must be an array of numbers, but got {values!r:.60}.") from None
    if not np.isfinite(found).all():
        raise InputError(f"{name} must be finite, but has {int((~np.isfinite(found)).sum())} values that are not.")
    return found
