from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
from jaxtyping import Float
from torch import Tensor

from rbfnet.plots._maps import comparable
from rbfnet.plots._style import axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_OVERLAP = 20.0
"""Where the kernels together cover the picture more often than this, their outlines would hide the centres."""


class HasCenters(Protocol):
    """A network, as far as this figure looks at it."""

    @property
    def centers(self) -> Float[Tensor, "M D"]: ...
    @property
    def shape_matrix(self) -> Float[Tensor, "... D D"]: ...
    @property
    def weight(self) -> Float[Tensor, "M O"]: ...


def plot_centers(model: HasCenters, coords: Sequence[str], output: int = 0, ax: Axes | None = None) -> Axes:
    """The centres (first two coordinates), coloured by their weight. Returns the axes.

    Unless they overlap too much, outlines (x - c)^T A (x - c) = 1 show how wide the kernels are: circles of radius 1 / epsilon,
    or ellipses, cut through the centre where there are more than two coordinates. The colours end at the 98th percentile of the
    weights.

    Args:
        model: a network with ``centers``, ``shape_matrix`` (A) and ``weight``.
        coords: names for the axes.
        output: which output the weights are of.
        ax: where to draw; a new figure if None.

    Example:
        >>> import rbfnet
        >>> ax = rbfnet.plots.plot_centers(rbfnet.RBFNetwork(2, 1, 50), ("x", "y"))
    """
    from matplotlib.collections import EllipseCollection

    ax = axes_or_new(ax)
    centers, weight = model.centers.detach().cpu().numpy(), model.weight.detach().cpu().numpy()[:, output]
    bound = np.quantile(np.abs(weight), 0.98) or np.abs(weight).max() or 1.0
    ax.set_xlabel(coords[0])
    if centers.shape[1] == 1:
        ax.vlines(centers[:, 0], 0, weight, color="0.7", linewidth=0.8)
        ax.plot(centers[:, 0], weight, "o", markersize=3)
        ax.set_ylabel("weight")
        return ax
    ax.set_ylabel(coords[1])
    extent = np.ptp(centers[:, :2], axis=0)
    stretch, axes = np.linalg.eigh(model.shape_matrix.detach().cpu().numpy()[..., :2, :2])
    width = np.broadcast_to(2.0 / np.sqrt(stretch), (len(centers), 2))
    angle = np.broadcast_to(np.degrees(np.arctan2(axes[..., 1, 0], axes[..., 0, 0])), len(centers))
    if width.prod(axis=1).sum() <= MOST_OVERLAP * extent.prod():
        outlines = EllipseCollection(
            width[:, 0], width[:, 1], angle, units="xy", offsets=centers[:, :2], transOffset=ax.transData,
            facecolors="none", edgecolors="0.85", linewidths=0.4, zorder=0,
        )  # fmt: skip
        ax.add_collection(outlines)
    size = float(np.clip(4000 / len(centers), 3, 30))
    dots = ax.scatter(
        centers[:, 0], centers[:, 1], c=weight, s=size, cmap="coolwarm", vmin=-bound, vmax=bound,
        edgecolors="0.3", linewidths=0.3 if size > 10 else 0.0,
    )  # fmt: skip
    ax.figure.colorbar(dots, ax=ax, label="weight")
    ax.set_aspect("equal" if comparable(centers[:, :2]) else "auto")
    return ax
