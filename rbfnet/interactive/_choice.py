"""What an explorer varies, and the call that it stands for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from inspect import signature
from typing import Any

import torch

from rbfnet.catalogue import catalogue
from rbfnet.kernels import Polyharmonic
from rbfnet.nn.wrappers import innermost
from rbfnet.operators import Operator
from rbfnet.problems import DataProblem
from rbfnet.solvers.algebra import triangle
from rbfnet.training import Solution

ROWS = 2000
"""Number of rows that are read at a time."""


@dataclass(frozen=True)
class Choice:
    """Arguments of :func:`rbfnet.fit` or :func:`rbfnet.solve`.

    Attributes:
        kernel: its name.
        epsilon: a number, or ``"auto"``.
        num_centers: the number of centres; None for a centre at every point.
        smoothing: a number, or ``"auto"``; None for a problem, which has none.
    """

    kernel: str
    epsilon: float | str
    num_centers: int | None
    smoothing: float | str | None

    def arguments(self) -> dict[str, Any]:
        """Those that differ from a default."""
        found: dict[str, Any] = {"kernel": self.kernel}
        if self.epsilon != "auto" and has_epsilon(self.kernel):
            found["epsilon"] = self.epsilon
        if self.num_centers is not None:
            found["num_centers"] = self.num_centers
        if self.smoothing not in (None, "auto"):
            found["smoothing"] = self.smoothing
        return found


@dataclass(frozen=True)
class Subject:
    """What is fitted again and again.

    Attributes:
        run: ``rbfnet.fit`` or ``rbfnet.solve`` of the data or the problem, for arguments by name.
        call: how that call begins, as in ``rbfnet.fit(x, y``.
        output: which output is shown.
        exact: the true values at points (N, D), if they are known.
    """

    run: Callable[..., Solution]
    call: str
    output: int
    exact: Callable[[torch.Tensor], torch.Tensor] | None

    def solution(self, choice: Choice) -> Solution:
        """The solution for a choice, without a warning if it is poor: one looks at it."""
        return self.run(**choice.arguments(), allow_unsolved=True)

    def code(self, choice: Choice) -> str:
        """The line that gives the same solution."""
        return ", ".join([self.call, *(f"{name}={value!r}" for name, value in choice.arguments().items())]) + ")"


@cache
def kernels() -> dict[str, type]:
    """The kernels that need no arguments, by name."""
    found = catalogue("kernels", "Kernel")
    return {
        name: kernel
        for name, kernel in found.items()
        if all(argument.default is not argument.empty for argument in signature(kernel).parameters.values())
    }


def has_epsilon(kernel: str) -> bool:
    """Whether the shape parameter changes what the kernels span, which it does not for splines."""
    return not issubclass(kernels()[kernel], Polyharmonic)


def rounded(value: float) -> float:
    """Three digits, as many as a line of code should have."""
    return float(f"{value:.3g}")


def epsilon_of(solution: Solution) -> float:
    """The shape parameter as an argument: in the coordinates of the network."""
    network: Any = innermost(solution.model)
    return float(network.epsilon.detach().mean())


def condition_number(solution: Solution) -> float | None:
    """The condition number of the interpolation matrix of a fit; None for other problems.

    The matrix is [K, P; P^T, 0], without smoothing: K the kernels at the sites of the data, P the polynomials there, and below
    the moment conditions. With fewer centres than sites it is the matrix of the least-squares fit. The condition number is in
    the 2-norm, in the coordinates of the network, and never above 1/eps by much: that is as far as rounding lets one see.
    """
    problem = solution.problem
    model: Any = solution.model
    sites = problem.sites()
    if sites is None or not isinstance(problem, DataProblem):
        return None
    with torch.no_grad():
        moments = model.moments()
        blocks = [model.features(x, Operator.identity()) for x in sites.x.to(model.weight).split(ROWS)]
        found = triangle([*blocks, moments.T] if moments is not None and moments.shape[1] else blocks)
    values = torch.linalg.svdvals(found)
    return float(values[0] / values[-1])
