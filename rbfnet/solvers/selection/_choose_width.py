"""Choose the kernel width and the margin of the centres by the residual at held-out points."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from rbfnet.kernels import Polyharmonic
from rbfnet.nn import RBFLayer
from rbfnet.solvers.assembly import Posed
from rbfnet.solvers.selection._candidates import LOST, enough

STEP = 2**0.5
"""The factor between successive widths."""

BETTER = 0.8
"""The factor by which the residual must fall for the search to continue."""

STRIDES = (4, 2)
"""Step sizes of the search if the initial width fails: first coarse, then finer around the best."""

NEAR = 0.1
"""The other margin tried: distant centres are harmful if a solution is singular just outside the domain."""

NARROWEST, WIDEST = 1 / 16, 10.0
"""The range of widths: from this fraction of the initial one to this multiple of the extent of the centres."""


def choose_shape(posed: Posed, miss: Callable[[], float], lost: float = LOST) -> list[str]:
    """Choose epsilon and the margin of layers with ``"auto"`` values; returns sentences on the choice.

    Starting from the automatic values, one of two margins is chosen, then widths are tried, each sqrt(2) times the last, as long
    as ``miss`` falls. This takes one solve if the automatic values are good enough, four if they are the best, and one more per
    further step. If they fail, widths of all sizes are tried first.

    Source: Fornberg and Zuev, Comput. Math. Appl. 54 (2007), for why there is a best width; choice by held-out residuals is
    cross-validation (Rippa, Adv. Comput. Math. 11, 1999, for interpolation).

    Args:
        posed: the problem, whose model is changed in place.
        miss: solves with the current model and returns the relative residual at held-out points, which are the same for all
            shapes; infinite on failure.
        lost: a larger residual counts as failure.
    """
    # With the tail of a spline, the scale of a polyharmonic kernel has no effect.
    layers = [m for m in posed.model.modules() if isinstance(m, RBFLayer) and m.automatic and not _scale_free(m)]
    if not layers:
        return []
    search = _Search(layers, miss)
    if search(False, 0) > lost:
        search.anywhere(False, lost)
        if search.least > lost and search.reaching:
            search.anywhere(True, lost)
    if search.least > enough(layers[0].centers.dtype):
        near, step = search.best
        if not near and search.reaching and search(True, step) < BETTER * search(False, step):
            near = True
        search.climb(near, step)
    near, step = search.best
    search.take(near, step)
    epsilon = float(torch.cat([layer.epsilon.detach().reshape(-1) for layer in layers]).mean())
    words = f"epsilon = {epsilon:.3g}"
    if near:
        words += f" with a margin of {NEAR} rather than {layers[0].margin:.2g}"
    words += f" gives a mean relative residual of {search.least:.1g} at held-out points"
    if search.count == 1:
        return [f"{words}: the first value tried is good enough."]
    return [f"{words}, the smallest of {search.count} values tried."]


class _Search:
    """The residual for each margin and width, in steps from the initial one; each is computed once."""

    def __init__(self, layers: list[RBFLayer], miss: Callable[[], float]) -> None:
        self.miss = miss
        self.start = [(layer, {k: v.detach().clone() for k, v in layer.state_dict().items()}) for layer in layers]
        self.known: dict[tuple[bool, int], float] = {}
        self.reaching = any(layer.margin is not None and layer.margin > NEAR for layer in layers)
        extent = max(float((layer.centers.detach().amax(dim=0) - layer.centers.detach().amin(dim=0)).max()) for layer in layers)
        epsilon = max(float(layer.epsilon.detach().mean()) for layer in layers)
        self.narrowest = round(math.log(NARROWEST, STEP))
        self.widest = max(0, math.floor(math.log(max(WIDEST * extent * epsilon, 1.0), STEP)))

    def __call__(self, near: bool, step: int) -> float:
        if not self.narrowest <= step <= self.widest:
            return math.inf
        if (near, step) not in self.known:
            self.take(near, step)
            self.known[near, step] = self.miss()
        return self.known[near, step]

    @property
    def best(self) -> tuple[bool, int]:
        """The margin and width with the least residual; the first in case of ties."""
        return min(self.known, key=self.known.__getitem__)

    @property
    def least(self) -> float:
        """The least residual."""
        return min(self.known.values())

    @property
    def count(self) -> int:
        """The number of combinations tried."""
        return len(self.known)

    def take(self, near: bool, step: int) -> None:
        """Set the margin and width of the layers."""
        for layer, state in self.start:
            layer.load_state_dict(state)
            if near and layer.margin is not None:
                layer.shrink((1 + 2 * NEAR) / (1 + 2 * layer.margin))
            layer.metric.widen(STEP**step)

    def anywhere(self, near: bool, lost: float) -> None:
        """Try widths of all sizes: coarsely until one succeeds, then more finely around the best."""
        far, *closer = STRIDES
        ends = self.narrowest, self.widest
        for step in sorted({*ends, *range(0, ends[0], -far), *range(0, ends[1], far)}, key=lambda step: (abs(step), -step)):
            if self(near, step) < lost:
                break
        for stride in (far, *closer):
            self.climb(*self.best, stride)

    def climb(self, near: bool, step: int, stride: int = 1) -> None:
        """Try wider kernels as long as they are better, otherwise narrower ones."""
        for way in (stride, -stride):
            at = step
            while self(near, at + way) < BETTER * self(near, at):
                at += way
            if at != step:
                return


def _scale_free(layer: RBFLayer) -> bool:
    return isinstance(layer.kernel, Polyharmonic)
