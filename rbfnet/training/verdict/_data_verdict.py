"""The verdict on a fit to data, at held-out rows."""

from __future__ import annotations

import math
from dataclasses import asdict

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.problems import DataProblem
from rbfnet.solvers.validation import Miss, common_part
from rbfnet.training.verdict._verdict import AT_MOST, AT_WORST, ROUGH, SOLVED, Verdict, percent

NOTHING = 0.98
"""A relative error above this is no better than predicting the mean."""

FEW = 12
"""With fewer rows, leave-one-out errors are large even for a good fit."""


def judge_data(
    problem: DataProblem, by: str, difference: Float[Tensor, "N O"], y: Float[Tensor, "N O"], accuracy: float
) -> Verdict:
    """The verdict on a fit, from its errors at held-out rows or its leave-one-out errors.

    Errors are relative to the standard deviation of the values, so that 1 is no better than predicting their mean. With
    a = ``accuracy`` a fit is ``solved`` up to 10 a and 20 %; ``rough`` up to 100 a and 50 %, or if its error is noise (nearly
    uncorrelated between neighbouring rows); and ``not solved`` otherwise. If all rows were fitted, the verdict is ``rough`` at
    best. With fewer than :data:`FEW` rows it is ``rough`` at worst.

    Args:
        problem: the problem.
        by: how the differences were measured, as in ``summary["errors_by"]``.
        difference: the errors of the fit at these rows. y: the values there.
        accuracy: the relative accuracy.
    """
    rows = problem.test_set() or problem.train_set
    found = [_missed(problem, by, k, rows.x, difference[:, k], y[:, k]) for k in range(y.shape[1])]
    worst, common = max(found, key=lambda pair: pair[0].rms)
    name = problem.outputs[worst.equation]
    sentences = []
    if by == "fitted rows":
        word = "rough" if worst.rms <= AT_WORST else "not solved"
        sentences = ["All rows were fitted, which says little about the fit between them; hold out some rows (test=0.1)."]
    elif worst.rms <= min(SOLVED * accuracy, AT_MOST):
        word = "solved"
    elif worst.rms <= min(ROUGH * accuracy, AT_WORST) or (len(y) < FEW and math.isfinite(worst.rms)):
        word = "rough"
    else:
        word = "rough" if common <= min(SOLVED * accuracy, AT_MOST) and worst.rms < NOTHING else "not solved"
    if by != "fitted rows" and word != "solved":
        noise = " the errors at neighbouring rows are nearly uncorrelated, as noise is" if common <= worst.rms / 2 else ""
        sentences = [f"{name!r} has a relative error of {percent(worst.rms)} at held-out rows{';' * bool(noise)}{noise}."]
        if word == "rough" and len(y) < FEW:
            sentences.append(f"{len(y)} rows are too few for a verdict.")
        elif worst.rms >= NOTHING:
            sentences.append(
                "The mean of the values would be as good: the inputs do not predict them, or the noise is too large."
            )
        elif word == "not solved":
            sentences.append("Try more rows where the values vary, or another kernel.")
    return Verdict(word, tuple({**asdict(miss), "at": list(miss.at)} for miss, _ in found), tuple(sentences), worst.rms)


def _missed(problem: DataProblem, by: str, number: int, x: Tensor, difference: Tensor, y: Tensor) -> tuple[Miss, float]:
    """The relative error of one output, and the part of it that is correlated between neighbours."""
    scale = float(y.std(correction=0)) or float(y.abs().max()) or 1.0
    # Rows that were not left out are ignored; a non-finite fit has an infinite error.
    known = ~torch.isnan(difference) if by == "leave-one-out" else torch.ones_like(difference, dtype=torch.bool)
    difference, x = difference[known].nan_to_num(nan=math.inf), x[known.to(x.device)]
    rms, where = float(difference.square().mean().sqrt()), int(difference.abs().argmax())
    common = common_part(difference, problem.standardised(x.to(y))) / scale if math.isfinite(rms) else math.inf
    share = float((difference.abs() > 0.5 * scale).double().mean())
    at = tuple(x[where].tolist())
    return Miss("data", number, rms / scale, float(difference.abs().max()) / scale, at, share, rms, scale, rms / scale, 0), common
