from __future__ import annotations

from collections.abc import Iterable

import torch

from rbfnet.catalogue import catalogue
from rbfnet.errors import InputError, one_of
from rbfnet.problems import Problem, Sample
from rbfnet.solvers._auto import Auto
from rbfnet.solvers._solver import Solver


class Sequence(Solver):
    """Solvers one after the other in one run, each from where the one before it ended: Adam first and L-BFGS then, by default.

    Each stage has its own epochs, batches and step sizes. A width of kernels that is ``"auto"`` is that of the first stage.

    Source: Rathore, Lei, Frangella, Lu and Udell, Challenges in Training PINNs, ICML 2024, for Adam then L-BFGS.

    Args:
        stages: solvers, or names of solvers for their defaults.

    Raises:
        InputError: no stages, something that is no solver; at :meth:`check`, whatever one of them cannot treat.

    Example:
        >>> from rbfnet.solvers import LBFGS, Adam, Sequence
        >>> solver = Sequence([Adam(max_epochs=500), LBFGS(max_epochs=20)])
        >>> solver.max_epochs
        520
    """

    def __init__(self, stages: Iterable[Solver | str] = ("adam", "lbfgs")) -> None:
        if isinstance(stages, (str, Solver)) or not isinstance(stages, Iterable):
            raise InputError(f"stages must be a list of solvers, as in [adam, lbfgs], but got {stages!r}.")
        self._stages = tuple(inner for stage in stages for inner in as_solver(stage).stages)
        if not self._stages:
            raise InputError("stages must hold at least one solver, but is empty.")
        if any(isinstance(stage, Auto) for stage in self._stages):
            raise InputError("stages must be solvers that are run, but auto chooses one; name it, as in [least_squares, lbfgs].")
        first = self._stages[0]
        self.max_epochs = sum(stage.max_epochs for stage in self._stages)
        self.batch_size, self.resample, self.overlap = first.batch_size, first.resample, first.overlap  # type: ignore[misc]

    @property
    def stages(self) -> tuple[Solver, ...]:
        return self._stages

    def optimizer(self, model: torch.nn.Module, problem: Problem) -> torch.optim.Optimizer:
        """Of the first stage; the training module asks each stage for its own."""
        return self._stages[0].optimizer(model, problem)

    def distributes(self, problem: Problem) -> bool:
        return all(stage.distributes(problem) for stage in self._stages)

    def check(self, model: torch.nn.Module, problem: Problem, samples: dict[str, Sample]) -> None:
        for stage in self._stages:
            stage.check(model, problem, samples)


def as_solver(stage: Solver | str) -> Solver:
    """A solver itself, or the one of that name with its defaults.

    Example:
        >>> from rbfnet.solvers import as_solver
        >>> type(as_solver("gauss_newton")).__name__
        'GaussNewton'
    """
    if isinstance(stage, Solver):
        return stage
    if not isinstance(stage, str):
        raise InputError(f"A solver must be a Solver or the name of one, as in 'adam', but got {stage!r}.")
    known = catalogue("solvers", "Solver")
    made: Solver = known[one_of("solver", stage, known)]()
    return made
