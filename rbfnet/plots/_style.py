from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STYLE = Path(__file__).with_name("rbfnet.mplstyle")


@contextmanager
def style() -> Iterator[None]:
    """The look of rbfnet's figures, for the ``with`` block only: ``with rbfnet.plots.style(): ...``.

    Only what the style sets is put back afterwards: ``matplotlib.style.context`` would also undo what a notebook's backend
    sets when its first figure is made, and no further figure would be shown.

    Example:
        >>> import rbfnet
        >>> with rbfnet.plots.style():
        ...     ax = rbfnet.plots.plot_centers(rbfnet.RBFNetwork(2, 1, 50), ("x", "y"))
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
