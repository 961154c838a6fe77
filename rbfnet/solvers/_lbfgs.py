"""The L-BFGS solver."""

from __future__ import annotations

import torch

from rbfnet.errors import positive
from rbfnet.memory import require_memory
from rbfnet.problems import Problem
from rbfnet.solvers._solver import Solver, trainable


class LBFGS(Solver):
    """Limited-memory quasi-Newton descent with a strong Wolfe line search, on all points at once (``torch.optim.LBFGS``).

    Args:
        max_epochs: number of epochs, of ``max_iter`` iterations each.
        max_iter: iterations per epoch.
        history_size: number of past steps used to approximate the Hessian.

    Raises:
        InputError: a value that is not positive.

    Example:
        >>> import rbfnet
        >>> from rbfnet.problems import Poisson
        >>> from rbfnet.solvers import LBFGS
        >>> solution = rbfnet.solve(Poisson(), num_centers=50, solver=LBFGS(max_epochs=2, max_iter=5), allow_unsolved=True)
        >>> solution.summary["epochs"]
        2
    """

    def __init__(self, max_epochs: int = 40, max_iter: int = 20, history_size: int = 100) -> None:
        self.max_epochs = int(positive("max_epochs", max_epochs, whole=True))
        self.max_iter = int(positive("max_iter", max_iter, whole=True))
        self.history_size = int(positive("history_size", history_size, whole=True))

    def optimizer(self, model: torch.nn.Module, problem: Problem) -> torch.optim.Optimizer:
        parameters = trainable(model, problem)
        require_memory("history_size", self.history_size, 8)
        steps = min(self.history_size, self.max_epochs * self.max_iter)
        require_memory("history_size", steps, 16 * sum(p.numel() for p in parameters))
        return torch.optim.LBFGS(
            parameters,
            max_iter=self.max_iter,
            history_size=self.history_size,
            line_search_fn="strong_wolfe",
            tolerance_grad=0.0,
            tolerance_change=0.0,
        )
