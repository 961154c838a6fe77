"""Errors of a model relative to a reference."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.operators import Model
from rbfnet.problems import DataProblem, Problem
from rbfnet.solvers import Solving
from rbfnet.training._model import Network


def errors(model: Model, x: Float[Tensor, "N D"], y: Float[Tensor, "N O"]) -> dict[str, float]:
    """Errors of a model relative to values y (N, O) at points x (N, D); see :func:`errors_of`.

    Example:
        >>> import torch
        >>> from rbfnet.training import errors
        >>> x = torch.tensor([[0.0], [1.0]])
        >>> errors(lambda x: 1.1 * x, x, x)["rmse"] < 0.08
        True
    """
    with torch.no_grad():
        return errors_of(model(x) - y, y)


def errors_of(difference: Float[Tensor, "N O"], y: Float[Tensor, "N O"]) -> dict[str, float]:
    """Norms of a difference from values y, over all points and outputs.

    - ``rel_l2``: |difference| / |y|.
    - ``max_abs``: the largest absolute value.
    - ``rmse``: the root mean square.
    - ``rel_std``: the root mean square relative to the standard deviation of each output, so that predicting the mean gives 1;
      for several outputs, the root mean square over the outputs. For constant values it is relative to their size.

    If y is zero everywhere, relative errors are absolute ones. Entries where either is NaN (outside the region of an output, or
    a row that was not left out) are skipped.

    Raises:
        ValueError: nothing can be compared.

    Example:
        >>> import torch
        >>> from rbfnet.training import errors_of
        >>> y = torch.tensor([[3.0], [4.0]])
        >>> errors_of(torch.tensor([[0.0], [1.0]]), y)["rel_l2"]
        0.2
    """
    known = ~(torch.isnan(y) | torch.isnan(difference))
    if not known.any():
        raise ValueError("There is nothing to compare: a difference or a value is NaN everywhere.")
    each = [_to_spread(difference[k, o], y[:, o][~torch.isnan(y[:, o])]) for o, k in enumerate(known.T) if k.any()]
    difference, y = difference[known], y[known]
    return {
        "rel_l2": float(difference.norm()) / (float(y.norm()) or 1.0),
        "max_abs": float(difference.abs().max()),
        "rmse": float(difference.square().mean().sqrt()),
        "rel_std": math.sqrt(sum(each) / len(each)),
    }


def compared(model: Network, problem: Problem, solving: Sequence[Solving]) -> tuple[str, Tensor, Tensor] | None:
    """How the errors of a run are measured, the differences from values there, and these values; None if there are none.

    Args:
        model, problem: the run's.
        solving: the optimizers at the end of the run that are of class ``Solving``.
    """
    test = problem.test_set()
    if test is not None:
        y = test.y.to(model.weight)
        with torch.no_grad():
            return "held-out rows" if isinstance(problem, DataProblem) else "reference", model(test.x.to(y)) - y, y
    if not isinstance(problem, DataProblem):
        return None
    y = problem.train_set.y.to(model.weight)
    left_out = next((optimizer.left_out for optimizer in solving if optimizer.left_out is not None), None)
    if left_out is not None:
        # Solvers give the value less what is predicted without it.
        return None if torch.isnan(left_out).all() else ("leave-one-out", -left_out, y)
    return fitted(model, problem)


def fitted(model: Network, problem: DataProblem) -> tuple[str, Tensor, Tensor]:
    """The differences of a model from the rows that it was fitted to."""
    y = problem.train_set.y.to(model.weight)
    with torch.no_grad():
        return "fitted rows", model(problem.train_set.x.to(y)) - y, y


def _to_spread(difference: Float[Tensor, " K"], y: Float[Tensor, " N"]) -> float:
    """The mean square of a difference divided by the variance of the values."""
    size = float(y.square().mean())
    spread = float(y.var(correction=0))
    rounding = (10 * torch.finfo(y.dtype).eps) ** 2 * size
    return float(difference.square().mean()) / (spread if spread > rounding else size or 1.0)
