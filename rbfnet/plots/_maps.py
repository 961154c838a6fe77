"""A function of one or two coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError
from rbfnet.operators import Field
from rbfnet.plots._style import axes_or_new, colorbar

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SPARSEST = 4
"""Maximum number of grid places per point; scattered points have as many as their square."""


def values(
    x: Float[Tensor, "N D"] | np.ndarray,
    values: Float[Tensor, " N"] | np.ndarray | Field,
    coords: Sequence[str],
    quantity: str = "u",
    *,
    ax: Axes | None = None,
    equal: bool = False,
    **artist: Any,
) -> Axes:
    """Values at points of one coordinate (a line) or two (a colour map with its scale); any numbers, not only a solution's.

    Points on a grid are drawn as an image, blank where there are none (in a hole of the domain), others as dots. Where ``vmin``
    or ``vmax`` leaves values out, the colour bar ends in a point.

    Args:
        x, values: the points (N, D) and a number at each.
        coords: names for the axes.
        quantity: what the values are, with their unit.
        ax: where to draw; a new figure if None.
        equal: draw both coordinates on one scale.
        artist: passed to the matplotlib artist (``cmap``, ``vmin``, ...).

    Returns:
        The axes.

    Raises:
        InputError: three coordinates or more, or numbers that do not fit.

    Example:
        >>> import rbfnet
        >>> from rbfnet.domains import Rectangle
        >>> x = Rectangle(x=(0, 1), y=(0, 1)).grid(100)
        >>> rbfnet.plots.values(x, x.sum(dim=1), ("x", "y")).get_xlabel()
        'x'
    """
    points, heights = _checked(as_array(x), as_array(values), coords)
    ax = axes_or_new(ax)
    if points.shape[1] == 1:
        line(ax, points, heights, coords, quantity, **artist)
    else:
        drawn = mapped(ax, points, heights, coords, equal, **artist)
        colorbar(drawn, ax, quantity, extend=left_out(heights, drawn))
    return ax


def line(ax: Axes, points: np.ndarray, heights: np.ndarray, coords: Sequence[str], quantity: str, **artist: Any) -> None:
    """Draw values over one coordinate, from left to right."""
    order = np.argsort(points[:, 0])
    ax.plot(points[order, 0], heights[order], **artist)
    ax.set_xlabel(coords[0])
    ax.set_ylabel(quantity)


def mapped(ax: Axes, points: np.ndarray, heights: np.ndarray, coords: Sequence[str], equal: bool, **artist: Any) -> Any:
    """Draw values over two coordinates, without a colour bar; returns the artist."""
    columns, rows = (np.unique(points[:, i]) for i in (0, 1))
    if len(columns) * len(rows) <= SPARSEST * len(points):
        image = np.full((len(rows), len(columns)), np.nan)
        image[np.searchsorted(rows, points[:, 1]), np.searchsorted(columns, points[:, 0])] = heights
        drawn: Any = ax.pcolormesh(columns, rows, image, shading="nearest", rasterized=True, **artist)
    else:
        east, north = points.T
        drawn = ax.scatter(east, north, c=heights, s=dot_size(len(points)), linewidths=0, rasterized=True, **artist)
    ax.set_xlabel(coords[0])
    ax.set_ylabel(coords[1])
    ax.set_aspect("equal" if equal else "auto")
    return drawn


def _checked(points: np.ndarray, heights: np.ndarray, coords: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    if points.ndim != 2 or points.shape[1] > 2 or len(coords) != points.shape[1]:
        raise InputError(
            f"A map needs points (N, 1) or (N, 2) and a name per coordinate, but got points {points.shape} and the names "
            f"{', '.join(coords)}; hold the other coordinates at a value, or use parity."
        )
    if heights.shape != points.shape[:1]:
        raise InputError(f"A map needs one value per point, but got {heights.shape} for {len(points)} points.")
    return points, heights


def as_array(given: Tensor | Field | np.ndarray) -> np.ndarray:
    """A tensor, a field (its value) or an array as a NumPy array."""
    tensor = given.value if isinstance(given, Field) else torch.as_tensor(given)
    return tensor.detach().cpu().numpy()


def dot_size(count: int) -> float:
    """The area of dots, so that few are seen and many do not cover each other."""
    return float(np.clip(8000 / count, 2, 24))


def left_out(heights: np.ndarray, drawn: Any) -> str:
    """Which ends of the colours leave values out, up to rounding."""
    known = heights[np.isfinite(heights)]
    low, high = drawn.get_clim()
    if not len(known):
        return "neither"
    room = 1e-3 * (high - low)
    below, above = known.min() < low - room, known.max() > high + room
    return "both" if below and above else "min" if below else "max" if above else "neither"
