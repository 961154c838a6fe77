"""Figures as images: they look the same in every kind of notebook, and need no backend of Matplotlib's."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rbfnet.plots import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def new_figure(width: float, height: float) -> Figure:
    """A figure in rbfnet's style, which pyplot does not know of; sizes in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def png(figure: Figure) -> bytes:
    """The figure as a PNG file."""
    written = io.BytesIO()
    with style():
        figure.savefig(written, format="png", dpi=100)
    return written.getvalue()
