"""Choose the kernel of a fit to data by leave-one-out errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError, number
from rbfnet.problems import DataProblem
from rbfnet.solvers import Auto, LeastSquares, as_solver

if TYPE_CHECKING:
    from rbfnet.training._solution import Solution

KERNELS = ("thin_plate_spline", "matern", "multiquadric", "gaussian")
"""The kernels compared, the most robust first."""

ROWS = 400
"""Maximum number of rows used for the comparison, because every fit has cubic cost."""

PER_CENTER = 4
"""Minimum number of these rows per centre, if the number of centres is given."""

ROUNDED = 0.75
"""Relative errors below this power of the machine epsilon are considered equal."""

FEWEST = 10
"""Minimum number of leave-one-out errors for a comparison."""

CLEAR = 0.8
"""A kernel replaces the most robust one if its leave-one-out error is lower by this factor."""

BULK = 0.5
"""The fraction of rows, those with the smallest errors, by which kernels are compared too."""


class Choice(NamedTuple):
    """The name of the chosen kernel, and a sentence on why."""

    kernel: str
    words: str


def choose_kernel(
    problem: DataProblem, solve: Callable[..., Solution], num_centers: int | None, options: Mapping[str, Any]
) -> Choice:
    """Fit with each kernel, each with the best width and smoothing, and compare the leave-one-out errors.

    The score of a kernel is the larger of two ratios of its errors to those of the most robust kernel: the root mean square of
    all rows, and of the half with the smallest errors. The first alone is decided by a few rows at the boundary, where leaving
    one out is extrapolation; the second alone ignores discontinuities.

    Source: Rippa, Adv. Comput. Math. 11 (1999), for leave-one-out errors. The fractions were found by measurement.

    Args:
        problem: the data. At most 400 rows, drawn at random, are used.
        solve: :func:`rbfnet.solve`.
        num_centers, options: as in :func:`rbfnet.fit`.

    Raises:
        InputError: data other than values, another solver than least_squares, an array of shape parameters, or no kernel can be
            fitted.
    """
    if len(problem.named_conditions()) > 1:
        raise InputError("kernel='auto' compares fits to values alone, but there are gradients or other data; name a kernel.")
    if problem.bounds():
        raise InputError("kernel='auto' compares fits without bounds; name a kernel.")
    count = len(problem.train_set.x)
    rows = torch.randperm(count, generator=torch.Generator().manual_seed(0))[:ROWS].sort().values
    part, few = _part(problem, rows), {**options, **_fewer(num_centers, options, rows), "allow_unsolved": True}
    missed: dict[str, Tensor] = {}
    refused: InputError | None = None
    for kernel in KERNELS:
        try:
            found = solve(part, kernel=kernel, **few).left_out
        except InputError as error:
            refused = refused or error
            continue
        nothing = torch.full_like(part.train_set.y, torch.nan)
        missed[kernel] = nothing if found is None else found.abs() / part.units().output_scale.to(found)
    if refused is not None and not missed:
        raise refused
    return _compared(missed, "" if len(rows) == count else f" at {len(rows):,} of {count:,} rows")


def _part(problem: DataProblem, rows: Tensor) -> DataProblem:
    """Some of the rows that are not held out."""
    weights, data = problem.row_weights(), problem.train_set
    return DataProblem(
        data.x[rows],
        data.y[rows],
        problem.domain.coords,
        problem.outputs,
        scale=problem.scale,
        periodic=problem.periodic,
        sphere=problem.sphere,
        weights=None if weights is None else weights[rows],
    )


def _fewer(num_centers: int | None, options: Mapping[str, Any], rows: Tensor) -> dict[str, Any]:
    """The options that depend on the number of rows."""
    solver, centers, epsilon = as_solver(options["solver"]), options["centers"], options.get("epsilon", "auto")
    if isinstance(solver, Auto):
        solver = LeastSquares()  # as it does for data
    if not isinstance(solver, LeastSquares):
        raise InputError(f"kernel='auto' compares fits by least_squares, but got solver={solver.name}; name a kernel.")
    if isinstance(epsilon, Tensor) and epsilon.ndim:
        raise InputError("kernel='auto' chooses the width of each kernel, but epsilon is an array; name a kernel.")
    smoothing = solver.smoothing[rows] if isinstance(solver.smoothing, Tensor) else solver.smoothing
    most = max(1, len(rows) // PER_CENTER)
    if isinstance(centers, Tensor):
        centers = centers[:: max(1, -(-len(centers) // most))]
    if num_centers is not None and number(num_centers) is not None:
        num_centers = min(num_centers, most)
    return {"solver": LeastSquares(smoothing=smoothing), "centers": centers, "num_centers": num_centers}


def _compared(missed: Mapping[str, Float[Tensor, "N O"]], where: str) -> Choice:
    """The kernel with the least score; the first of those fitted unless another is clearly better."""
    common = ~torch.stack([torch.isnan(each) for each in missed.values()]).any(dim=0)
    first, *others = missed
    if common.sum() < FEWEST:
        return Choice(first, f"kernel='auto' took {first}: there are too few points to compare kernels.")
    errors = {kernel: each[common].sort().values for kernel, each in missed.items()}
    bulk = max(1, round(BULK * int(common.sum())))

    def score(kernel: str) -> float:
        return max(_root(errors[kernel]) / _root(errors[first]), _root(errors[kernel][:bulk]) / _root(errors[first][:bulk]))

    best = min(others, key=score, default=first)
    chosen = best if others and score(best) < CLEAR else first
    missed_by = {kernel: _root(each) for kernel, each in errors.items()}
    words = f"kernel='auto' took {chosen}: its leave-one-out error{where} is {_percent(missed_by[chosen])} of the spread"
    if not others:
        return Choice(chosen, f"{words}; no other kernel could be fitted.")
    runner = min((kernel for kernel in errors if kernel != chosen), key=score)
    clearly = "" if missed_by[runner] > missed_by[chosen] else ", which is not clearly less"
    return Choice(chosen, f"{words}, that of the runner-up, {runner}, {_percent(missed_by[runner])}{clearly}.")


def _root(errors: Tensor) -> float:
    """The root mean square, at least what rounding can make of it: among kernels that are exact the most robust is taken."""
    return max(float(errors.square().mean().sqrt()), torch.finfo(errors.dtype).eps ** ROUNDED)


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"
