from __future__ import annotations

import torch

from rbfnet.domains import SpaceTime
from rbfnet.errors import InputError
from rbfnet.nn import RBFNetwork
from rbfnet.problems import DataProblem, Initial, Problem, Sample
from rbfnet.solvers._boundary_count import has_enough
from rbfnet.solvers._evolve import Evolve
from rbfnet.solvers._gauss_newton import GaussNewton
from rbfnet.solvers._least_squares import LeastSquares
from rbfnet.solvers._solver import Solver
from rbfnet.solvers.assembly import nonlinear
from rbfnet.solvers.time import PER_CENTER, Lines, require_carried, resolved

FEW, MANY = 50, 400
"""Centres, and points as for so many, that are enough to see of what form a problem is."""

MOST_DIMENSIONS = 3
"""Of space; in five, heat on a cube is lost with as many centres as solve it in space and time at once."""


class Auto(Solver):
    """The solver for the problem, with its defaults: ``evolve`` for one that goes through time from a start, otherwise
    ``least_squares`` for a linear one and for data, and ``gauss_newton`` for any other.

    What goes through time is what :class:`Evolve` can carry: first or second order in time, with everything given at the start
    or at all times, and nothing but a network to be found. Measured on equations on a line, in the plane and of time
    alone, it has the smaller error with the same number of centres, for linear ones too.

    The choice is made before the network is built, by :meth:`chosen_for`. Its reason is the first of the words in the summary.
    What a solver can be told is told by naming it, as in ``solver=GaussNewton(max_epochs=100)``.

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
        raise InputError("auto is not run itself; take the solver that it chooses, Auto().chosen_for(problem).")

    def chosen_for(self, problem: Problem, hindrance: str = "", rough: bool = False) -> Solver:
        before, at = problem.num_centers, problem.in_space
        # The run draws its own points, the same as if nothing had been looked at.
        with torch.random.fork_rng(devices=[]):
            try:
                chosen, why = _choice(problem, hindrance, rough)
            except Exception:
                # It is raised again where the run is prepared, unless it came from the number of points.
                chosen, why = LeastSquares(), "the problem could not be looked at beforehand"
            finally:
                problem.follow(before, at)
        chosen.why = f"solver=auto chose {chosen.name}: {why}."
        return chosen


def _choice(problem: Problem, hindrance: str, rough: bool) -> tuple[Solver, str]:
    """The solver and why, as the end of a sentence."""
    if trained := [name for name, parameter in problem.named_parameters() if parameter.requires_grad]:
        return GaussNewton(), f"{[*problem.unknowns(), *trained][0]!r} of the problem is unknown too"
    if isinstance(problem, DataProblem):
        return LeastSquares(), "these are data"
    problem.follow(MANY, in_space=True)
    samples = problem.sample()
    carried, condition = _is_carried(problem, samples), nonlinear(problem, samples)
    if carried and not hindrance:
        hindrance = _hindrance(problem, samples, rough and condition is None)
    if carried and not hindrance:
        return Evolve(), "the problem goes through time from a start"
    instead = f"; evolve is ruled out by {hindrance}" if carried else ""
    if condition is not None:
        return GaussNewton(), f"condition {condition!r} is not linear{instead}"
    return LeastSquares(), f"the problem is linear{instead}"


def _hindrance(problem: Problem, samples: dict[str, Sample], rough: bool) -> str:
    """What of a problem that ``evolve`` takes is not for it all the same."""
    if not isinstance(problem.domain, SpaceTime):
        return ""
    if not has_enough(problem, samples):
        return "too few conditions on the boundary"
    if len(problem.domain.space_coords) > MOST_DIMENSIONS:
        return f"more than {MOST_DIMENSIONS} dimensions of space"
    return "a kernel that is not smooth, where a problem is linear" if rough else ""


def _is_carried(problem: Problem, samples: dict[str, Sample]) -> bool:
    """Whether ``evolve`` takes the problem: found out by setting it up with few centres."""
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
    except Exception:
        return False
    return True
