"""The Adam solver."""

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
        lr: the step size; with a schedule, the largest step size.
        max_epochs: number of passes over the points.
        batch_size: number of points per condition and step; None uses all.
        resample: draw new points in every epoch (needs a random sampler, not ``"grid"``).
        schedule: the step size over ``max_epochs``: ``"constant"``, ``"cosine"`` (half a cosine down to zero) or
            ``"exponential"`` (down to a thousandth).
        warmup: number of initial epochs over which the step size rises linearly.
        balance: adaptive weights on the loss: ``"gradient_norm"`` or ``"residual_attention"``; None keeps the weights fixed.
            One process only.

    Raises:
        InputError: a value that is not positive, an unknown schedule or balance, a warm-up as long as the run, or weights per
            point with points that change.

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
        # Each process would weight its own share of the points separately.
        if self.balance is not None and self.balance.per_point and (self.batch_size is not None or self.resample):
            raise InputError(
                f"{type(self.balance).__name__} needs fixed points, as it has a weight per point; remove batch_size and resample."
            )

    def distributes(self, problem: Problem) -> bool:
        return self.balance is None

    def optimizer(self, model: torch.nn.Module, problem: Problem) -> torch.optim.Optimizer:
        return torch.optim.Adam(trainable(model, problem), lr=self.lr)

    def scheduler(self, optimizer: torch.optim.Optimizer) -> torch.optim.lr_scheduler.LRScheduler:
        return torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda epoch: factor(self.schedule, epoch, self.max_epochs, self.warmup)
        )
