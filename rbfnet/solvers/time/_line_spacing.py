"""Where centres and points of a space go."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float
from torch import Tensor

Array = npt.NDArray[np.float64]

GRADING = 0.07
"""By how much the spacing of the centres may grow from one to the next: faster, and kernels of different widths fit badly."""

PANEL = 12
"""Nodes of the Gauss rule on each panel of a line."""

PER_CENTER = 3
"""Points per centre on a line."""


BEYOND = 8
"""How many centres lie beyond either end: two widths of kernels of four spacings each."""


@dataclass(frozen=True)
class Spacing:
    """A spacing h(x) on a line, and the points it asks for.

    Attributes:
        x, h: the spacing at the points of a fine grid that reaches beyond both ends.
        low, high: the ends.
        count: how many centres there are.
    """

    x: Array
    h: Array
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, low: float, high: float, count: int, at: Array, length: Array) -> Spacing:
        """The spacing that follows a length at some points within [low, high] and goes on beyond it.

        h(x) = min over y of (s length(y) + GRADING |x - y|), with s such that there are ``count`` spacings in all.
        """
        x = np.linspace(2 * low - high, 2 * high - low, 30_001)
        inside = (x >= low) & (x <= high)
        length = np.where(inside, np.interp(x, at, length), np.inf)

        def graded(scale: float) -> Array:
            h = np.minimum(scale * length, 1e30)
            up = np.minimum.accumulate(h - GRADING * x) + GRADING * x
            down = np.minimum.accumulate((h + GRADING * x)[::-1])[::-1] - GRADING * x
            return np.minimum(up, down)

        least, most = 1e-9, 1e9
        for _ in range(80):
            scale = math.sqrt(least * most)
            if np.trapezoid(1 / graded(scale)[inside], x[inside]) > max(1, count - 2 * _beyond(count)):
                least = scale
            else:
                most = scale
        return cls(x, graded(most), low, high, count)

    def _so_far(self) -> Array:
        """The number of spacings up to each point of the grid, from the first end on."""
        total = np.concatenate([[0.0], np.cumsum((1 / self.h[1:] + 1 / self.h[:-1]) / 2 * np.diff(self.x))])
        return total - np.interp(self.low, self.x, total)

    def centers(self) -> tuple[Tensor, Tensor]:
        """Centres, and the spacing at each."""
        so_far = self._so_far()
        inside = self.count - 2 * _beyond(self.count)
        at = (np.arange(self.count) - _beyond(self.count) + 0.5) * (np.interp(self.high, self.x, so_far) / inside)
        centers = np.interp(at, so_far, self.x)
        return torch.from_numpy(centers), torch.from_numpy(np.interp(centers, self.x, self.h))

    def points(self) -> tuple[Float[Tensor, "B 1"], Float[Tensor, " B"]]:
        """Points between the ends and weights of a quadrature, of panels with as many spacings each."""
        so_far = self._so_far()
        last = np.interp(self.high, self.x, so_far)
        panels = max(2, math.ceil(last * PER_CENTER / PANEL))
        edges = np.interp(np.linspace(0, last, panels + 1), so_far, self.x)
        edges[0], edges[-1] = self.low, self.high
        return gauss(edges, PANEL)


def _beyond(count: int) -> int:
    return min(BEYOND, count // 4)


def gauss(edges: Array, nodes: int) -> tuple[Tensor, Tensor]:
    x, w = np.polynomial.legendre.leggauss(nodes)
    half = np.diff(edges)[:, None] / 2
    return torch.from_numpy((edges[:-1, None] + half * (1 + x)).reshape(-1, 1)), torch.from_numpy((half * w).ravel())
