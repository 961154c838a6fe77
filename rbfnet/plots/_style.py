"""The style of rbfnet's figures, and colour bars as high as their axes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.colorbar import Colorbar

STYLE = Path(__file__).with_name("rbfnet.mplstyle")

VALUES, SIGNED = "viridis", "RdBu_r"
"""Colour maps of values, and of errors, whose colours are symmetric about zero."""

BAR = (1.03, 0.0, 0.045, 1.0)
"""Where a colour bar stands: left end, bottom, width and height, in units of the axes."""


@contextmanager
def style() -> Iterator[None]:
    """The look of rbfnet's figures, for the ``with`` block only: ``with rbfnet.plots.style(): ...``.

    Only what the style sets is put back afterwards: ``matplotlib.style.context`` would also undo what a notebook's backend
    sets when its first figure is made, and no further figure would be shown.

    Example:
        >>> import rbfnet
        >>> with rbfnet.plots.style():
        ...     ax = rbfnet.plots.centers(rbfnet.RBFNetwork(2, 1, 50))
    """
    import matplotlib as mpl

    ours = mpl.rc_params_from_file(STYLE, use_default_template=False)
    before = {key: mpl.rcParams[key] for key in ours}
    mpl.rcParams.update(ours)
    try:
        yield
    finally:
        mpl.rcParams.update(before)


def axes_or_new(ax: Axes | None) -> Axes:
    """The axes given, or those of a new figure."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    with style():
        return plt.subplots()[1]


def colorbar(drawn: ScalarMappable, ax: Axes, label: str = "", extend: str = "neither") -> Colorbar:
    """A colour bar beside the axes and as high as they are, whatever their aspect.

    A common power of ten stands in the label: above the bar it would run into the title.
    """
    from matplotlib.colors import LogNorm
    from matplotlib.ticker import FuncFormatter

    bar = ax.figure.colorbar(drawn, cax=ax.inset_axes(BAR), label=label, extend=extend)
    most = max(map(abs, drawn.get_clim()))
    power = math.floor(math.log10(most)) if most > 0 and math.isfinite(most) else 0
    if not isinstance(drawn.norm, LogNorm) and not -2 <= power < 4:
        bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / 10.0**power:g}"))
        bar.set_label(rf"{label}  [$10^{{{power}}}$]" if "[" not in label else rf"{label} $\cdot\,10^{{{-power}}}$")
    return bar


def text(name: str) -> str:
    """A name as it is written: Matplotlib would read what stands between dollar signs as mathematics."""
    return name.replace("$", r"\$")
