from __future__ import annotations

import torch

from rbfnet.errors import flag, positive
from rbfnet.problems import Problem
from rbfnet.solvers._solver import Solver, trainable


class Adam(Solver):
    """Gradient descent with adaptive moments, for anything with a loss (``torch.optim.Adam``).

    Args:
        lr: the step size.
        max_epochs: passes over the points.
        batch_size: points per condition and step; None takes all of them.
        resample: draw fresh points for every epoch (by a sampler that draws: not ``"grid"``).

    Raises:
        InputError: a value that is not positive.
    """

    distributed = True

    def __init__(self, lr: float = 0.01, max_epochs: int = 2000, batch_size: int | None = None, resample: bool = False) -> None:
        self.lr = positive("lr", lr)
        self.max_epochs = int(positive("max_epochs", max_epochs, whole=True))
        self.batch_size = None if batch_size is None else int(positive("batch_size", batch_size, whole=True))
        self.resample = flag("resample", resample)

    def optimizer(self, model: torch.nn.Module, problem: Problem) -> torch.optim.Optimizer:
        return torch.optim.Adam(trainable(model, problem), lr=self.lr)
