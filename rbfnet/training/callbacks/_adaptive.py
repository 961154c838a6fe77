"""Residual-based adaptive sampling as a Lightning callback."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, cast

import lightning.pytorch as pl
import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.catalogue import snake_case
from rbfnet.errors import InputError, positive
from rbfnet.initialised import Initialised
from rbfnet.problems import Interior, Sample, residuals_of
from rbfnet.solvers import Solver
from rbfnet.training._data_module import ProblemData
from rbfnet.training._model import Network
from rbfnet.training._module import TrainingModule


class Adaptive(pl.Callback, Initialised):
    """Chooses new points for the :class:`rbfnet.problems.Interior` conditions every ``period`` epochs.

    The number of points is fixed. A subclass implements :meth:`choose`.

    Args:
        period: the number of epochs between choices.

    Attributes:
        solving: whether the callback is for solvers that solve a system, rather than for descent, the default.

    Raises:
        InputError: a period below 1.

    Example:
        >>> import rbfnet
        >>> from rbfnet.problems import Poisson
        >>> from rbfnet.solvers import Adam
        >>> from rbfnet.training import Adaptive
        >>> class Largest(Adaptive):
        ...     def choose(self, fitness, points):
        ...         pool = fitness.draw(3 * points.num_points)
        ...         return pool.rows(fitness(pool).topk(points.num_points).indices)
        >>> solver = Adam(max_epochs=4)
        >>> solution = rbfnet.solve(Poisson(), num_centers=50, solver=solver, callbacks=[Largest(period=2)], allow_unsolved=True)
    """

    _needed = ("period",)
    solving: ClassVar[bool] = False

    def __init__(self, period: int) -> None:
        self.period = int(positive("period", period, whole=True))

    @abstractmethod
    def choose(self, fitness: Fitness, points: Sample) -> Sample:
        """Choose as many points as ``points``, the current ones, has."""

    def check(self, model: torch.nn.Module, solver: Solver) -> None:
        """Raise InputError if the callback cannot be used with the model or solver; called before any work is done."""
        solves = any(stage.solves for stage in solver.stages)
        if solves or any(stage.resample for stage in solver.stages):
            reason = "solves in one epoch" if solves else "draws all points anew (resample)"
            raise InputError(
                "Adaptive points need a descent solver with fixed points, but this run with "
                f"{snake_case(type(solver).__name__)} {reason}; take callbacks=none."
            )

    def most_centers(self, model: Network) -> int:
        """The final number of centres, which the number of points must suffice for."""
        return model.num_centers

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if (trainer.current_epoch + 1) % self.period:
            return
        module, data = cast(TrainingModule, pl_module), cast(ProblemData, cast(Any, trainer).datamodule)
        for name, condition in module.problem.named_conditions().items():
            if isinstance(condition, Interior):
                data.samples[name] = self.choose(Fitness(module, data, condition), data.samples[name])

    def on_save_checkpoint(self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]) -> None:
        samples, conditions = cast(Any, trainer).datamodule.samples, cast(TrainingModule, pl_module).problem.named_conditions()
        checkpoint["points"] = {n: list(samples[n].sites) for n, c in conditions.items() if isinstance(c, Interior)}

    def on_load_checkpoint(self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]) -> None:
        cast(Any, trainer).datamodule.samples.update({n: Sample(tuple(x)) for n, x in checkpoint["points"].items()})


class Fitness:
    """The size of one condition's residual at each point.

    Args:
        module: the model and its problem.
        data: the data module, which sets the dtype of the points.
        condition: an interior condition.
    """

    def __init__(self, module: TrainingModule, data: ProblemData, condition: Interior) -> None:
        self.module, self.data, self.condition = module, data, condition

    def draw(self, n: int) -> Sample:
        """Draw n points with the problem's sampler; fewer if the condition holds only in a part of the domain."""
        return self.data.cast(self.condition.draw(self.module.problem, n))

    def within(self, x: Float[Tensor, "N D"]) -> Float[Tensor, "n D"]:
        """The points at which the condition holds."""
        return self.condition.within(self.module.problem, x)

    @torch.no_grad()
    def __call__(self, points: Sample) -> Float[Tensor, " B"]:
        """The square root of the sum over equations of scale x squared residual."""
        module = self.module
        on_device = Sample(tuple(x.to(module.device) for x in points.sites))
        scales = module.scales[self.condition.name]
        residuals = residuals_of(module.problem, self.condition, [module.model], on_device)
        total = torch.stack([s * r.square() for s, r in zip(scales, residuals, strict=True)]).sum(dim=0)
        return total.sqrt().to(points.sites[0].device)
