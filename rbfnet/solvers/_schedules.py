"""Learning-rate schedules."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, pi

FALL = 1e-3
"""The final factor of the exponential schedule."""

SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda t: 1.0,
    "cosine": lambda t: (1 + cos(pi * t)) / 2,
    "exponential": lambda t: FALL**t,
}
"""By name: the factor on the step size as a function of the fraction t of completed epochs, excluding warm-up."""


def factor(schedule: str, epoch: int, epochs: int, warmup: int) -> float:
    """The factor on the step size in ``epoch`` of ``epochs``: a linear ramp from 1 / (warmup + 1), then the schedule.

    A run that is longer than planned continues with the last factor.
    """
    if epoch < warmup:
        return (epoch + 1) / (warmup + 1)
    return SCHEDULES[schedule](min(epoch - warmup, epochs - 1 - warmup) / (epochs - warmup))
