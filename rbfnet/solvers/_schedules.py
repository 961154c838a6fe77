"""How the step size of a descent changes over its epochs."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, pi

FALL = 1e-3
"""What the exponential schedule ends at, as a fraction of where it begins."""

SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda t: 1.0,
    "cosine": lambda t: (1 + cos(pi * t)) / 2,
    "exponential": lambda t: FALL**t,
}
"""By name: the factor on the step size as a function of the fraction t of the epochs that are done, warm-up not counted."""


def factor(schedule: str, epoch: int, epochs: int, warmup: int) -> float:
    """The factor on the step size in ``epoch`` of ``epochs``: a line from 1 / (warmup + 1) up, then the schedule.

    A run that is longer than planned continues with the last factor.
    """
    if epoch < warmup:
        return (epoch + 1) / (warmup + 1)
    return SCHEDULES[schedule](min(epoch - warmup, epochs - 1 - warmup) / (epochs - warmup))
