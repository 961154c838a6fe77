"""Whether a problem is linear."""

from __future__ import annotations

import torch

from rbfnet.errors import InputError
from rbfnet.operators import Recorder
from rbfnet.problems import Condition, Problem, Sample
from rbfnet.solvers.assembly._linearize import derivatives


def is_linear(problem: Problem, samples: dict[str, Sample]) -> bool:
    """Whether all residuals are linear in the field."""
    try:
        return nonlinear(problem, samples) is None
    except InputError:
        return False


def require_linear(problem: Problem, samples: dict[str, Sample], advice: str) -> None:
    """Raise InputError, naming the condition, if a residual is not linear in the field."""
    if (name := nonlinear(problem, samples)) is not None:
        raise InputError(f"Condition {name!r} of {type(problem).__name__} is not linear in the solution; {advice}.")


def nonlinear(problem: Problem, samples: dict[str, Sample]) -> str | None:
    """The first condition with a residual that is not linear in the field; None if all are.

    A linear residual has the same derivatives with respect to its channels for all values.

    Raises:
        InputError: a condition that does not depend on the field.
    """
    conditions = problem.named_conditions().items()
    return next((name for name, condition in conditions if not depends_linearly(condition, problem, samples[name])), None)


def depends_linearly(condition: Condition, problem: Problem, sample: Sample) -> bool:
    """Whether the residuals of one condition are linear in the field.

    Raises:
        InputError: one that does not depend on the field.
    """
    # Values of both signs and several magnitudes detect dependence on the sign or size of the solution.
    draws = [
        derivatives(condition, problem, [Recorder(len(problem.outputs), scale=s) for _ in sample.sites], sample)
        for s in (1e-3, 1.0, 1e3)
    ]
    for equation in zip(*draws, strict=True):
        if not any(by_channel for _, by_channel in equation):
            raise InputError(f"Condition {condition.name!r} does not depend on the solution; use the field in its residual.")
        slopes = [list(by_channel.values()) for _, by_channel in equation]
        # Channels are compared in order: a direction created inside the residual is a new tensor each time.
        names = {tuple((site, str(op), output) for site, op, output in by_channel) for _, by_channel in equation}
        same = len(names) == 1 and all(
            torch.allclose(a, b, rtol=1e-9, atol=1e-12) for other in slopes[1:] for a, b in zip(slopes[0], other, strict=True)
        )
        if not same:
            return False
    return True
