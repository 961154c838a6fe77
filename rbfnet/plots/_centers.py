from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
from jaxtyping import Float
from torch import Tensor

from rbfnet.domains import Domain, SpaceTime
from rbfnet.errors import InputError, unknown
from rbfnet.nn import CoordinateMap, Coordinates, Wrapper
from rbfnet.operators import default_coords
from rbfnet.plots._drawable import Drawable, View, is_time, label, output_number, thinned
from rbfnet.plots._outline import outline
from rbfnet.plots._style import axes_or_new, colorbar
from rbfnet.problems import Problem

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_OVERLAP = 20.0
"""Where the kernels together cover the picture more often than this, their outlines would hide the centres."""

MOST = 0.98
"""Colours end at this quantile of the absolute weights."""


class HasCenters(Protocol):
    """A network, as far as this figure looks at it."""

    @property
    def centers(self) -> Float[Tensor, "M D"]: ...
    @property
    def weight(self) -> Float[Tensor, "M O"]: ...


def centers(solution: Drawable | HasCenters, output: int | str = 0, *, ax: Axes | None = None) -> Axes:
    """The centres, coloured by their weight, with the outline of the domain.

    Unless they overlap too much, ellipses (x - c)^T A (x - c) = 1 show how wide the kernels are: circles of radius 1 / epsilon
    for an isotropic metric, cut through the centre where there are more than two coordinates. The colours end at the 98 %
    quantile of the absolute weights. In one coordinate, weights are drawn over the centres. Time is horizontal.

    Args:
        solution: a :class:`rbfnet.training.Solution`, or a network with ``centers`` and ``weight``, and ``shape_matrix``
            (A) if there are ellipses to draw.
        output: which output the weights are of, by number or, for a solution, by name.
        ax: where to draw; a new figure if None.

    Returns:
        The axes.

    Raises:
        InputError: there is no such output.

    Example:
        >>> import rbfnet
        >>> ax = rbfnet.plots.centers(rbfnet.RBFNetwork(2, 1, 50))
    """
    network, coords, problem = _parts(solution)
    number = _number(output, network, problem)
    points, weight = network.centers.detach().cpu().numpy(), network.weight.detach().cpu().numpy()[:, number]
    ax = axes_or_new(ax)
    mapped = problem is not None and coords[0] not in problem.domain.coords
    ax.set_title(f"{len(points)} centres{', in the coordinates of the map' if mapped else ''}")
    names = coords if problem is None or mapped else tuple(label(problem, name) for name in coords)
    if points.shape[1] == 1:
        return _stems(ax, points[:, 0], weight, names[0])
    domain = None if problem is None or mapped else _of_centers(problem.domain, points.shape[1])
    across = (0, 1)
    if domain is not None and problem is not None:
        across = (1, 0) if len(coords) == 2 and is_time(problem, coords[1]) else (0, 1)
        outline(ax, domain, across)
    if (shape := getattr(network, "shape_matrix", None)) is not None:
        # Nodes of local interpolants have no widths.
        _ellipses(ax, points[:, across], shape.detach().cpu().numpy()[..., across, :][..., :, across])
    points, weight = points[shown := thinned(len(points))], weight[shown]
    bound = float(np.quantile(np.abs(weight), MOST) or np.abs(weight).max() or 1.0)
    size = float(np.clip(4000 / len(points), 3, 30))
    # The middle of this map is grey, which is seen on white.
    dots = ax.scatter(
        points[:, across[0]], points[:, across[1]], c=weight, s=size, cmap="coolwarm", vmin=-bound, vmax=bound,
        edgecolors="0.3", linewidths=0.3 if size > 10 else 0.0, zorder=2,
    )  # fmt: skip
    colorbar(dots, ax, "weight")
    ax.set_xlabel(names[across[0]])
    ax.set_ylabel(names[across[1]])
    width, height = np.ptp(points[:, across], axis=0)
    flat = problem is not None and domain is problem.domain
    same = View.of(problem).share_a_unit if flat and problem is not None else height > 0 and 0.25 < width / height < 4
    ax.set_aspect("equal" if same else "auto")
    return ax


def _of_centers(domain: Domain, dims: int) -> Domain | None:
    """The domain that centres of so many coordinates lie in: all of it, or space."""
    if isinstance(domain, SpaceTime) and len(domain.space_coords) == dims:
        return domain.space
    return domain if len(domain.coords) == dims else None


def _number(output: int | str, network: HasCenters, problem: Problem | None) -> int:
    if problem is not None:
        return output_number(problem, output)
    known = range(network.weight.shape[1])
    if not isinstance(output, int) or output not in known:
        raise unknown("output of number", output, known)
    return output


def _stems(ax: Axes, centers: np.ndarray, weight: np.ndarray, name: str) -> Axes:
    """Weights over centres in one coordinate."""
    ax.vlines(centers, 0, weight, color="0.7", linewidth=0.8)
    ax.plot(centers, weight, "o", markersize=3)
    ax.axhline(0.0, color="0.4", linewidth=0.8, linestyle="-", zorder=0)
    ax.set_xlabel(name)
    ax.set_ylabel("weight")
    return ax


def _parts(solution: Drawable | HasCenters) -> tuple[HasCenters, Sequence[str], Problem | None]:
    """What has centres, with the names of its coordinates (z1, z2, ... inside a map without an inverse), and the problem."""
    if not hasattr(solution, "predict"):
        return solution, default_coords(solution.centers.shape[1]), None
    try:
        problem = solution.problem  # type: ignore[union-attr]
    except InputError:
        # Loaded without its problem.
        return _parts(solution.model)  # type: ignore[union-attr]
    model = part = solution.model  # type: ignore[union-attr]
    while isinstance(part, Wrapper):
        if isinstance(part, CoordinateMap) and not isinstance(part.map, Coordinates):
            return part.network, [f"z{i + 1}" for i in range(part.network.in_features)], problem
        part = part.network
    names = problem.domain.space_coords if model.centers.shape[1] < len(problem.domain.coords) else problem.domain.coords
    return model, names or problem.domain.coords, problem


def _ellipses(ax: Axes, centers: np.ndarray, shape: np.ndarray) -> None:
    """The outlines of the kernels, unless they would hide the centres."""
    from matplotlib.collections import EllipseCollection

    stretch, axes = np.linalg.eigh(shape)
    width = np.broadcast_to(2.0 / np.sqrt(stretch), (len(centers), 2))
    angle = np.broadcast_to(np.degrees(np.arctan2(axes[..., 1, 0], axes[..., 0, 0])), len(centers))
    if width.prod(axis=1).sum() > MOST_OVERLAP * np.ptp(centers, axis=0).prod():
        return
    outlines = EllipseCollection(
        width[:, 0], width[:, 1], angle, units="xy", offsets=centers, transOffset=ax.transData,
        facecolors="none", edgecolors="0.85", linewidths=0.4, zorder=0,
    )  # fmt: skip
    ax.add_collection(outlines)
