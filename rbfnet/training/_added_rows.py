"""Add rows to a fit to data."""

from __future__ import annotations

import time
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError
from rbfnet.operators import Operator
from rbfnet.problems import DataProblem
from rbfnet.solvers import Posterior
from rbfnet.solvers.assembly import Values
from rbfnet.training._model import Network
from rbfnet.training._solution import Solution
from rbfnet.training._summary import by_verdict, errors_by
from rbfnet.training.verdict import accuracy_for, fitted, judge_data


def with_rows(
    solution: Solution, x: Float[Tensor, "N D"], y: Float[Tensor, "N O"], weights: Float[Tensor, " N"] | None = None
) -> Solution:
    """The fit to these rows and to those of ``solution``, with its widths, smoothing and units.

    Args:
        solution: a fit to all rows of its :class:`rbfnet.problems.DataProblem`.
        x, y: the further rows. weights: (N,), positive, the inverse variance of each; None if all rows have the same.

    Raises:
        InputError: not a fit to all rows of its problem, or weights where the former rows have none.

    Example:
        >>> import torch, rbfnet
        >>> x = torch.linspace(0, 1, 30, dtype=torch.float64)[:, None]
        >>> some = rbfnet.fit(x[::2], x[::2] ** 2, kernel="cubic")
        >>> rbfnet.training.with_rows(some, x[1::2], x[1::2] ** 2).num_centers
        30
    """
    started, old, posterior = time.perf_counter(), solution.problem, solution.posterior
    if posterior is None or not isinstance(old, DataProblem) or old.test_set() or old.validation_set():
        raise InputError("Rows can only be added to a fit to all rows of its data (test=0) that was not loaded.")
    before = old.row_weights()
    if (before is None) != (weights is None):
        raise InputError("Give weights for the further rows if, and only if, the former rows have weights.")
    problem = DataProblem(
        torch.cat([old.train_set.x, x]),
        torch.cat([old.train_set.y, y]),
        old.domain.coords,
        old.outputs,
        scale=old.scale,
        periodic=old.periodic,
        sphere=old.sphere,
        weights=None if before is None or weights is None else torch.cat([before, weights]),
    )
    model, posterior, left_out = _extended(posterior, problem)
    rows = problem.train_set
    with torch.no_grad():
        loss = ((model(rows.x) - rows.y) / problem.units().output_scale).square().mean(dim=0).sum()
    words = [f"{len(x):,} rows were added to {len(old.train_set.x):,}; widths, smoothing and units are those chosen before."]
    summary = {
        **solution.summary,
        "centers": model.num_centers,
        "parameters": sum(p.numel() for p in model.parameters()),
        "seconds": round(time.perf_counter() - started, 3),
        "loss": float(loss),
        "words": words,
        **_measured(model, problem, left_out),
    }
    known = left_out if summary["errors_by"] == "leave-one-out" else None
    return Solution(model, problem, summary["errors"], summary, left_out=known, history=solution.history, posterior=posterior)


def _extended(posterior: Posterior, problem: DataProblem) -> tuple[Network, Posterior, Tensor]:
    """The model, its error bars, and the leave-one-out errors (N, O): what is predicted less the value."""
    rows = problem.train_set
    with torch.no_grad():
        offset = posterior.model.offset(rows.x, Operator.identity())
        values = Values(rows.x, rows.y if offset is None else rows.y - offset)
        found, missed = posterior.extended(values, problem.sites(), problem.row_weights())
    return cast(Network, found.model), found, -missed


def _measured(model: Network, problem: DataProblem, left_out: Tensor) -> dict[str, Any]:
    """The entries of the summary on errors and verdict."""
    known = not torch.isnan(left_out).all()
    found = ("leave-one-out", left_out, problem.train_set.y) if known else fitted(model, problem)
    return errors_by(problem, *found) | by_verdict(judge_data(problem, *found, accuracy_for(problem, None)))
