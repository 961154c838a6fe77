from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor

from rbfnet.errors import InputError, flag, positive
from rbfnet.operators import LinearModel
from rbfnet.problems import Problem, Sample
from rbfnet.solvers import _rows as rows
from rbfnet.solvers._factored import Factored
from rbfnet.solvers._inference import Inference, applies
from rbfnet.solvers._iterative import Iterative
from rbfnet.solvers._posed import Posed
from rbfnet.solvers._processes import agreed
from rbfnet.solvers._quasilinear import automatic, chosen_shape
from rbfnet.solvers._solver import Solver, Solving, trainable
from rbfnet.solvers._stages import Stages
from rbfnet.solvers._unknowns import Unknowns, own_shapes

TRIALS = 20
"""So many dampings are tried in one step, each a multiple of the last, before no improvement is believed to be possible."""

STRIDE = 1.0
"""A step moves no centre by more than this many of its widths, and changes no logarithm of a width by more."""

ON_THE_WAY = 0.5
"""A stage before the last, and the width that a run starts with, are left after one step that lowers the loss by less."""

REGION = 0.01
"""The first trust region where not all unknowns are linear."""


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

    Where unknowns of the problem are found from :class:`rbfnet.problems.Data`, the rows are weighted as their noise and the
    smoothness of unknown functions ask for, both estimated, and the unknowns get standard errors (``Inference``).

    A shape parameter that is ``"auto"`` is chosen once the weights fit the width it starts with, by what a step from there
    misses at points held back; then the steps go on (:func:`rbfnet.solvers._quasilinear.chosen_shape`).

    Beyond half of this machine's memory the rows are factored block by block, which takes the square of the unknowns. Where
    that is too much too, each step is found by LSMR, with products by the Jacobian's blocks of rows and without variable
    projection: fewer digits in more time.

    Source: Nocedal and Wright, Numerical Optimization (2006), ch. 10; Golub and Pereyra, Separable nonlinear least squares: the
    variable projection method and its applications, Inverse Problems 19 (2003).

    Args:
        max_epochs: steps at most.
        shapes: move centres and shapes too, as far as they are trainable.
        tolerance: the fit stops after two steps in a row that lower the loss by less than this fraction.
        continuation: numbers of the problem that change on the way to it: ``{"reynolds": [100, 400]}`` solves for these two
            values of its attribute first, each from the solution before, and then for its own.
        slabs: time is solved in so many parts, more and more of them together, each from the ones before: for problems
            where a global solve finds another branch.

    Raises:
        InputError: a value that is not positive, or continuation and slabs at once; at :meth:`check`, a model that is not
            linear in its weights, shapes to be moved of basis functions that depend on more than their own centre, or a
            problem without such a number, or without time.
    """

    solves = True
    distributed = True
    overlap = 3.5

    def __init__(
        self,
        max_epochs: int = 50,
        shapes: bool = False,
        tolerance: float = 0.01,
        continuation: Mapping[str, Sequence[float]] | None = None,
        slabs: int = 1,
    ) -> None:
        self.max_epochs = int(positive("max_epochs", max_epochs, whole=True))
        self.shapes = flag("shapes", shapes)
        self.tolerance = float(positive("tolerance", tolerance))
        self.path = Stages(continuation, slabs)

    def optimizer(self, model: torch.nn.Module, problem: Problem) -> torch.optim.Optimizer:
        return _GaussNewton(cast(LinearModel, model), problem, self.shapes, self.tolerance, self.path)

    def check(self, model: torch.nn.Module, problem: Problem, samples: dict[str, Sample]) -> None:
        if not isinstance(model, LinearModel):
            raise InputError(f"gauss_newton solves for linear weights, but {type(model).__name__} has none; take solver=lbfgs.")
        if self.shapes and not own_shapes(model):
            raise InputError(
                "gauss_newton with shapes=True needs basis functions that depend on their own centre alone, but those of "
                "Normalized depend on all; take shapes=False, or solver=lbfgs."
            )
        self.path.check(problem)
        if applies(problem) and (self.path.count > 1 or self.shapes):
            raise InputError(
                "Unknowns that are found from data need one stage and shapes that stay; take slabs=1, shapes=False and no "
                "continuation."
            )
        # What data say about unknowns needs all rows at once.
        self.distributed = not applies(problem)


class _GaussNewton(Solving):
    """One Levenberg-Marquardt step at a time; trust region and stage are its state."""

    def __init__(self, model: LinearModel, problem: Problem, shapes: bool, tolerance: float, path: Stages) -> None:
        state: dict[str, Any] = {"damping": 0.0, "slow": 0, "stage": 0, "chosen": None}
        state["moving"] = bool(model.coefficients.any())
        super().__init__(trainable(model, problem), {"tolerance": tolerance, **state})
        self.all, self.still, self.path = Unknowns(model, problem, shapes), Unknowns(model, problem, shapes=False), path
        self.direct = True
        self._begin(0)
        self.inference = Inference(problem, self.still) if applies(problem) else None
        if self.inference is not None:
            self.param_groups[0]["inference"] = self.inference.start()

    def _begin(self, stage: int) -> None:
        damping = REGION if self.unknowns.nonlinear else 0.0
        self.param_groups[0].update({"damping": damping, "slow": 0, "stage": stage})

    @property
    def unknowns(self) -> Unknowns:
        """Shapes are moved once the weights fit them: a step of both from weights of zero would lead nowhere."""
        return self.all if self.param_groups[0]["moving"] else self.still

    def improve(self, posed: Posed) -> None:
        if self.inference is None:
            self._solve(posed)
        else:
            self._infer(posed, self.inference)

    def _infer(self, posed: Posed, inference: Inference) -> None:
        """One step, and then what the data say of their noise and of the smoothness of the unknowns."""
        group = self.param_groups[0]
        weighted = inference.weighted(posed, group["inference"])
        _, decrease = self._improve(weighted, last=True)
        # A step that has been held back may be small for that reason alone.
        free = group["damping"] == 0.0 or decrease == 0.0
        if decrease == 0.0:
            group["damping"] = REGION  # The next step is in another loss.
        self.done = inference.update(weighted, group["inference"], decrease if free else float("inf"))

    def _solve(self, posed: Posed) -> None:
        stage = self.param_groups[0]["stage"]
        with self.path.entered(stage, posed) as entered:
            last = stage + 1 == self.path.count
            choosing = last and self.param_groups[0]["chosen"] is None and automatic(entered)
            why, _ = self._improve(entered, last and not choosing)
            if self.done and choosing:
                self._choose(entered)
        at = ""
        if self.path.count > 1:
            self.metrics["stage"] = stage + 1
            at = f" in stage {stage + 1} of {self.path.count}"
        self.words = [f"{why}{at}.", *(self.param_groups[0]["chosen"] or [])]
        if not self.direct:
            self.words.append("Beyond memory, even block by block: steps were found by iteration, to fewer digits.")
        elif not rows.whole_fits(posed, self.unknowns):
            self.words.append("Beyond memory: the rows were factored block by block.")
        if self.done and last and self.all.shapes and not self.param_groups[0]["moving"]:
            self.param_groups[0]["moving"], self.done = True, False
            self._begin(stage)
        if self.done and stage + 1 < self.path.count:
            self._begin(stage + 1)
            self.done = False

    def _choose(self, posed: Posed) -> None:
        """Once the weights fit the widths there are, choose those that are left to the solver, and go on with them."""
        group = self.param_groups[0]
        group["chosen"], weights = chosen_shape(posed, self.still)
        if weights is not None:
            self.still.set(torch.cat([agreed(weights), self.still.get()[len(weights) :]]))
        self.done = False
        group.update({"damping": 0.0, "slow": 0})

    def _improve(self, posed: Posed, last: bool) -> tuple[str, float]:
        """One step; what there is to say if it stays the last, and by how much it has lowered the loss."""
        group, unknowns = self.param_groups[0], self.unknowns
        before, loss = unknowns.get(), posed.loss()
        step = self._linearised(posed, before)
        region = group["damping"]
        for _ in range(TRIALS):
            after = agreed(step(region))
            if unknowns.stride(before, after) > STRIDE:
                region = max(3 * region, 1e-6)
                continue
            unknowns.set(after)
            new = posed.loss()
            if self.direct and unknowns.nonlinear and new < float("inf"):
                new = self._project(posed, new)
            if new < loss:
                break
            unknowns.set(before)
            region = max((3 if unknowns.shapes else 10) * region, 1e-6)
        else:
            new, region, self.done = loss, group["damping"], True
        enough = group["tolerance"] if last else ON_THE_WAY
        group["slow"] = group["slow"] + 1 if new > (1 - enough) * loss else 0
        why = "No step lowers the loss any more" if self.done else "The loss was still falling at the last step"
        if not self.done and group["slow"] >= (2 if last else 1):
            self.done, why = True, f"Converged: the last steps lowered the loss by less than {enough:.2g} of it"
        shrink = 10 if not unknowns.shapes else 3 if region == group["damping"] else 1
        group["damping"] = region / shrink if region > 1e-6 else 0.0
        self.metrics = {"loss": new, "damping": region}
        return why, loss - new

    def _linearised(self, posed: Posed, before: Tensor) -> Callable[[float], Tensor]:
        """The new unknowns for a trust region."""
        unknowns = self.unknowns
        self.direct = rows.whole_fits(posed, unknowns) or rows.triangle_fits(unknowns)
        if not self.direct:
            iterative = Iterative(unknowns, posed)
            return lambda region: before + iterative.step(region)
        residual, jacobian = rows.linearization(unknowns, posed)
        factored = Factored(jacobian)
        target = (jacobian @ before - residual)[:, None]
        return lambda region: self._step(factored, target, before, region)

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
        residual, jacobian = rows.linearization(unknowns, posed, linear=True)
        if not torch.isfinite(jacobian).all():
            return float("inf")  # Shapes beyond all bounds.
        target = (jacobian @ weights - residual)[:, None]
        solved = Factored(jacobian).solve(target, refinements=1)[:, 0]
        unknowns.set(torch.cat([agreed(solved), here[unknowns.num_linear :]]))
        new = posed.loss()
        if new < loss:
            return new
        unknowns.set(here)
        return loss
