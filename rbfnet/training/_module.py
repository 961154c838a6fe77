"""The LightningModule: trains any problem with any solver."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor

from rbfnet.operators import Field, LinearModel, Operator, Recorder, apply_operators
from rbfnet.problems import Problem, Sample
from rbfnet.solvers import Solver, linear_system
from rbfnet.training._errors import errors

Batch = dict[str, Sample]
"""For each condition its points and what belongs to them."""


class TrainingModule(pl.LightningModule):
    """A model, the problem it is to solve, and the solver that does it, as a LightningModule.

    The loss is the sum over conditions of weight x mean squared residual. Descending solvers run under automatic
    optimisation; solving ones are stepped with a closure that returns the linear system, so that steps, logs, checkpoints and
    callbacks are Lightning's own in either case.

    Args:
        model: any Differentiable, or any module (B, D) -> (B, O).
        problem: what is to be solved.
        solver: how.
        config: plain data that describe the run, kept in the checkpoint.
    """

    def __init__(self, model: torch.nn.Module, problem: Problem, solver: Solver, config: dict[str, Any] | None = None) -> None:
        super().__init__()
        self.save_hyperparameters({"config": config or {}}, logger=False)
        self.model, self.problem, self.solver = model, problem, solver
        self.automatic_optimization = not solver.solves
        self._channels: dict[str, list[Operator]] = {}

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """The weighted mean squared residual of each condition."""
        found = {}
        for name, condition in self.problem.named_conditions().items():
            x, *extra = batch[name]
            if name not in self._channels:
                self._channels[name] = self._channels_of(name, batch[name])
            u = Field(self.model, x, self.problem.domain.coords, self.problem.outputs, ahead=self._channels[name])
            squares = [residual.square().mean() for residual in condition.equations(u, *extra)]
            found[name] = condition.weight * torch.stack(squares).sum()
        return found

    def _channels_of(self, name: str, sample: Sample) -> list[Operator]:
        """The operators a condition needs: known ahead, they share one pass over the distances."""
        x, *extra = sample
        recorder = Recorder(len(self.problem.outputs))
        u = Field(recorder, x, self.problem.domain.coords, self.problem.outputs)
        self.problem.named_conditions()[name].equations(u, *extra)
        # An operator with tensors in it belongs to the points it was recorded at.
        return [op for op in recorder.channels if not op.tensors]

    def check(self, batch: Batch) -> None:
        """Raise InputError where a residual has the wrong shape, or asks for derivatives the kernel does not have.

        Done before any work: each condition is evaluated on a recorder, and the operators it asks for on the model at one point.
        """
        for name, sample in batch.items():
            if ops := self._channels_of(name, sample):
                apply_operators(self.model, sample[0][:1], ops)

    def training_step(self, batch: Batch, batch_index: int) -> Tensor | None:
        if not self.automatic_optimization:
            assert isinstance(self.model, LinearModel)  # LeastSquares.check has seen to it
            model = self.model
            self.optimizers().step(lambda: linear_system(model, self.problem, batch))  # type: ignore[union-attr]
        losses = self.losses(batch)
        total = torch.stack(list(losses.values())).sum()
        self.log("loss", total.detach(), on_step=False, on_epoch=True, batch_size=1, sync_dist=True)
        if len(losses) > 1:
            parts = {f"loss/{name}": value.detach() for name, value in losses.items()}
            self.log_dict(parts, on_step=False, on_epoch=True, batch_size=1, sync_dist=True)
        return total if self.automatic_optimization else None

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> None:
        x, y = batch
        measured = errors(self.model, x, y)
        self.log("val/rel_l2", measured["rel_l2"], batch_size=1, sync_dist=True)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return self.solver.optimizer(self.model, self.problem)
