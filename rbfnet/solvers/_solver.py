from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch

from rbfnet.problems import Problem, Sample
from rbfnet.solvers._balance import Balance


class Solver(ABC):
    """How the unknowns are found. Each is a recipe for a ``torch.optim.Optimizer`` that the training module steps.

    Attributes:
        max_epochs: passes over the points.
        balance: weights on the loss that change, for a solver that descends.
        batch_size: points per condition and step; None takes all of them.
        resample: draw fresh points for every epoch.
        solves: the closure that its optimizer is stepped with returns the linear system of the problem
            (:class:`LinearSystem`) rather than a loss.
        distributed: it can share the points among several processes.
        overlap: how many spacings of the centres the width 1 / epsilon of a kernel is, where epsilon is ``"auto"``. Solving
            gains accuracy from wide, nearly dependent kernels; descending loses speed by them.
    """

    max_epochs: int
    balance: Balance | None = None
    batch_size: int | None = None
    resample: bool = False
    solves: ClassVar[bool] = False
    distributed: bool = False
    overlap: ClassVar[float] = 1.0

    @abstractmethod
    def optimizer(self, model: torch.nn.Module, problem: Problem) -> torch.optim.Optimizer:
        """The optimizer of the unknowns of model and problem."""

    def scheduler(self, optimizer: torch.optim.Optimizer) -> torch.optim.lr_scheduler.LRScheduler | None:
        """What sets the step size of the optimizer after each epoch, if anything does."""
        return None

    @property
    def stages(self) -> tuple[Solver, ...]:
        """The solvers that are run one after the other: itself, for all but a :class:`Sequence`."""
        return (self,)

    def check(self, model: torch.nn.Module, problem: Problem, samples: dict[str, Sample]) -> None:
        """Raise InputError where this solver cannot treat the problem; called before any work is done."""
        return None


def trainable(model: torch.nn.Module, problem: Problem) -> list[torch.nn.Parameter]:
    """Everything there is to train, in the model and in the problem (unknown coefficients)."""
    return [p for p in (*model.parameters(), *problem.parameters()) if p.requires_grad]
