"""The LightningModule: trains any problem with any solver."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import lightning.pytorch as pl
import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor

from rbfnet.errors import InputError
from rbfnet.nn import RBFNetwork
from rbfnet.nn.wrappers._wrapper import innermost
from rbfnet.operators import Differentiable, LinearModel, Operator, Recorder, apply_operators
from rbfnet.problems import Problem, Sample
from rbfnet.problems._values import at
from rbfnet.solvers import Posed, Solver, Solving, automatic_scales
from rbfnet.solvers._equation import AtZero
from rbfnet.training._errors import errors

Batch = dict[str, Sample]
"""For each condition its points and what belongs to them."""


class TrainingModule(pl.LightningModule):
    """A model, the problem it is to solve, and the solver that does it, as a LightningModule.

    The loss is the sum over equations of weight x automatic scale x mean squared residual, where the scales are those of
    :func:`rbfnet.solvers.automatic_scales` for the model as it starts. Descending solvers run under automatic
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
        self.scales: dict[str, list[float]] = {}
        self._channels: dict[str, list[list[Operator]]] = {}

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """The weighted mean squared residual of each condition."""
        if not self.scales:
            self.weigh(batch)
        found = {}
        for name, condition in self.problem.named_conditions().items():
            sample = batch[name]
            fields = self.problem.fields([self.model] * len(sample.sites), sample, self._known(batch)[name])
            squares = [
                scale * sample.contract(residual).square().mean()
                for residual, scale in zip(condition.equations(fields, sample.data), self.scales[name], strict=True)
            ]
            found[name] = torch.stack(squares).sum()
        return found

    def weigh(self, batch: Batch) -> None:
        """Fix the automatic scale of each equation, from the model as it is."""
        self.scales = automatic_scales(self.model, self.problem, batch)

    def _known(self, batch: Batch) -> dict[str, list[list[Operator]]]:
        """The operators each condition needs."""
        if not self._channels:
            self._channels = {name: self._recorded(name, batch[name])[0] for name in self.problem.named_conditions()}
        return self._channels

    def _recorded(self, name: str, sample: Sample) -> tuple[list[list[Operator]], tuple[Tensor, ...]]:
        """For each site the operators a condition needs, and its residuals where the model starts.

        Operators known ahead share one pass over the distances.
        """
        start = AtZero(self.model) if isinstance(self.model, LinearModel) else _AsItIs(self.model)
        recorders = [Recorder(len(self.problem.outputs), start) for _ in sample.sites]
        condition = self.problem.named_conditions()[name]
        residuals = condition.equations(self.problem.fields(recorders, sample), sample.data)
        # An operator with tensors in it belongs to the points it was recorded at.
        return [[op for op in recorder.channels if not op.tensors] for recorder in recorders], residuals

    def check(self, batch: Batch) -> None:
        """Raise InputError where a residual has the wrong shape, is not finite, or asks for derivatives the kernel does not have.

        Done before any work: each condition is evaluated where the model starts, and the operators it asks for on the model at
        one point.
        """
        for name, sample in batch.items():
            try:
                sites, residuals = self._recorded(name, sample)
                for x, ops in zip(sample.sites, sites, strict=True):
                    if ops:
                        apply_operators(self.model, x[:1], ops)
            except InputError as error:
                sentence = str(error)
                raise InputError(sentence if repr(name) in sentence else f"Condition {name!r}: {sentence}") from error.__cause__
            for residual in residuals:
                if not (finite := torch.isfinite(residual)).all():
                    row = int((~finite).nonzero()[0])
                    where = at(self.problem.domain.coords, sample.sites[0][row])
                    raise InputError(
                        f"The residual of condition {name!r} is {float(residual[row].detach())} at {where} for the model as it "
                        "starts; look at what its functions and coefficients give there."
                    )

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["scales"] = self.scales

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.scales = checkpoint["scales"]
        if isinstance(self.model, LinearModel) and isinstance(network := innermost(self.model), RBFNetwork):
            # A run that grew has other centres than the model it started with.
            state, name = checkpoint["state_dict"], next(n for n, m in self.named_modules() if m is network)
            centers, raw = state[f"{name}.layer.centers"], state[f"{name}.layer.metric.raw"]
            if len(centers) != network.num_centers and network.metric.per_center:
                network.replace_centers(centers, raw)

    def training_step(self, batch: Batch, batch_index: int) -> Tensor | None:
        if not self.automatic_optimization:
            self._solve(batch)
        losses = self.losses(batch)
        total = torch.stack(list(losses.values())).sum()
        self.log("loss", total.detach(), on_step=False, on_epoch=True, batch_size=1, sync_dist=True)
        if len(losses) > 1:
            parts = {f"loss/{name}": value.detach() for name, value in losses.items()}
            self.log_dict(parts, on_step=False, on_epoch=True, batch_size=1, sync_dist=True)
        return total if self.automatic_optimization else None

    def _solve(self, batch: Batch) -> None:
        assert isinstance(self.model, LinearModel)  # Solver.check has seen to it
        if not self.scales:
            self.weigh(batch)
        posed = Posed(self.model, self.problem, batch, self.scales, self._known(batch))
        wrapped = cast(LightningOptimizer, self.optimizers())
        wrapped.step(lambda: posed)
        solving = cast(Solving, wrapped.optimizer)
        self.log_dict({f"solver/{name}": value for name, value in solving.metrics.items()}, batch_size=1)
        if solving.done:
            self.trainer.should_stop = True

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_index: int) -> None:
        x, y = batch
        measured = errors(self.model, x, y)
        self.log("val/rel_l2", measured["rel_l2"], batch_size=1, sync_dist=True)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return self.solver.optimizer(self.model, self.problem)


class _AsItIs(Differentiable):
    """Any model behind the protocol."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def apply_operators(self, x: Tensor, ops: Sequence[Operator]) -> Tensor:
        return apply_operators(self.model, x, ops)
