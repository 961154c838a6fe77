"""``eigenpairs``: the eigenvalues and eigenfunctions of a problem in one call."""

from __future__ import annotations

import copy
import time
import warnings
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from rbfnet.annotations import held
from rbfnet.catalogue import snake_case
from rbfnet.domains import SpaceTime
from rbfnet.errors import InputError, NotSolvedWarning, positive
from rbfnet.kernels import KernelLike
from rbfnet.nn import RBFNetwork
from rbfnet.nn.wrappers import innermost
from rbfnet.problems import Eigen, Problem
from rbfnet.solvers import LeastSquares
from rbfnet.solvers.eigen import FINE, Modes, modes_of
from rbfnet.training._isolated import isolated, seed_everything
from rbfnet.training._model import Network, build_model
from rbfnet.training._solution import Solution
from rbfnet.training._solve import made

WIDTHS = (2.0, 3.0, 4.0, 6.0)
"""Widths of the kernels that are tried, in units of the spacing of the centres."""

ACCURACY = 1e-3
"""Values with a larger relative error are not solved."""


class Eigenpairs(Sequence[Solution]):
    """The eigenvalues of a problem and their functions: ``pairs.values[k]`` and ``pairs[k]``, a :class:`Solution`.

    Attributes:
        values: (K,), an array of real or complex numbers.
        errors: (K,), their estimated absolute errors.
        verdict: ``"solved"``, or ``"not solved"`` if a relative error exceeds 1e-3, fewer values than asked for were found, or
            some were left out.
        words: sentences about the run.

    Example:
        >>> import rbfnet
        >>> from rbfnet.domains import Disc
        >>> from rbfnet.problems import Dirichlet, Eigen
        >>> class Drum(rbfnet.Problem):
        ...     domain = Disc((0.0, 0.0), 1.0)
        ...     def conditions(self):
        ...         yield Eigen(lambda u: -u.laplacian())
        ...         yield Dirichlet(0.0)
        >>> pairs = rbfnet.eigenpairs(Drum(), 1, num_centers=150)
        >>> pairs.values.round(6)  # the square of the first zero of the Bessel function J_0
        array([5.783186])
        >>> ax = rbfnet.plots.fit(pairs[0])
    """

    def __init__(self, model: Network, problem: Problem, modes: Modes, asked: int, summary: dict[str, Any]) -> None:
        self.values, self.errors = modes.values.numpy(), modes.errors.numpy()
        self._model, self._problem, self._modes = model, problem, modes
        relative = modes.relative
        self.words = []
        if modes.unresolved:
            self.words.append(
                f"{modes.unresolved} eigenvalue{'s' * (modes.unresolved != 1)} left out: the residual of the eigenfunction "
                "exceeds half of its size. The list may be incomplete."
            )
        if len(relative) < asked:
            self.words.append(f"Only {len(relative)} of {asked} eigenvalues were found.")
        elif float(relative.max()) > ACCURACY:
            worst = int(relative.argmax())
            self.words.append(f"Eigenvalue {worst} has an estimated relative error of {float(relative[worst]):.1e}.")
        if self.words:
            self.words.append("Use more centres (num_centers), or add singular functions at re-entrant corners (enrichment).")
        solved = len(relative) == asked and not modes.unresolved and float(relative.max()) <= ACCURACY
        self.verdict = "solved" if solved else "not solved"
        self._summary = summary | {"verdict": self.verdict, "words": self.words, "reasons": self.words}

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, k: Any) -> Any:
        if isinstance(k, slice):
            return [self[n] for n in range(*k.indices(len(self)))]
        if not -len(self) <= k < len(self):
            raise IndexError(f"There are {len(self)} eigenpairs, but got index {k}.")
        coefficients = self._modes.coefficients[..., k]
        if coefficients.is_complex() and float(coefficients.imag.abs().max()) > 1e-8 * float(coefficients.abs().max()):
            raise InputError(f"Eigenfunction {k} is complex; evaluate it with predict.")
        model = copy.deepcopy(self._model)
        model.set_coefficients(coefficients.real if coefficients.is_complex() else coefficients)
        error = float(self._modes.relative[k])
        return Solution(
            model, self._problem, None, self._summary | {"eigenvalue": self.values[k].item(), "estimated_error": error}
        )

    def predict(self, points: Any) -> np.ndarray:
        """The functions at points (N, D): (N, K) for one output, (N, O, K) for several; complex where they are."""
        solution = Solution(copy.deepcopy(self._model), self._problem, None, self._summary)

        def at(coefficients: Tensor) -> np.ndarray:
            columns = []
            for part in coefficients.unbind(dim=-1):
                solution.model.set_coefficients(part)
                columns.append(np.asarray(solution.predict(points, progress=False)))
            return np.stack(columns, axis=-1)

        found = self._modes.coefficients
        return at(found.real) + 1j * at(found.imag) if found.is_complex() else at(found)


