"""How wide kernels are, and how far centres reach: by what a solution misses where it was not asked."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import cast

import torch

from rbfnet.kernels import Polyharmonic
from rbfnet.nn import RBFLayer
from rbfnet.solvers._posed import Posed
from rbfnet.solvers._processes import agreed
from rbfnet.solvers._scales import automatic_scales

STEP = 2**0.5
"""What a width is multiplied by from one attempt to the next."""

MOST = 6
"""So many steps at most in one direction."""

BETTER = 0.8
"""What the residual has to fall to for a further step."""

NEAR = 0.1
"""The other margin that is tried: where a solution is singular a little beyond the domain, centres far out do harm."""

SHARE, FEW = 0.3, 12
"""The share of its points that is held back, of a condition that has so many."""


def choose_shape(posed: Posed, miss: Callable[[], tuple[float, float]]) -> list[str]:
    """Choose epsilon and the margin of layers that leave it to their solver; what was chosen, in sentences.

    From the automatic values on, first the margin is chosen of two, then widths are tried, each sqrt(2) times the last, for as
    long as ``miss`` falls: one solve where the automatic values are good enough, four where they are the best, one more for each
    step away.

    Source: Fornberg and Zuev, Comput. Math. Appl. 54 (2007), for why there is a best width; choice by held-out residuals is
    cross-validation (Rippa, Adv. Comput. Math. 11, 1999, for interpolation).

    Args:
        posed: whose model is changed, in place, and whose scales follow it.
        miss: solves with the model as it is, and gives by how much it misses what it has not seen, infinite where it
            fails, and the size of what it is to meet.
    """
    # In a tail that makes it a spline, the scale of a polyharmonic kernel changes nothing.
    layers = [m for m in posed.model.modules() if isinstance(m, RBFLayer) and m.automatic and not _scale_free(m)]
    if not layers:
        return []
    start = [(layer, {k: v.detach().clone() for k, v in layer.state_dict().items()}) for layer in layers]
    known: dict[tuple[bool, int], float] = {}

    def take(near: bool, step: int) -> None:
        for layer, state in start:
            layer.load_state_dict(state)
            if near and layer.margin is not None:
                layer.shrink((1 + 2 * NEAR) / (1 + 2 * layer.margin))
            layer.metric.widen(STEP**step)
        # In place, for whoever asks for the loss afterwards: scales that belong to other widths weigh equations wrongly.
        found = automatic_scales(posed.model, posed.problem, posed.samples)
        cast(dict[str, list[float]], posed.scales).update(
            {name: agreed(torch.tensor(scales, dtype=torch.float64)).tolist() for name, scales in found.items()}
        )

    size = 0.0

    def missed(near: bool, step: int) -> float:
        nonlocal size
        if (near, step) not in known:
            take(near, step)
            known[near, step], found = miss()
            size = size or found
        return known[near, step]

    reaching = any(layer.margin is not None and layer.margin > NEAR for layer in layers)
    # Below half of the digits what is left is rounding rather than a width that does not suit.
    missed(False, 0)
    enough = torch.finfo(layers[0].centers.dtype).eps ** 0.5 * size

    def better(near: bool, step: int, than: float) -> bool:
        return than > enough and missed(near, step) < BETTER * than

    near = reaching and better(True, 0, missed(False, 0))
    step, here = 0, missed(near, 0)
    # A system that cannot be solved is one of kernels too wide.
    ways = [-1] if here == math.inf else [way for way in (1, -1) if better(near, way, here)]
    if ways:
        way = min(ways, key=lambda way: missed(near, way))
        step = way
        while abs(step) < MOST and (missed(near, step) == math.inf or better(near, step + way, missed(near, step))):
            step += way
    take(near, step)
    epsilon = float(torch.cat([layer.epsilon.detach().reshape(-1) for layer in layers]).mean())
    if len(known) == 1:
        return [f"epsilon = {epsilon:.3g}, from the spacing of the centres, leaves next to nothing at points held back."]
    words = f"epsilon = {epsilon:.3g} was chosen by the residual at points held back, of {len(known)} tried"
    return [f"{words}, with a margin of {NEAR} rather than {layers[0].margin:.2g}." if near else f"{words}."]


def held_back(posed: Posed) -> tuple[Posed, Posed] | None:
    """The problem without three tenths of its points, and with them alone; None where no condition can spare any.

    A condition that cannot is in both.
    """
    used, spared = dict(posed.samples), dict(posed.samples)
    for name, sample in posed.samples.items():
        if sample.weights is None and sample.num_points >= FEW:
            # By the golden ratio: every third point of a Halton sequence is a third of the domain.
            apart = torch.arange(1, sample.num_points + 1, dtype=torch.float64) * 0.6180339887498949 % 1.0 < SHARE
            used[name], spared[name] = sample.rows(~apart), sample.rows(apart)
    if all(used[name] is sample for name, sample in posed.samples.items()):
        return None
    return replace(posed, samples=used), replace(posed, samples=spared)


def _scale_free(layer: RBFLayer) -> bool:
    return isinstance(layer.kernel, Polyharmonic)
