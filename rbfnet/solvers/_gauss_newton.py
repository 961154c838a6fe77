from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from rbfnet.errors import InputError, flag, positive
from rbfnet.operators import LinearModel
from rbfnet.problems import Problem, Sample
from rbfnet.solvers._factored import Factored
from rbfnet.solvers._posed import Posed
from rbfnet.solvers._solver import Solver, Solving, trainable
from rbfnet.solvers._unknowns import Unknowns

TRIALS = 20
"""So many dampings are tried in one step, each a multiple of the last, before no improvement is believed to be possible."""

STRIDE = 1.0
"""A step moves no centre by more than this many of its widths, and changes no logarithm of a width by more."""


class GaussNewton(Solver):
    """Levenberg-Marquardt on the exact Jacobian: nonlinear and inverse problems, trained centres and shapes.

    Each step linearises the residuals r where the unknowns z = (w, p) are, weights w and whatever else is trained, and solves

        min |J z_new - (J z - r)|^2 + mu^2 |S w_new|^2 + lambda^2 |S (z_new - z)|^2,   S the lengths of the columns of J,

    by orthogonal factorisation. The weights are pulled towards zero by mu, at the level of rounding: it is this that lets flat,
    nearly dependent kernels keep their accuracy, for the change of the weights alone says nothing about their size. The
    trust region lambda is zero as long as steps succeed. It grows tenfold until the loss falls, and a step that does not lower
    it is never taken.

    Where unknowns of the problem or, on request, centres and shapes are found too, lambda holds them alone, and the weights are
    solved for again at each trial, linearised there: variable projection. Steps that move a centre by more than its width, or
    change the width more than e-fold, are not tried: beyond that the linearisation says nothing about the kernel.

    Source: Nocedal and Wright, Numerical Optimization (2006), ch. 10; Golub and Pereyra, Separable nonlinear least squares: the
    variable projection method and its applications, Inverse Problems 19 (2003).

    Args:
        max_epochs: steps at most.
        shapes: move centres and shapes too, as far as they are trainable.
        tolerance: the fit stops after two steps in a row that lower the loss by less than this fraction.

    Raises:
        InputError: a value that is not positive; at :meth:`check`, a model that is not linear in its weights.
    """

    solves = True
    overlap = 3.5

    def __init__(self, max_epochs: int = 50, shapes: bool = False, tolerance: float = 0.01) -> None:
        self.max_epochs = int(positive("max_epochs", max_epochs, whole=True))
        self.shapes = flag("shapes", shapes)
        self.tolerance = float(positive("tolerance", tolerance))

    def optimizer(self, model: torch.nn.Module, problem: Problem) -> torch.optim.Optimizer:
        return _GaussNewton(cast(LinearModel, model), problem, self.shapes, self.tolerance)

    def check(self, model: torch.nn.Module, problem: Problem, samples: dict[str, Sample]) -> None:
        if not isinstance(model, LinearModel):
            raise InputError(f"gauss_newton solves for linear weights, but {type(model).__name__} has none; take solver=lbfgs.")


class _GaussNewton(Solving):
    """One Levenberg-Marquardt step at a time; the trust region is its state."""

    def __init__(self, model: LinearModel, problem: Problem, shapes: bool, tolerance: float) -> None:
        super().__init__(trainable(model, problem), {"tolerance": tolerance, "damping": 0.0, "slow": 0})
        self.unknowns = Unknowns(model, problem, shapes)
        if self.unknowns.nonlinear:
            self.param_groups[0]["damping"] = 0.01

    def improve(self, posed: Posed) -> None:
        group, unknowns = self.param_groups[0], self.unknowns
        before = unknowns.get()
        residual, jacobian = unknowns.linearization(posed)
        loss = float(residual @ residual)
        factored = Factored(jacobian)
        target = (jacobian @ before - residual)[:, None]
        del jacobian
        region = group["damping"]
        for _ in range(TRIALS):
            after = self._step(factored, target, before, region)
            if unknowns.stride(before, after) > STRIDE:
                region = max(3 * region, 1e-6)
                continue
            unknowns.set(after)
            new = _loss(posed)
            if unknowns.nonlinear and new < float("inf"):
                new = self._project(posed, new)
            if new < loss:
                break
            unknowns.set(before)
            region = max((3 if unknowns.nonlinear else 10) * region, 1e-6)
        else:
            new, self.done = loss, True
        group["slow"] = group["slow"] + 1 if new > (1 - group["tolerance"]) * loss else 0
        self.done = self.done or group["slow"] >= 2
        shrink = 10 if not unknowns.nonlinear else 3 if region == group["damping"] else 1
        group["damping"] = region / shrink if region > 1e-6 else 0.0
        self.metrics = {"loss": new, "damping": region}

    def _step(self, factored: Factored, target: Tensor, before: Tensor, region: float) -> Tensor:
        """What is least with the linearised rows, within the trust region."""
        unknowns, mu = self.unknowns, factored.rounding
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

    def _project(self, posed: Posed, loss: float) -> float:
        """Solve for the weights, with all else where it is; they stay where that would not lower the loss."""
        unknowns = self.unknowns
        here = unknowns.get()
        weights = here[: unknowns.num_linear]
        residual, jacobian = unknowns.linearization(posed, linear=True)
        if not torch.isfinite(jacobian).all():
            return float("inf")  # Shapes beyond all bounds.
        target = (jacobian @ weights - residual)[:, None]
        solved = Factored(jacobian).solve(target, refinements=1)[:, 0]
        unknowns.set(torch.cat([solved, here[unknowns.num_linear :]]))
        new = _loss(posed)
        if new < loss:
            return new
        unknowns.set(here)
        return loss


def _loss(posed: Posed) -> float:
    residual = posed.residual()
    return float(residual @ residual)
