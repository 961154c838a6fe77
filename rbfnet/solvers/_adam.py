from __future__ import annotations

import torch

from rbfnet.errors import InputError, flag, one_of, positive
from rbfnet.problems import Problem
from rbfnet.solvers._schedules import SCHEDULES, factor
from rbfnet.solvers._solver import Solver, trainable
from rbfnet.solvers.balance import Balance, as_balance


class Adam(Solver):
    """Gradient descent with adaptive moments, for anything with a loss (``torch.optim.Adam``).

    Args:
        lr: the step size: the largest, where there is a schedule.
        max_epochs: passes over the points.
        batch_size: points per condition and step; None takes all of them.
        resample: draw fresh points for every epoch (by a sampler that draws: not ``"grid"``).
        schedule: of the step size over ``max_epochs``: ``"constant"``, ``"cosine"`` (to zero, along half a cosine) or
            ``"exponential"`` (to a thousandth).
        warmup: epochs over which the step size first rises along a line.
        balance: weights on the loss that change while it falls: ``"gradient_norm"`` or ``"residual_attention"``; None leaves
            them fixed. One process only.

    Raises:
        InputError: a value that is not positive, an unknown schedule or balance, a warm-up that takes all epochs, weights for
            each point with points that change.

    Example:
        >>> import rbfnet
        >>> from rbfnet.problems import Poisson
        >>> from rbfnet.solvers import Adam
        >>> solver = Adam(lr=0.02, max_epochs=20, schedule="cosine", warmup=5)
        >>> solution = rbfnet.solve(Poisson(), num_centers=50, solver=solver, allow_unsolved=True)
        >>> solution.summary["epochs"]
        20
    """

    def __init__(
        self,
        lr: float = 0.01,
        max_epochs: int = 2000,
        batch_size: int | None = None,
        resample: bool = False,
        schedule: str = "constant",
        warmup: int = 0,
        balance: Balance | str | None = None,
    ) -> None:
        self.lr = positive("lr", lr)
        self.max_epochs = int(positive("max_epochs", max_epochs, whole=True))
        self.batch_size = None if batch_size is None else int(positive("batch_size", batch_size, whole=True))
        self.resample = flag("resample", resample)
        self.schedule = one_of("schedule", schedule, SCHEDULES)
        self.warmup = int(positive("warmup", warmup, whole=True, zero=True))
        if self.warmup >= self.max_epochs:
            raise InputError(f"warmup must be below max_epochs, here {self.max_epochs}, but got {warmup}.")
        self.balance = as_balance(balance)
        # Each process would weigh its own share of the points by itself.
        if self.balance is not None and self.balance.per_point and (self.batch_size is not None or self.resample):
            raise InputError(
                f"{type(self.balance).__name__} has a weight for each point, so that all points must stay; leave out batch_size "
                "and resample."
            )

    def distributes(self, problem: Problem) -> bool:
        return self.balance is None

    def optimizer(self, model: torch.nn.Module, problem: Problem) -> torch.optim.Optimizer:
        return torch.optim.Adam(trainable(model, problem), lr=self.lr)

    def scheduler(self, optimizer: torch.optim.Optimizer) -> torch.optim.lr_scheduler.LRScheduler:
        return torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda epoch: factor(self.schedule, epoch, self.max_epochs, self.warmup)
        )
