"""One step of the Levenberg-Marquardt method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from rbfnet.solvers.algebra import Factored
from rbfnet.solvers.algebra.processes import agreed
from rbfnet.solvers.assembly import Posed, Unknowns
from rbfnet.solvers.assembly import row_blocks as rows
from rbfnet.solvers.newton._lsmr import Iterative

TRIALS = 20
"""Maximum number of dampings tried in one step, each a multiple of the last, before the method gives up."""

STRIDE = 1.0
"""A step moves no centre by more than this many of its widths, and changes no logarithm of a width by more."""


@dataclass(frozen=True)
class Step:
    """The result of a step.

    Attributes:
        before, after: the loss before and after.
        region: the trust region of the step.
        taken: whether a step that lowers the loss was found.
    """

    before: float
    after: float
    region: float
    taken: bool

    @property
    def decrease(self) -> float:
        """The decrease of the loss."""
        return self.before - self.after

    def shrunk(self, before: float, shapes: bool) -> float:
        """The trust region for the next step, from the initial one of this step."""
        shrink = 10 if not shapes else 3 if self.region == before else 1
        return self.region / shrink if self.region > 1e-6 else 0.0


def is_direct(posed: Posed, unknowns: Unknowns) -> bool:
    """Whether the rows can be factored in memory, at once or block by block."""
    return rows.whole_fits(posed, unknowns) or rows.triangle_fits(unknowns)


def levenberg_step(posed: Posed, unknowns: Unknowns, region: float, allowed: Callable[[], bool] = lambda: True) -> Step:
    """Move the unknowns by the first step that lowers the loss, in smaller and smaller trust regions.

    Args:
        posed, unknowns: the problem and its unknowns.
        region: the initial trust region.
        allowed: whether to accept a step that lowers the loss.
    """
    before, loss = unknowns.get(), posed.loss()
    step, start = _linearised(posed, unknowns, before), region
    for _ in range(TRIALS):
        after = agreed(step(region))
        if unknowns.stride(before, after) > STRIDE:
            region = max(3 * region, 1e-6)
            continue
        unknowns.set(after)
        new = posed.loss()
        if unknowns.nonlinear and new < float("inf") and is_direct(posed, unknowns):
            new = _project(posed, unknowns, new)
        if new < loss and allowed():
            return Step(loss, new, region, True)
        unknowns.set(before)
        region = max((3 if unknowns.shapes else 10) * region, 1e-6)
    return Step(loss, loss, start, False)


def _linearised(posed: Posed, unknowns: Unknowns, before: Tensor) -> Callable[[float], Tensor]:
    """The new unknowns for a trust region."""
    if not is_direct(posed, unknowns):
        iterative = Iterative(unknowns, posed)
        return lambda region: before + iterative.step(region)
    residual, jacobian = rows.linearization(unknowns, posed)
    factored = Factored(jacobian)
    target = (jacobian @ before - residual)[:, None]
    return lambda region: _least(unknowns, factored, target, before, region)


def _least(unknowns: Unknowns, factored: Factored, target: Tensor, before: Tensor, region: float) -> Tensor:
    """The minimiser of the linearised problem within the trust region."""
    mu = factored.rounding
    if not unknowns.nonlinear:
        damping: float | Tensor = (mu**2 + region**2) ** 0.5
        anchor = (region**2 / (mu**2 + region**2)) * before[:, None]
    else:
        damping = torch.full_like(before, mu)
        damping[unknowns.num_linear :] = max(mu, region)
        anchor = before[:, None].clone()
        anchor[: unknowns.num_linear] = 0.0
    rest = target - factored.matrix @ (factored.scale * anchor)
    return (anchor + factored.solve(rest, damping, refinements=1 if region == 0.0 else 0))[:, 0]


def _project(posed: Posed, unknowns: Unknowns, loss: float) -> float:
    """Solve for the weights with all other unknowns fixed; the weights are kept if this would not lower the loss."""
    here = unknowns.get()
    weights = here[: unknowns.num_linear]
    residual, jacobian = rows.linearization(unknowns, posed, linear=True)
    if not torch.isfinite(jacobian).all():
        return float("inf")  # Shapes overflowed.
    target = (jacobian @ weights - residual)[:, None]
    solved = Factored(jacobian).solve(target, refinements=1)[:, 0]
    unknowns.set(torch.cat([agreed(solved), here[unknowns.num_linear :]]))
    new = posed.loss()
    if new < loss:
        return new
    unknowns.set(here)
    return loss
