"""Error and condition number over the shape parameter."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor

from rbfnet.errors import InputError, positive
from rbfnet.kernels import Polyharmonic
from rbfnet.nn import Evolving, RBFNetwork
from rbfnet.nn.wrappers import innermost
from rbfnet.plots._drawable import Drawable
from rbfnet.plots._late_progress import late_steps
from rbfnet.plots._style import axes_or_new
from rbfnet.problems import DataProblem, Problem, Sample
from rbfnet.solvers import LeastSquares, Posed, Solving, automatic_scales
from rbfnet.solvers.algebra import Factored
from rbfnet.solvers.validation import fresh_points, misses

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FACTORS = 2.0 ** (np.arange(-8, 9) / 2)
"""Shape parameters relative to that of the solution: from a sixteenth to sixteen times."""

STEPS = 60
"""Of power iteration for the condition number."""


class _Solved(NamedTuple):
    error: float
    condition: float


def epsilon_sweep(
    solution: Drawable, epsilons: Sequence[float] | None = None, *, progress: bool = True, ax: Axes | None = None
) -> Axes:
    """Error and condition number of a linear problem or a fit to data over the shape parameter. Returns the axes of the error.

    The problem is solved by least squares for each epsilon, with the centres of the solution; a vertical line marks the
    epsilon of the solution, a dot its error. The error is the relative L2 error against the reference; for data without held-out
    rows the leave-one-out error; otherwise the largest relative residual of an equation at fresh points. The condition number,
    on the right, is that of the linear system with columns of unit length; beyond 1e16 it is rounding. As epsilon falls, the
    error falls and the condition number rises, until rounding prevails (Fornberg and Wright, Comput. Math. Appl. 48, 2004).

    Args:
        solution: a :class:`rbfnet.training.Solution`: ``rbfnet.solve(problem)``, or ``rbfnet.fit(x, y)`` for data.
        epsilons: the shape parameters, means over the centres if these have their own; by default from a sixteenth to sixteen
            times that of the solution.
        progress: whether to show progress on standard error if it takes longer than three seconds.
        ax: where to draw; a new figure if None.

    Raises:
        InputError: no Solution, a nonlinear problem, a model that evolves in time, a polyharmonic kernel, or epsilons that are
            not positive.

    Example:
        >>> import rbfnet
        >>> solution = rbfnet.solve(rbfnet.problems.Poisson(), num_centers=50)
        >>> ax = rbfnet.plots.epsilon_sweep(solution, [0.5, 1.0, 2.0, 4.0])
        >>> ax.get_ylabel()
        'relative L2 error'
    """
    model, problem, samples = _posed(solution)
    network = cast(RBFNetwork, innermost(model))
    chosen = float(model.epsilon.detach().mean())
    given = chosen * FACTORS if epsilons is None else sorted(positive("epsilon", epsilon) for epsilon in epsilons)
    if not len(given):
        raise InputError("epsilons must be positive numbers, as in [0.5, 1, 2], but got an empty list.")
    start, found = copy.deepcopy(network.layer.state_dict()), []
    with late_steps("epsilon", len(given) + 1, progress) as step, torch.random.fork_rng(devices=[]):
        for number, epsilon in enumerate([*given, chosen], start=1):
            network.layer.load_state_dict(start)
            network.layer.metric.widen(chosen / epsilon)
            found.append(_solved(model, problem, samples))
            step(number)
    *along, at_chosen = found
    return _draw(axes_or_new(ax), np.array(given), along, chosen, at_chosen, _called(problem))


def _posed(solution: Drawable) -> tuple[Any, Problem, dict[str, Sample]]:
    """A copy of the model that keeps its widths, and the points of its problem."""
    if not hasattr(solution, "model") or not hasattr(solution, "problem"):
        raise InputError(f"epsilon_sweep needs a solution, rbfnet.solve(problem) or rbfnet.fit(x, y), but got {solution!r:.60}.")
    model, problem = copy.deepcopy(solution.model), copy.copy(solution.problem)
    if isinstance(model, Evolving) or not isinstance(innermost(model), RBFNetwork):
        raise InputError("epsilon_sweep needs weights that do not depend on time; solve with solver=LeastSquares().")
    layer = cast(RBFNetwork, innermost(model)).layer
    if isinstance(layer.kernel, Polyharmonic):
        raise InputError(f"epsilon has no effect on {layer.kernel!r}; choose another kernel.")
    layer.automatic = False
    problem.follow(model.num_centers)
    dtype = model.centers.dtype
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        samples = {name: _cast(sample, dtype) for name, sample in problem.sample().items()}
        LeastSquares().check(model, problem, samples)
    return model, problem, samples


def _cast(sample: Sample, dtype: torch.dtype) -> Sample:
    def to(part: Tensor | None) -> Tensor | None:
        return part if part is None or not part.is_floating_point() else part.to(dtype)

    sites, data = (tuple(cast(Tensor, to(x)) for x in part) for part in (sample.sites, sample.data))
    return Sample(sites, to(sample.normal), to(sample.weights), data)


def _solved(model: Any, problem: Problem, samples: dict[str, Sample]) -> _Solved:
    """Solve for the weights of the model as it is."""
    torch.manual_seed(0)
    with torch.no_grad():
        posed = Posed(model, problem, samples, automatic_scales(model, problem, samples))
        condition = Factored(posed.linear_system().matrix).condition(STEPS)
        optimizer = cast(Solving, LeastSquares().optimizer(model, problem))
        optimizer.improve(posed)
        return _Solved(_error(model, problem, samples, optimizer.left_out), condition)


def _error(model: Any, problem: Problem, samples: dict[str, Sample], left_out: Tensor | None) -> float:
    if (test := problem.test_set()) is not None:
        y = test.y.to(model.centers)
        return _relative(model(test.x.to(model.centers)) - y, y)
    if left_out is not None and isinstance(problem, DataProblem):
        return _relative(left_out, problem.train_set.y.to(left_out))
    return max(miss.rms for miss in misses(model, problem, fresh_points(problem, samples)))


def _relative(difference: Tensor, y: Tensor) -> float:
    known = torch.isfinite(difference) & torch.isfinite(y)
    return float(difference[known].norm() / y[known].norm()) if known.any() else float("nan")


def _called(problem: Problem) -> str:
    if problem.test_set() is not None:
        return "relative L2 error" + (" (held-out rows)" if isinstance(problem, DataProblem) else "")
    return "relative L2 error (leave-one-out)" if isinstance(problem, DataProblem) else "relative residual at fresh points"


def _draw(ax: Axes, epsilons: np.ndarray, along: Sequence[_Solved], chosen: float, at_chosen: _Solved, called: str) -> Axes:
    errors, conditions = np.array(along).T
    ax.plot(epsilons, errors, color="C0", linestyle="-", marker="o", markersize=4, label=called, zorder=2)
    ax.axvline(chosen, color="0.5", linestyle=":", linewidth=1, zorder=1)
    ax.plot(
        [chosen], [at_chosen.error], "*", color="C0", markersize=13, label=f"epsilon = {chosen:.3g}, of the solution", zorder=3
    )
    ax.set(xscale="log", yscale="log", xlabel="shape parameter epsilon", ylabel=called)
    right = ax.twinx()
    right.plot(epsilons, conditions, color="C1", linestyle="--", marker="s", markersize=3, label="condition number (right)")
    right.set(yscale="log", ylabel="condition number")
    right.spines["right"].set_visible(True)
    handles, labels = ([*one, *other] for one, other in zip(*(a.get_legend_handles_labels() for a in (ax, right)), strict=True))
    ax.legend(handles, labels, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return ax