@held
def eigenpairs(
    problem: Problem | type[Problem],
    count: int = 10,
    *,
    near: float | None = None,
    kernel: KernelLike = "gaussian",
    num_centers: int = 400,
    seed: int = 0,
    **network: Any,
) -> Eigenpairs:
    """Eigenvalues and eigenfunctions of a problem with an :class:`rbfnet.problems.Eigen` condition, with estimated errors.

    The functions of the network that satisfy the other conditions are found by the null space method, and the equation is tested
    with them (Galerkin; Rayleigh and Ritz for self-adjoint problems). Of several widths of the kernel the one with the least
    estimated errors is taken. Functions that do not satisfy the equation at fresh points are left out. The square of each
    function has the integral 1.

    Args:
        problem: a Problem, or a class whose constructor needs no arguments; its domain is one of space.
        count: the number of values, multiple ones counted as often.
        near: find the values nearest to this number; None finds those at the end of the spectrum where it is bounded, such as the
            lowest frequencies of a drum.
        kernel, num_centers, seed: as in :func:`rbfnet.solve`.
        network: further arguments of :class:`rbfnet.nn.RBFNetwork`: ``centers``, ``epsilon``, ...

    Raises:
        InputError: no or several Eigen conditions, a condition that is not homogeneous, a domain in time, or a bad argument.

    Warns:
        NotSolvedWarning: the verdict is ``"not solved"``.

    Example:
        >>> import rbfnet
        >>> from rbfnet.domains import Interval
        >>> from rbfnet.problems import Eigen, Neumann
        >>> class Pipe(rbfnet.Problem):
        ...     domain = Interval(x=(0, 1))
        ...     def conditions(self):
        ...         yield Eigen(lambda u: -u.d("xx"))
        ...         yield Neumann(0.0)
        >>> pairs = rbfnet.eigenpairs(Pipe(), 3, num_centers=40)
        >>> abs(pairs.values).round(4)  # (k pi)^2
        array([ 0.    ,  9.8696, 39.4784])
    """
    wanted, started = int(positive("count", count, whole=True)), time.perf_counter()
    with isolated(torch.float64), torch.no_grad():
        seed_everything(seed)
        posed = made("eigenpairs", problem)
        posed.require_domain()
        model, modes = _best(posed, _condition(posed), wanted, near, kernel, {"num_centers": num_centers, **network})
    pairs = Eigenpairs(model, posed, modes, wanted, _summary(model, posed, seed, time.perf_counter() - started))
    if pairs.verdict == "not solved":
        warnings.warn("Not solved. " + " ".join(pairs.words), NotSolvedWarning, stacklevel=3)
    return pairs


def _summary(model: Network, problem: Problem, seed: int, seconds: float) -> dict[str, Any]:
    """What the summary of each eigenfunction has in common."""
    network = cast(RBFNetwork, innermost(model))
    return {
        "problem": snake_case(type(problem).__name__),
        "kernel": snake_case(type(network.kernel).__name__),
        "solver": "galerkin",
        "seed": seed,
        "centers": network.num_centers,
        "epsilon": float(network.epsilon.detach().mean()),
        "parameters": model.coefficients.numel(),
        "epochs": 1,
        "seconds": round(seconds, 3),
        "errors": None,
        "residuals": [],
    }


def _best(
    problem: Problem, condition: Eigen, count: int, near: float | None, kernel: KernelLike, network: dict[str, Any]
) -> tuple[Network, Modes]:
    """The model with the width that has the least estimated errors, and its modes."""
    solver = LeastSquares()
    problem.follow(network["num_centers"])
    first = build_model(problem, kernel, network, solver, torch.float64)
    automatic = cast(RBFNetwork, innermost(first)).layer.automatic
    best: tuple[Network, Modes] | None = None
    for width in WIDTHS if automatic else (solver.overlap,):
        model = copy.deepcopy(first)
        cast(RBFNetwork, innermost(model)).metric.widen(width / solver.overlap)
        modes = modes_of(model, problem, condition, count, near)
        if best is None or _better(modes, best[1]):
            best = model, modes
    assert best is not None
    return best[0], modes_of(best[0], problem, condition, count, near, FINE)


def _condition(problem: Problem) -> Eigen:
    """The equation."""
    found = [condition for condition in problem.named_conditions().values() if isinstance(condition, Eigen)]
    if len(found) != 1:
        raise InputError(f"eigenpairs needs a problem with one Eigen condition, but {type(problem).__name__} has {len(found)}.")
    if isinstance(problem.domain, SpaceTime):
        raise InputError("An eigenvalue problem is one in space, but the domain is a SpaceTime; use its space.")
    return found[0]


def _better(modes: Modes, other: Modes) -> bool:
    """Whether more values were found, or the same number with smaller errors, on a logarithmic scale."""
    if len(modes.values) != len(other.values):
        return len(modes.values) > len(other.values)
    return bool(modes.relative.log().mean() < other.relative.log().mean()) if len(modes.values) else False
