"""Choose a solver for a problem."""

from __future__ import annotations

import torch

from rbfnet.domains import SpaceTime
from rbfnet.errors import InputError
from rbfnet.nn import RBFNetwork
from rbfnet.problems import DataProblem, Initial, Problem, Sample
from rbfnet.solvers._evolve import Evolve
from rbfnet.solvers._gauss_newton import GaussNewton
from rbfnet.solvers._least_squares import LeastSquares
from rbfnet.solvers._solver import Solver
from rbfnet.solvers.assembly import nonlinear
from rbfnet.solvers.time import PER_CENTER, Lines, TooFewCenters, has_enough, require_carried, resolved

FEW, MANY = 50, 400
"""The number of centres, and the number of centres that sets the number of points, used to examine a problem."""

MOST_DIMENSIONS = 3
"""Maximum space dimension for evolve: in five, it fails on heat in a cube with centres enough for least_squares."""


class Auto(Solver):
    """Choose the solver for the problem, with default arguments: ``evolve`` for time-dependent problems with initial conditions,
    otherwise ``least_squares`` for linear problems and data, and ``gauss_newton`` for all others.

    :class:`Evolve` takes problems of first or second order in time whose conditions hold at the initial time or at all times,
    without unknown parameters. On equations on an interval, in the plane and in time alone it had the smaller error for the same
    number of centres, for linear equations too (measured when this rule was made).

    The choice is made before the network is built, by :meth:`chosen_for`; the first sentence of ``summary["words"]`` gives the
    reason. To set arguments of a solver, name it, as in ``solver=GaussNewton(max_epochs=100)``.

    Example:
        >>> from rbfnet.problems import Burgers, Kovasznay, Poisson
        >>> from rbfnet.solvers import Auto
        >>> [type(Auto().chosen_for(problem())).__name__ for problem in (Poisson, Kovasznay, Burgers)]
        ['LeastSquares', 'GaussNewton', 'Evolve']
        >>> Auto().chosen_for(Kovasznay()).why
        "solver=auto chose gauss_newton: condition 'interior' is not linear."
    """

    max_epochs = 1

    def optimizer(self, model: torch.nn.Module, problem: Problem) -> torch.optim.Optimizer:
        raise InputError("auto is not a solver that runs; use the one it chooses, Auto().chosen_for(problem).")

    def chosen_for(self, problem: Problem, hindrance: str = "", rough: bool = False) -> Solver:
        before, at = problem.num_centers, problem.in_space
        # The points of the run must not depend on this examination.
        with torch.random.fork_rng(devices=[]):
            try:
                chosen, why = _choice(problem, hindrance, rough)
            except Exception:
                # The run raises it again, unless it came from the number of points used here.
                chosen, why = LeastSquares(), "the problem could not be examined beforehand"
            finally:
                problem.follow(before, at)
        chosen.why = f"solver=auto chose {chosen.name}: {why}."
        return chosen


def _choice(problem: Problem, hindrance: str, rough: bool) -> tuple[Solver, str]:
    """The solver and why, as the end of a sentence."""
    if trained := [name for name, parameter in problem.named_parameters() if parameter.requires_grad]:
        return GaussNewton(), f"the problem has an unknown, {[*problem.unknowns(), *trained][0]!r}"
    if isinstance(problem, DataProblem):
        return LeastSquares(), "the problem is a fit to data"
    problem.follow(MANY, in_space=True)
    samples = problem.sample()
    carried, condition = _is_carried(problem, samples), nonlinear(problem, samples)
    if carried and not hindrance:
        hindrance = _hindrance(problem, samples, rough and condition is None)
    if carried and not hindrance:
        return Evolve(), "the problem is time-dependent with initial conditions"
    instead = f"; evolve is ruled out by {hindrance}" if carried else ""
    if condition is not None:
        return GaussNewton(), f"condition {condition!r} is not linear{instead}"
    return LeastSquares(), f"the problem is linear{instead}"


def _hindrance(problem: Problem, samples: dict[str, Sample], rough: bool) -> str:
    """Why ``evolve`` should not solve a problem that it accepts; empty if it should."""
    if not isinstance(problem.domain, SpaceTime):
        return ""
    if not has_enough(problem, samples):
        return "too few conditions on the boundary"
    if len(problem.domain.space_coords) > MOST_DIMENSIONS:
        return f"more than {MOST_DIMENSIONS} dimensions of space"
    return "a non-smooth kernel for a linear problem" if rough else ""


def _is_carried(problem: Problem, samples: dict[str, Sample]) -> bool:
    """Whether ``evolve`` accepts the problem, found by setting it up with few centres."""
    domain, conditions = problem.domain, problem.named_conditions()
    if not any(isinstance(condition, Initial) for condition in conditions.values()):
        return False
    try:
        require_carried(problem, conditions, samples)
        if isinstance(domain, SpaceTime):
            box = domain.space.box
            network = RBFNetwork(box.shape[1], len(problem.outputs), FEW, points=box, overlap=Evolve.overlap, dtype=box.dtype)
            points, weights = resolved(domain.space, network, PER_CENTER)
        else:
            one = torch.zeros((1, 1), dtype=domain.box.dtype)
            network = RBFNetwork(1, len(problem.outputs), 1, centers=one, epsilon=1.0, dtype=one.dtype)
            points, weights = one[:, :0], one[:, 0] + 1
        # Conditions that hold by construction are not those of a network in space.
        if problem.ansatz(network) is not network:
            return False
        with torch.no_grad():
            Lines(problem, network, samples, points, weights)
    except TooFewCenters:
        # Of those used here; the run may have more.
        return True
    except Exception:
        return False
    return True
