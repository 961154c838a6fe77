from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STYLE = Path(__file__).with_name("rbfnet.mplstyle")


def style() -> AbstractContextManager[None]:
    """The look of rbfnet's figures, for the ``with`` block only: ``with rbfnet.plots.style(): ...``."""
    import matplotlib.style

    return matplotlib.style.context(STYLE)


def axes_or_new(ax: Axes | None) -> Axes:
    """The axes given, or those of a new figure."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    with style():
        return plt.subplots()[1]
