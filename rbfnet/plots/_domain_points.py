"""A domain: its boundary, points inside and on the boundary, and normals."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.domains import Domain, PointCloud
from rbfnet.errors import InputError, positive, shape_of
from rbfnet.plots._outline import boundary_lines
from rbfnet.plots._style import axes_or_new, style, text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ARROW = 0.07
"""The length of normals, relative to the diagonal of the bounding box."""

MOST_ARROWS = 80
"""About so many normals on a surface; more hide it."""

MOST_PARTS = 8
"""More parts of the boundary are not told apart."""


def geometry(domain: Domain, points: int | Float[Tensor, "N D"] = 200, *, normals: bool = True, ax: Axes | None = None) -> Axes:
    """A domain of up to three coordinates: boundary by parts, points inside, and outward normals. Returns the axes.

    An interval is drawn as a line; a domain of three coordinates as points on its boundary, in perspective.

    Args:
        domain: any :class:`rbfnet.domains.Domain`.
        points: how many points to draw inside, the number on the boundary following from it; or the points themselves, such as
            collocation points.
        normals: whether to draw outward unit normals as arrows.
        ax: where to draw, for three coordinates made with ``projection="3d"``; a new figure if None.

    Raises:
        InputError: no domain, more than three coordinates, points that do not fit, or axes without the projection.

    Example:
        >>> import rbfnet
        >>> from rbfnet.domains import Disc, Rectangle
        >>> ax = rbfnet.plots.geometry(Rectangle(x=(0, 2), y=(0, 1)) - Disc((0.5, 0.5), 0.3))
        >>> [text.get_text() for text in ax.get_legend().get_texts()]
        ['x=low', 'x=high', 'y=low', 'y=high', 'hole 1']
    """
    if not isinstance(domain, Domain):
        raise InputError(f"geometry draws a Domain, but got {domain!r:.60}; of a problem, give problem.domain.")
    dims = len(domain.coords)
    if dims > 3:
        raise InputError(f"geometry draws up to three coordinates, but {domain!r} has {dims}: {', '.join(domain.coords)}.")
    # In space and time, time is horizontal.
    columns = [1, 0] if dims == 2 and domain.space_coords != domain.coords else list(range(dims))
    inside, on_boundary, outward = (part[:, columns] for part in _points(domain, points))
    ax = _axes(ax, dims)
    _draw_points(ax, inside)
    if isinstance(domain, PointCloud):
        pass
    elif dims == 1:
        ends = np.sort(on_boundary[:, 0]).reshape(-1, 2)
        ax.hlines(np.zeros(len(ends)), ends[:, 0], ends[:, 1], color="0.3", linewidth=1.0, zorder=1)
        ax.plot(ends.ravel(), np.zeros(ends.size), "|", color="0.3", markersize=14)
    elif dims == 2:
        _draw_parts(ax, {name: line[:, columns] for name, line in boundary_lines(domain).items()})
    else:
        ax.plot(*on_boundary.T, ".", color="C1", markersize=3)
    if normals and len(outward):
        # Every second of Halton points would be half of the surface.
        chosen = np.random.default_rng(0).permutation(len(outward))[: MOST_ARROWS if dims == 3 else None]
        _draw_normals(ax, on_boundary[chosen], outward[chosen], ARROW * float(np.linalg.norm(np.ptp(domain.box.numpy(), axis=0))))
    _label(ax, domain, [text(domain.coords[column]) for column in columns])
    return ax


def _points(domain: Domain, points: int | Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points inside, and on the boundary with their normals; drawing them leaves the user's generator alone."""
    dims = len(domain.coords)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        if isinstance(points, (Tensor, np.ndarray)):
            inside = torch.as_tensor(points).detach().cpu()
            if inside.ndim != 2 or inside.shape[1] != dims:
                raise InputError(f"Points in ({', '.join(domain.coords)}) must be (N, {dims}), but got {shape_of(inside)}.")
        else:
            inside = domain.scattered(int(positive("points", points, whole=True)))
        if isinstance(domain, PointCloud):
            return inside.numpy(), np.empty((0, dims)), np.empty((0, dims))
        # As densely as inside, in a cube.
        count = max(2, math.ceil(2 * dims * max(1, len(inside)) ** (1 - 1 / dims)))
        on_boundary, outward = domain.boundary_with_normals(count)
    return inside.numpy(), on_boundary.numpy(), outward.numpy()


def _axes(ax: Axes | None, dims: int) -> Axes:
    if dims < 3:
        return axes_or_new(ax)
    if ax is None:
        import matplotlib.pyplot as plt

        with style():
            return plt.figure().add_subplot(projection="3d")
    if ax.name != "3d":
        raise InputError(f"Three coordinates need axes of projection '3d', but got {ax.name!r}; make them by projection='3d'.")
    return ax


def _draw_points(ax: Axes, inside: np.ndarray) -> None:
    columns = [*inside.T, np.zeros(len(inside))] if inside.shape[1] == 1 else [*inside.T]
    ax.plot(*columns, ".", color="0.55", markersize=3, zorder=1)


def _draw_parts(ax: Axes, lines: dict[str, np.ndarray]) -> None:
    several = 1 < len(lines) <= MOST_PARTS
    for name, line in lines.items():
        look: dict[str, Any] = {"label": text(name)} if several else {"color": "0.3", "linestyle": "-"}
        ax.plot(line[:, 0], line[:, 1], zorder=2, **look)
    if several:
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _draw_normals(ax: Any, at: np.ndarray, outward: np.ndarray, length: float) -> None:
    if at.shape[1] == 3:
        ax.quiver(*at.T, *outward.T, length=length, color="0.2", linewidth=0.6)
        return
    if at.shape[1] == 1:
        at, outward = (np.column_stack([part, np.zeros(len(part))]) for part in (at, outward))
    # Arrows are no part of the limits of the axes by themselves.
    ax.update_datalim(at + length * outward)
    ax.quiver(
        *at.T, *(length * outward).T, angles="xy", scale_units="xy", scale=1, color="0.2", width=0.003, headwidth=4, zorder=3
    )
    ax.autoscale_view()


def _label(ax: Any, domain: Domain, names: list[str]) -> None:
    ax.set_xlabel(names[0])
    if len(names) == 1:
        ax.set_yticks([])
        ax.spines["left"].set_visible(False)
        return
    ax.set_ylabel(names[1])
    if len(names) == 3:
        ax.set_zlabel(names[2])
    # Time has another unit.
    ax.set_aspect("equal" if domain.space_coords == domain.coords and not isinstance(domain, PointCloud) else "auto")
