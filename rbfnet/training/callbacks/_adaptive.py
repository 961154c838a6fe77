"""Points that follow the residual, as a Lightning callback."""

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
    """Every ``period`` epochs the points of the :class:`rbfnet.problems.Interior` conditions are chosen anew.

    Their number stays. A subclass says how they are chosen, :meth:`choose`.

    Args:
        period: epochs from one choice to the next.

    Attributes:
        solving: for solvers that solve, rather than for those that descend, as most are.

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
        """As many points as ``points`` has, which are those trained with so far."""

    def check(self, model: torch.nn.Module, solver: Solver) -> None:
        """Raise InputError where model or solver do not fit; called before any work is done."""
        solves = any(stage.solves for stage in solver.stages)
        if solves or any(stage.resample for stage in solver.stages):
            reason = "solves in one epoch" if solves else "draws all points anew (resample)"
            raise InputError(
                "Points that follow the residual need a solver that descends on points that are kept, but this run with "
                f"{snake_case(type(solver).__name__)} {reason}; take callbacks=none."
            )

    def most_centers(self, model: Network) -> int:
        """How many centres there will be in the end, which the points have to be enough for."""
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
    """How far one condition is from being met, point by point.

    Args:
        module: the model and its problem.
        data: whose dtype points have.
        condition: an interior one.
    """

    def __init__(self, module: TrainingModule, data: ProblemData, condition: Interior) -> None:
        self.module, self.data, self.condition = module, data, condition

    def draw(self, n: int) -> Sample:
        """n points by the problem's sampler, fewer where the condition holds in a part of the domain."""
        return self.data.cast(self.condition.draw(self.module.problem, n))

    def within(self, x: Float[Tensor, "N D"]) -> Float[Tensor, "n D"]:
        """Those of some points where the condition holds."""
        return self.condition.within(self.module.problem, x)

    @torch.no_grad()
    def __call__(self, points: Sample) -> Float[Tensor, " B"]:
        """The root of the sum over equations of scale x squared residual."""
        module = self.module
        on_device = Sample(tuple(x.to(module.device) for x in points.sites))
        scales = module.scales[self.condition.name]
        residuals = residuals_of(module.problem, self.condition, [module.model], on_device)
        total = torch.stack([s * r.square() for s, r in zip(scales, residuals, strict=True)]).sum(dim=0)
        return total.sqrt().to(points.sites[0].device)
