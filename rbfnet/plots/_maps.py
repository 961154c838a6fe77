"""A function of one or two coordinates, and what differs from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError
from rbfnet.operators import Field
from rbfnet.plots._style import axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SPARSEST = 4
"""Maximum number of grid places per point; scattered points have as many as their square."""


def plot_values(
    x: Float[Tensor, "N D"],
    values: Float[Tensor, " N"] | Field,
    coords: Sequence[str],
    label: str = "u",
    ax: Axes | None = None,
    **artist: Any,
) -> Axes:
    """Values at points of one coordinate (a line) or two (a colour map with its scale). Returns the axes.

    Points on a grid are drawn as an image, blank where there are none (in a hole of the domain), others as a triangulation.

    Args:
        x, values: the points and a number at each.
        coords: names for the axes.
        label: what the values are.
        ax: where to draw; a new figure if None.
        artist: passed to the matplotlib artist (``cmap``, ``vmin``, ...).

    Raises:
        InputError: three coordinates or more; draw a slice, or :func:`plot_parity`.

    Example:
        >>> import rbfnet
        >>> from rbfnet.domains import Rectangle
        >>> x = Rectangle(x=(0, 1), y=(0, 1)).grid(100)
        >>> rbfnet.plots.plot_values(x, x.sum(dim=1), ("x", "y")).get_xlabel()
        'x'
    """
    points, heights = as_array(x), as_array(values)
    if points.shape[1] > 2:
        raise InputError(
            f"A map needs one or two coordinates, but the points have {points.shape[1]}; draw a slice, or plot_parity."
        )
    ax = axes_or_new(ax)
    ax.set_xlabel(coords[0])
    if points.shape[1] == 1:
        order = np.argsort(points[:, 0])
        ax.plot(points[order, 0], heights[order], **artist)
        ax.set_ylabel(label)
        return ax
    columns, rows = (np.unique(points[:, i]) for i in (0, 1))
    if len(columns) * len(rows) <= SPARSEST * len(points):
        image = np.full((len(rows), len(columns)), np.nan)
        image[np.searchsorted(rows, points[:, 1]), np.searchsorted(columns, points[:, 0])] = heights
        drawn: Any = ax.pcolormesh(columns, rows, image, shading="nearest", rasterized=True, **artist)
    else:
        # Of three arrays Matplotlib first tries whether the last holds triangles, which NaN cannot be.
        from matplotlib.tri import Triangulation

        net = Triangulation(points[:, 0], points[:, 1])
        drawn = ax.tripcolor(net, heights, shading="gouraud", rasterized=True, **artist)
    ax.set_ylabel(coords[1])
    ax.set_aspect("equal" if comparable(points) else "auto")
    ax.figure.colorbar(drawn, ax=ax, label=label)
    return ax


def plot_error(
    x: Float[Tensor, "N D"],
    error: Float[Tensor, " N"] | Field,
    coords: Sequence[str],
    label: str = "error",
    ax: Axes | None = None,
) -> Axes:
    """A signed error as :func:`plot_values`, with colours that are symmetric about zero. Returns the axes.

    Example:
        >>> import torch, rbfnet
        >>> x = torch.linspace(0, 1, 50)[:, None]
        >>> rbfnet.plots.plot_error(x, 1e-3 * torch.sin(9 * x[:, 0]), ("x",)).get_ylabel()
        'error'
    """
    if x.shape[1] == 1:
        return plot_values(x, error, coords, label, ax)
    bound = float(np.abs(as_array(error)).max()) or 1.0
    return plot_values(x, error, coords, label, ax, cmap="RdBu_r", vmin=-bound, vmax=bound)


def plot_parity(
    reference: Float[Tensor, " N"], prediction: Float[Tensor, " N"], label: str = "u", ax: Axes | None = None
) -> Axes:
    """Predicted against true values, for any number of coordinates: a perfect fit lies on the diagonal. Returns the axes.

    Example:
        >>> import torch, rbfnet
        >>> true = torch.linspace(0, 1, 50)
        >>> ax = rbfnet.plots.plot_parity(true, true + 0.01)
    """
    ax = axes_or_new(ax)
    true, predicted = as_array(reference), as_array(prediction)
    ax.plot(true, predicted, ".", markersize=3, alpha=0.6, rasterized=True)
    ends = [min(true.min(), predicted.min()), max(true.max(), predicted.max())]
    ax.plot(ends, ends, color="0.4", linewidth=1)
    ax.set_xlabel(f"{label}, reference")
    ax.set_ylabel(f"{label}, predicted")
    return ax


def as_array(values: Tensor | Field | np.ndarray) -> np.ndarray:
    """A tensor, a field (its value) or an array as a NumPy array."""
    tensor = values.value if isinstance(values, Field) else torch.as_tensor(values)
    return tensor.detach().cpu().numpy()


def comparable(points: np.ndarray) -> bool:
    """Whether the two axes can share one scale without either becoming a sliver."""
    width, height = np.ptp(points, axis=0)
    return bool(0.25 < width / height < 4) if height else False
