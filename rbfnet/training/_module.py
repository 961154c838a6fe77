"""The LightningModule: trains any problem with any solver."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import accumulate
from typing import Any, cast

import lightning.pytorch as pl
import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor

from rbfnet.errors import InputError
from rbfnet.given import untouched
from rbfnet.operators import Differentiable, LinearModel, Operator, Recorder, apply_operators
from rbfnet.problems import Problem, Sample, residuals, residuals_of
from rbfnet.problems.conditions import at
from rbfnet.seeding import manual_seed
from rbfnet.solvers import Posed, Solver, Solving, automatic_scales, trainable
from rbfnet.solvers.assembly import AtZero
from rbfnet.solvers.balance import Terms
from rbfnet.training._data_module import ProblemData, epoch_seed
from rbfnet.training._finite import Diverged, LastFinite
from rbfnet.training._model import AsItIs
from rbfnet.training.stopping import Stop, WholeStep, end_after_this_epoch, make_room
from rbfnet.training.verdict import errors

Batch = dict[str, Sample]
"""The sample of each condition: points, normals and data."""


class TrainingModule(pl.LightningModule):
    """A model, a problem and a solver as a LightningModule.

    The loss is the sum over equations of weight x automatic scale x mean squared residual, with the scales of
    :func:`rbfnet.solvers.automatic_scales` for the initial model. Descent solvers use automatic optimisation. Solvers that
    solve a system are stepped with a closure that returns the :class:`rbfnet.solvers.Posed` problem, so that steps, logs,
    checkpoints and callbacks are Lightning's own in both cases. A solver with several stages changes its optimizer after the
    last epoch of each stage.

    Random numbers are reseeded in each epoch, from the seed and the epoch, so that a resumed run draws the same numbers.

    Args:
        model: a Differentiable, or any module (B, D) -> (B, O).
        problem: the problem.
        solver: the solver.
        config: plain data that describe the run, stored in the checkpoint.
    """

    def __init__(self, model: torch.nn.Module, problem: Problem, solver: Solver, config: dict[str, Any] | None = None) -> None:
        super().__init__()
        self.save_hyperparameters({"config": config or {}}, logger=False)
        self.model, self.problem, self.solver = model, problem, solver
        self.seed, self.stage = torch.initial_seed(), 0
        self.automatic_optimization = not solver.stages[0].solves
        self.scales: dict[str, list[float]] = {}
        self._channels: dict[str, list[list[Operator]]] = {}
        self._last_finite: LastFinite | None = None
        self.weights: Terms = {}
        self._losses: dict[str, Tensor] = {}
        self._batch: Batch = {}
        self.last_loss = torch.tensor(torch.nan)
        self._step_begins, self._stopped = True, False
        self.stop, self.whole = Stop(), WholeStep(self)
        self.history: list[dict[str, float]] = []

    @property
    def judged(self) -> Differentiable:
        """The model, adapted to the operator protocol if necessary."""
        return self.model if isinstance(self.model, Differentiable) else AsItIs(self.model)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """The weighted mean squared residual of each condition."""
        return {name: torch.stack([r.mean() for r in terms]).sum() for name, terms in self._squares(batch).items()}

    def _squares(self, batch: Batch) -> dict[str, list[Tensor]]:
        """The scaled squared residuals of each equation of each condition."""
        if not self.scales:
            self.weigh(batch)
        found = {}
        for name, sample, equations in residuals(self.problem, self.model, batch, self._known(batch)):
            found[name] = [
                scale * sample.contract(residual).square() for residual, scale in zip(equations, self.scales[name], strict=True)
            ]
        return found

    def weigh(self, batch: Batch) -> None:
        """Compute the automatic scale of each equation from the current model, and keep it."""
        self.scales = automatic_scales(self.model, self.problem, batch)

    def _known(self, batch: Batch) -> dict[str, list[list[Operator]]]:
        """The operators each condition needs."""
        if not self._channels:
            self._channels = {name: self._recorded(name, batch[name])[0] for name in self.problem.named_conditions()}
        return self._channels

    def _recorded(self, name: str, sample: Sample) -> tuple[list[list[Operator]], tuple[Tensor, ...]]:
        """The operators a condition needs at each site, and its residuals for the initial model.

        Operators known in advance share one evaluation of the distances.
        """
        start = AtZero(self.model) if isinstance(self.model, LinearModel) else self.judged
        recorders = [Recorder(len(self.problem.outputs), start) for _ in sample.sites]
        condition = self.problem.named_conditions()[name]
        found = residuals_of(self.problem, condition, recorders, sample)
        # An operator with tensor coefficients is valid only at the points it was recorded at.
        return [[op for op in recorder.channels if not op.tensors] for recorder in recorders], found

    def check(self, batch: Batch) -> None:
        """Raise InputError if a residual has a wrong shape, is not finite, or needs derivatives that the kernel does not have.

        Called before any work is done: evaluates each condition for the initial model, and its operators on the model at one
        point.
        """
        for name, sample in batch.items():
            parts = [t for t in (*sample.sites, sample.normal, sample.weights, *sample.data) if t is not None]
            try:
                (sites, found), same = untouched(partial(self._recorded, name, sample), *parts)
                if not same:
                    raise InputError("its residual modifies points, normals or data in place; create new tensors, as in 2 * y.")
                for x, ops in zip(sample.sites, sites, strict=True):
                    if ops:
                        apply_operators(self.model, x[:1], ops)
            except InputError as error:
                sentence = str(error)
                raise InputError(sentence if repr(name) in sentence else f"Condition {name!r}: {sentence}") from error.__cause__
            for residual in found:
                if not (finite := torch.isfinite(residual)).all():
                    row = int((~finite).nonzero()[0])
                    where = at(self.problem.domain.coords, sample.sites[0][row])
                    raise InputError(
                        f"The residual of condition {name!r} is {float(residual[row].detach())} at {where} for the initial "
                        "model; check the functions and coefficients of the condition there."
                    )

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["scales"], checkpoint["stage"], checkpoint["stopped"] = self.scales, self.stage, self._stopped
        checkpoint["weights"] = self.weights

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.scales, self.weights = checkpoint["scales"], checkpoint["weights"]
        make_room(self, checkpoint["state_dict"])
        self._enter(checkpoint["stage"])

    def _enter(self, stage: int) -> None:
        """Switch to another stage of the solver."""
        self.stage = stage
        current = self.solver.stages[stage]
        self.automatic_optimization = not current.solves
        cast(ProblemData, cast(Any, self.trainer).datamodule).follow(current)

    def on_train_epoch_start(self) -> None:
        manual_seed(epoch_seed(self.seed, self.trainer.current_epoch))

    def on_train_start(self) -> None:
        # The only step of a run is undone; resuming would repeat it anyway.
        self.stop.waits = self.trainer.max_epochs != 1

    def on_train_epoch_end(self) -> None:
        # A finished run has nothing left to resume, so it ends normally.
        done = self.trainer.should_stop or self.trainer.current_epoch + 1 == self.trainer.max_epochs
        # The first access to logged values synchronises the processes, so all of them access the values here.
        logged = self.trainer.callback_metrics
        self.history.append({"epoch": self.trainer.current_epoch, **{key: float(value) for key, value in logged.items()}})
        asked = self.trainer.strategy.reduce_boolean_decision(self.stop.number is not None, all=False)
        if asked and not done:
            # All processes stop together, at a point from which the run can be resumed bit for bit.
            end_after_this_epoch(self.trainer)
        self.whole.keep()
        ends = accumulate(stage.max_epochs for stage in self.solver.stages[:-1])
        if self.trainer.current_epoch + 1 not in ends:
            return
        steps, loop = self.trainer.global_step, self.trainer.fit_loop.epoch_loop
        self._enter(self.stage + 1)
        self.weights = {}
        # Lightning counts automatic and manual optimisation steps separately; carry the count over.
        for count in (loop.automatic_optimization.optim_progress.optimizer.step, loop.manual_optimization.optim_step_progress):
            count.total.ready = count.total.completed = steps
        self.trainer.strategy.setup_optimizers(self.trainer)

    def training_step(self, batch: Batch, batch_index: int) -> Tensor | None:
        if not self.automatic_optimization:
            self._solve(batch)
            batch = self.solver.stages[self.stage].shown(self.model, self.problem, batch)
        with torch.set_grad_enabled(self.automatic_optimization):
            squares = self._squares(batch)
        losses = {name: torch.stack([r.mean() for r in terms]).sum() for name, terms in squares.items()}
        total = objective = torch.stack(list(losses.values())).sum()
        self._losses, self._batch = {name: value.detach() for name, value in losses.items()}, batch
        if (balance := self.solver.stages[self.stage].balance) is not None:
            if self._step_begins:
                parameters = trainable(self.model, self.problem)
                self.weights = balance.update(self.weights, squares, parameters, self.trainer.global_step)
            objective = torch.stack(
                [(w * r).mean() for name, terms in squares.items() for w, r in zip(self.weights[name], terms, strict=True)]
            ).sum()
        if self._step_begins:
            self._log(total.detach())
        self._step_begins = False
        return objective if self.automatic_optimization else None

    def _log(self, total: Tensor) -> None:
        """Log the loss at the start of a step; trial points of a line search are not logged."""
        parts = {f"loss/{name}": value for name, value in self._losses.items()} if len(self._losses) > 1 else {}
        parts |= {f"balance/{name}": torch.stack([w.mean() for w in terms]).mean() for name, terms in self.weights.items()}
        if self.lr_schedulers():
            parts["lr"] = torch.as_tensor(self.trainer.optimizers[0].param_groups[0]["lr"])
        self.log_dict({"loss": total, **parts}, on_step=False, on_epoch=True, batch_size=1, sync_dist=True)

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        self._step_begins = True

    def optimizer_step(
        self, epoch: int, batch_idx: int, optimizer: Any, optimizer_closure: Callable[[], Any] | None = None
    ) -> None:
        parameters, last = trainable(self.model, self.problem), self._last_finite
        # A stage that selected centres has replaced the parameters.
        if last is None or any(p is not q for p, q in zip(parameters, last.parameters, strict=True)):
            decide = self.trainer.strategy.reduce_boolean_decision
            last = self._last_finite = LastFinite(parameters, lambda flag: decide(flag, all=True))
        closure = cast(Callable[[], Tensor], optimizer_closure)
        super().optimizer_step(epoch, batch_idx, optimizer, last.guard(closure, self._stop))

    def on_train_end(self) -> None:
        # No later step has checked the last update.
        if self._last_finite is not None and self._last_finite.loss is not None:
            self._losses = {name: value.detach() for name, value in self.losses(self._batch).items()}
            if not self._last_finite.agree(all(bool(torch.isfinite(value)) for value in self._losses.values())):
                raise self._stop()

    def _stop(self) -> Exception:
        """The error for a non-finite loss or gradient; restores the last finite model."""
        what = self._not_finite()
        last = cast(LastFinite, self._last_finite)
        if last.loss is None:
            return InputError(f"{what} for the initial model; check the functions and coefficients of the condition.")
        last.restore()
        self._stopped = True
        return Diverged(
            f"{what} in epoch {self.trainer.current_epoch} (step {self.trainer.global_step}); the run stops with the last "
            f"finite model, whose loss is {last.loss:.3g}; smaller steps may help, or a residual that is finite everywhere."
        )

    def _not_finite(self) -> str:
        """The condition whose loss or gradient is not finite, as a sentence."""
        for name, value in self._losses.items():
            if not torch.isfinite(value):
                return f"The loss of condition {name!r} is {float(value)}"
        parameters = trainable(self.model, self.problem)
        with torch.enable_grad():
            losses = self.losses(self._batch)
            for name, loss in losses.items():
                gradients = torch.autograd.grad(loss, parameters, allow_unused=True, retain_graph=True)
                if not all(bool(torch.isfinite(g).all()) for g in gradients if g is not None):
                    return f"The gradient of the loss of condition {name!r} is not finite"
        return "The loss, or its gradient, is not finite in another process"

    def _solve(self, batch: Batch) -> None:
        assert isinstance(self.model, LinearModel)  # ensured by Solver.check
        if not self.scales:
            self.weigh(batch)
        posed = Posed(self.model, self.problem, batch, self.scales, self._known(batch))
        wrapped = cast(LightningOptimizer, self.optimizers())
        wrapped.step(lambda: posed)
        solving = cast(Solving, wrapped.optimizer)
        self.log_dict({f"solver/{name}": value for name, value in solving.metrics.items()}, batch_size=1)
        if solving.done and self.stage == len(self.solver.stages) - 1:
            self.trainer.should_stop = True

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> None:
        x, y = batch
        measured = errors(self.model, x, y)
        self.log("val/rel_l2", measured["rel_l2"], batch_size=1, sync_dist=True)

    def configure_optimizers(self) -> Any:
        current = self.solver.stages[self.stage]
        optimizer = current.optimizer(self.model, self.problem)
        if not isinstance(optimizer, torch.optim.Optimizer):
            raise InputError(
                f"`optimizer` of {type(current).__name__} must return a torch.optim.Optimizer, but returned {optimizer!r}."
            )
        scheduler = current.scheduler(optimizer)
        return optimizer if scheduler is None else ([optimizer], [scheduler])
