"""The base classes of solvers and of direct optimizers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from rbfnet.catalogue import snake_case
from rbfnet.initialised import Initialised
from rbfnet.problems import Problem, Sample
from rbfnet.solvers.assembly import Posed
from rbfnet.solvers.balance import Balance

if TYPE_CHECKING:
    from rbfnet.solvers.scattered import Posterior


class Solver(Initialised, ABC):
    """Base class of solvers. A solver creates a ``torch.optim.Optimizer``, which the training module steps.

    Attributes:
        max_epochs: number of passes over the points.
        balance: adaptive weights on the loss, for gradient-based solvers.
        batch_size: number of points per condition and step; None uses all.
        resample: draw new points in every epoch.
        solves: whether its optimizer is a :class:`Solving`, whose closure returns the problem as :class:`Posed`, not a loss.
        degree: the degree in time of the weights of :class:`rbfnet.nn.Evolving`, a network in space; None for a network in all
            coordinates.
        overlap: the kernel width 1 / epsilon in units of the spacing of the centres, if epsilon is ``"auto"``. Wide, nearly
            dependent kernels make direct solvers more accurate, but gradient-based solvers slower.
        why: a sentence that says why it was chosen, if :class:`Auto` chose it.

    Example:
        >>> import torch, rbfnet
        >>> from rbfnet.problems import Poisson
        >>> from rbfnet.solvers import Solver, trainable
        >>> class Momentum(Solver):
        ...     max_epochs = 10
        ...     def optimizer(self, model, problem):
        ...         return torch.optim.SGD(trainable(model, problem), lr=1e-3, momentum=0.9)
        >>> solution = rbfnet.solve(Poisson(), num_centers=50, solver=Momentum(), allow_unsolved=True)
        >>> solution.summary["solver"], solution.summary["epochs"]
        ('momentum', 10)
    """

    _needed = ("max_epochs",)
    max_epochs: int
    balance: Balance | None = None
    batch_size: int | None = None
    resample: bool = False
    solves: ClassVar[bool] = False
    degree: int | None = None
    overlap: ClassVar[float] = 1.0
    why: str = ""

    @abstractmethod
    def optimizer(self, model: torch.nn.Module, problem: Problem) -> torch.optim.Optimizer:
        """Create the optimizer of the unknowns of the model and the problem."""

    def scheduler(self, optimizer: torch.optim.Optimizer) -> torch.optim.lr_scheduler.LRScheduler | None:
        """The scheduler that sets the step size after each epoch, if there is one."""
        return None

    @property
    def stages(self) -> tuple[Solver, ...]:
        """The solvers that run one after the other, which is only this one except for a :class:`Sequence`."""
        return (self,)

    @property
    def name(self) -> str:
        """As it is written after ``solver=``."""
        return snake_case(type(self).__name__)

    def chosen_for(self, problem: Problem, hindrance: str = "", rough: bool = False) -> Solver:
        """The solver that is run: itself, for all but :class:`Auto`.

        Args:
            problem: what it is to solve.
            hindrance: what of the run rules ``evolve`` out, in a few words; empty where nothing does.
            rough: whether the kernel has derivatives up to some order only.
        """
        return self

    def shown(self, model: torch.nn.Module, problem: Problem, samples: dict[str, Sample]) -> dict[str, Sample]:
        """The points that the logged loss is taken at: all of them."""
        return samples

    def distributes(self, problem: Problem) -> bool:
        """Whether the points of a problem can be distributed over several processes."""
        return False

    def afford(self, sites: int, num_centers: int | None) -> None:
        """Raise InputError if there are too many data sites; with ``None`` for the centres, each site is a centre."""
        return None

    def check(self, model: torch.nn.Module, problem: Problem, samples: dict[str, Sample]) -> None:
        """Raise InputError if this solver does not support the problem; called before any work is done."""
        return None


class Solving(torch.optim.Optimizer, ABC):
    """The optimizer of a direct solver: each step takes a :class:`Posed` problem and writes better unknowns into the model.

    Attributes:
        metrics: numbers of the last step, for the log.
        done: whether the fit should stop because further steps would change nothing.
        words: sentences about the solution, for the summary.
        left_out: for data, the leave-one-out errors (N, O), where all rows at the same site are left out; NaN for rows that were
            not left out; None if there are no such errors.
        posterior: for data, the error bars of the fit; not part of the state.

    Example:
        >>> import torch, rbfnet
        >>> from rbfnet.problems import Poisson
        >>> from rbfnet.solvers import Solver, Solving
        >>> class Once(Solving):
        ...     def improve(self, posed):
        ...         system = posed.linear_system()
        ...         unknowns = torch.linalg.lstsq(system.matrix, system.target).solution
        ...         posed.model.set_coefficients(system.as_coefficients(unknowns, 1))
        ...         self.done = True
        >>> class Direct(Solver):
        ...     solves, max_epochs = True, 1
        ...     def optimizer(self, model, problem):
        ...         return Once(list(model.parameters()))
        >>> rbfnet.solve(Poisson(), num_centers=100, solver=Direct(), epsilon=3.0).verdict
        'solved'
    """

    def __init__(self, parameters: list[torch.nn.Parameter], defaults: dict[str, Any] | None = None) -> None:
        super().__init__(parameters, defaults or {})
        self.metrics: dict[str, float] = {}
        self.done = False
        self.words: list[str] = []
        self.left_out: Tensor | None = None
        self.posterior: Posterior | None = None

    def state_dict(self) -> dict[str, Any]:
        """The state of an optimizer, with the results of the last step."""
        said = {"metrics": self.metrics, "done": self.done, "words": self.words, "left_out": self.left_out}
        return {**super().state_dict(), "said": said}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a state."""
        super().load_state_dict(state_dict)
        for name, value in state_dict.get("said", {}).items():
            if name in ("metrics", "done", "words", "left_out"):
                setattr(self, name, value)

    @abstractmethod
    def improve(self, posed: Posed) -> None:
        """One step."""

    @torch.no_grad()
    def step(self, closure: Callable[[], Posed] | None = None) -> Any:  # type: ignore[override]
        if closure is None:
            raise TypeError(f"{type(self).__name__} step needs a closure that returns the posed problem.")
        if not self.done:
            self.improve(closure())
        return None


def trainable(model: torch.nn.Module, problem: Problem) -> list[torch.nn.Parameter]:
    """All trainable parameters of the model and of the problem (unknown coefficients).

    Example:
        >>> from rbfnet.nn import RBFNetwork
        >>> from rbfnet.problems import InverseDiffusivity
        >>> from rbfnet.solvers import trainable
        >>> [tuple(p.shape) for p in trainable(RBFNetwork(2, 1, 9), InverseDiffusivity())]
        [(9, 1), (0, 1), (9, 2), (), ()]
    """
    return [p for p in (*model.parameters(), *problem.parameters()) if p.requires_grad]
