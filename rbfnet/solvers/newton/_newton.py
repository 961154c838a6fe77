"""The driver of Newton's method for least squares: the next action of each step, and the sentences for the summary."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, cast

import torch

from rbfnet.domains import Interval
from rbfnet.nn import RBFNetwork
from rbfnet.nn.wrappers import innermost
from rbfnet.operators import LinearModel, Operator
from rbfnet.problems import Condition, Problem
from rbfnet.solvers._solver import Solving, trainable
from rbfnet.solvers.algebra.processes import agreed
from rbfnet.solvers.assembly import Posed, Unknowns, is_linear
from rbfnet.solvers.assembly import row_blocks as rows
from rbfnet.solvers.newton._continuation import Stages
from rbfnet.solvers.newton._evidence import Inference, applies
from rbfnet.solvers.newton._held_out_points import HeldBack
from rbfnet.solvers.newton._levenberg_marquardt import Step, is_direct, levenberg_step
from rbfnet.solvers.newton._progress import Progress, SlabSolution
from rbfnet.solvers.newton._time_slabs import from_function, starts_of, through_time
from rbfnet.solvers.selection import automatic, chosen_shape

ON_THE_WAY = 0.5
"""A stage before the last, and the initial width, end after one step with a smaller relative decrease of the loss."""

REGION = 0.01
"""The initial trust region if some unknowns are nonlinear."""

TENFOLD = 100.0
"""Maximum growth of the squared residual at held-out points in a step, and maximum ratio to that at the points used."""

ROUNDS, WELL = 3, 1e-6
"""Maximum number of times points are added, and the relative residual that triggers it."""

SLABS = 8
"""The default initial number of time slabs."""

UNSOLVED = 1e-2
"""A problem in space and time with a larger relative residual after a global solve is solved in time slabs."""


APART, PROBES = 1e-3, 500
"""The relative difference from the slab solution that is reported, and the number of points where it is measured."""


class Newton(Solving):
    """The optimizer: one Levenberg-Marquardt step at a time; all progress is in its state.

    Args:
        model, problem: the model and the problem.
        path, shapes, tolerance, slabs, max_epochs: see :class:`rbfnet.solvers.GaussNewton`.
    """

    def __init__(
        self,
        model: LinearModel,
        problem: Problem,
        path: Stages,
        shapes: bool,
        tolerance: float,
        slabs: int | None,
        max_epochs: int,
    ) -> None:
        super().__init__(trainable(model, problem), {"tolerance": tolerance})
        self.tolerance = tolerance
        self.at = Progress(moving=bool(model.coefficients.any()), went=slabs == 1 or path.count > 1)
        self.all, self.still = Unknowns(model, problem, shapes), Unknowns(model, problem, shapes=False)
        self.path, self.slabs, self.patience, self.held = path, slabs, max_epochs // 2, HeldBack()
        self._starts: dict[str, Condition] | None = None
        self._begin(0)
        self.inference = Inference(problem, self.still) if applies(problem) else None
        if self.inference is not None:
            self.at.inference = self.inference.start()

    def state_dict(self) -> dict[str, Any]:
        """The state of the optimizer, including its progress."""
        packed = super().state_dict()
        packed["param_groups"][0] |= self.at.plain()
        return packed

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from there."""
        super().load_state_dict(state_dict)
        self.at = Progress.of(self.param_groups[0])
        for name in self.at.plain():
            self.param_groups[0].pop(name, None)

    def _begin(self, stage: int) -> None:
        self.at.damping, self.at.slow, self.at.stage = REGION if self.unknowns.nonlinear else 0.0, 0, stage

    @property
    def unknowns(self) -> Unknowns:
        """Shapes are moved after the weights have converged: a joint step from zero weights would be useless."""
        return self.all if self.at.moving else self.still

    def improve(self, posed: Posed) -> None:
        self.at.steps += 1
        if self.inference is None:
            self._solve(posed)
        else:
            self._infer(posed, self.inference)

    def _infer(self, posed: Posed, inference: Inference) -> None:
        """One step, followed by an update of the noise and smoothness estimates."""
        at, state = self.at, cast(dict[str, Any], self.at.inference)
        weighted = inference.weighted(posed, state)
        step = levenberg_step(weighted, self.unknowns, at.damping)
        self._taken(step, last=True)
        # A damped step may be small for that reason alone.
        free = at.damping == 0.0 or not step.taken
        if not step.taken:
            at.damping = REGION  # The next step minimises a different loss.
        self.done = inference.update(weighted, state, step.decrease if free else math.inf)
        self.words = [self._why(step)]

    def _solve(self, posed: Posed) -> None:
        at = self.at
        stage, last = at.stage, at.stage + 1 == self.path.count
        with self.path.entered(stage, posed) as own:
            due = last and not at.went and self._goes_through_time(own)
            if due and (self.slabs is not None or isinstance(own.problem.domain, Interval)):
                why = self._go_through_time(own)
            else:
                why = self._step(own, last, due)
        if self.path.count > 1:
            self.metrics["stage"] = stage + 1
            why += f" in stage {stage + 1} of {self.path.count}"
        self.words = [f"{why}.", *at.told, *(at.chosen or [])]
        if at.rounds:
            more = self.held.taken_in(posed, at.rounds).num_rows
            self.words.append(
                f"{posed.num_rows:,} equations did not determine the solution between the collocation points; points were added, "
                f"giving {more:,} equations."
            )
        if not is_direct(posed, self.unknowns):
            self.words.append("Too large for blockwise QR: used LSMR, which is less accurate.")
        elif not rows.whole_fits(posed, self.unknowns):
            self.words.append("Too large for a single QR factorization: used blockwise QR.")
        if self.done and last and self.all.shapes and not at.moving:
            at.moving, self.done = True, False
            self._begin(stage)
        if self.done and not last:
            self._begin(stage + 1)
            self.done = False

    def _step(self, own: Posed, last: bool, due: bool) -> str:
        """One step and any follow-up action; returns a description."""
        at = self.at
        choosing = last and at.chosen is None and automatic(own)
        step = self._watched(own)
        self._taken(step, last and not choosing)
        if self.done and self._needs_points(own, step.after):
            at.rounds, at.slow = at.rounds + 1, 0
            self.done = False
        why = self._why(step)
        if self.done and choosing:
            self._choose(own)
        elif due and (self.done or at.steps > self.patience):
            if self.held.miss(own, at.rounds) > UNSOLVED:
                self._go_through_time(own)
            else:
                at.went = True
        elif self.done and at.course is not None:
            self._keep_the_best(own)
        return why

    def _watched(self, own: Posed) -> Step:
        """One step; points are added if the present ones do not determine the solution."""
        at, unknowns = self.at, self.unknowns
        fitted, before = self.held.taken_in(own, at.rounds), unknowns.get()
        apart, more = self.held.loss(own, at.rounds), at.rounds < ROUNDS
        if at.first is None:
            at.first = fitted.loss()
        step = levenberg_step(fitted, unknowns, at.damping, lambda: more or not self._astray(own, apart))
        if step.taken and more and self._astray(own, apart):
            unknowns.set(before)
            at.rounds += 1
            # The next step minimises a different loss.
            step = replace(step, before=math.inf)
        return step

    def _astray(self, own: Posed, loss: float) -> bool:
        """Whether the loss at held-out points far exceeds a given loss, above rounding."""
        at = self.at
        floor = torch.finfo(own.model.coefficients.dtype).eps * (at.first or 0.0)
        return not self.held.loss(own, at.rounds) <= TENFOLD * max(loss, floor)

    def _needs_points(self, own: Posed, loss: float) -> bool:
        """Whether the equations hold at the points used, with this loss, but not between them."""
        rounds = self.at.rounds
        return rounds < ROUNDS and self._astray(own, loss) and self.held.miss(own, rounds) > WELL

    def _taken(self, step: Step, last: bool) -> None:
        """Whether a step was the last, and the trust region for the next one."""
        at = self.at
        enough = self.tolerance if last else ON_THE_WAY
        at.slow = at.slow + 1 if step.after > (1 - enough) * step.before else 0
        rounding = (10 * torch.finfo(self.still.model.coefficients.dtype).eps) ** 2 * (at.first or 0.0)
        self.done = not step.taken or step.after <= rounding or at.slow >= (2 if last else 1)
        at.damping = step.shrunk(at.damping, bool(self.unknowns.shapes))
        self.metrics = {"loss": step.after, "damping": step.region}

    def _why(self, step: Step) -> str:
        count = self.at.steps
        steps = "one step" if count == 1 else f"{count} steps"
        if not self.done:
            return f"Stopped after {steps} while the loss was still falling"
        return f"Converged after {steps}" if step.taken else f"Stopped after {steps}: no step lowers the loss further"

    def _choose(self, own: Posed) -> None:
        """After convergence with the initial widths, choose the automatic ones and continue with them."""
        at, model = self.at, own.model
        before = self.held.miss(own, at.rounds)
        state = {name: value.clone() for name, value in model.state_dict().items()}
        scales = {name: list(values) for name, values in own.scales.items()}
        words, weights = chosen_shape(self.held.taken_in(own, at.rounds), self.still)
        if weights is not None:
            self.still.set(torch.cat([agreed(weights), self.still.get()[len(weights) :]]))
            if not self.held.miss(own, at.rounds) <= before:
                model.load_state_dict(state)
                cast(dict[str, list[float]], own.scales).update(scales)
                words = [
                    "epsilon follows from the centre spacing: no other value tried gave a smaller residual at held-out points."
                ]
            elif at.course is not None:
                at.course.weights = []
        self.done = False
        at.damping, at.slow, at.chosen = 0.0, 0, words

    def _goes_through_time(self, own: Posed) -> bool:
        """Whether time slabs may help."""
        if self._starts is None:
            found = starts_of(own.problem, own.samples) if isinstance(innermost(own.model), RBFNetwork) else {}
            self._starts = found if self.slabs is not None or (found and not is_linear(own.problem, dict(own.samples))) else {}
        return bool(self._starts) and rows.whole_fits(own, self.still)

    def _go_through_time(self, own: Posed) -> str:
        """Solve in time slabs, and take a Newton step from there."""
        at = self.at
        at.went = True
        if at.first is None:
            at.first = own.loss()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            course = through_time(own, self._starts or {}, self.slabs or SLABS)
        if course.solution is None:
            time = own.problem.domain.coords[-1]
            at.told.append(
                f"Solving in time slabs stopped at {time} = {course.until:.3g}: the relative residual there is {course.miss:.2g}."
            )
            return "Stopped before the first step"
        kept = [self.still.get()] if self.still.get().any() else []
        while True:
            fitted = self.held.taken_in(own, at.rounds)
            self.still.set(agreed(from_function(fitted, course.solution)))
            if not self._needs_points(own, loss := fitted.loss()):
                break
            at.rounds += 1
        x = own.problem.domain.interior(PROBES).to(next(iter(own.samples.values())).sites[0])
        at.told.append(f"A first solution was computed in {course.slabs} time slabs.")
        u = course.solution.apply_operator(x, Operator.identity())
        at.course = SlabSolution(x, u, course.miss, [*kept, self.still.get()])
        at.damping, at.slow = 0.0, 0
        self.done, self.metrics = False, {"loss": loss, "damping": 0.0}
        return "Stopped after one step while the loss was still falling"

    def _keep_the_best(self, own: Posed) -> None:
        """The solution, from before or after the slabs, closest to the slab solution if that is best, else the best one."""
        at = self.at
        course, at.course = cast(SlabSolution, at.course), None
        found = []
        for weights in [self.still.get(), *course.weights]:
            self.still.set(weights)
            here = own.model.apply_operator(course.x, Operator.identity())
            off = float((here - course.u).norm() / course.u.norm().clamp_min(torch.finfo(here.dtype).tiny))
            found.append((self.held.miss(own, at.rounds), off, weights))
        trusted = course.miss < min(miss for miss, _, _ in found)
        _, off, weights = min(found, key=lambda one: one[1] if trusted else one[0])
        self.still.set(agreed(weights))
        if trusted and off > APART:
            at.told.append(
                f"The solution differs by {off:.2g} (relative L2) from that of the time slabs, whose relative residual is at "
                f"most {course.miss:.1g}; use more centres."
            )
