"""Which conditions are conditions at a time, and where."""

from __future__ import annotations

import torch

from rbfnet.errors import InputError
from rbfnet.problems import Condition, Initial, Interior, Problem, Sample


def starts(problem: Problem, sample: Sample) -> bool:
    """Whether all points of a sample are at the start of time."""
    begin, end = problem.domain.box[:, -1].tolist()
    return all(bool(((x[:, -1] - begin).abs() <= 1e-9 * (end - begin)).all()) for x in sample.sites)


def distinct(sample: Sample) -> Sample:
    """The points that are different in space."""
    parts = [x[:, :-1] for x in sample.sites] + ([] if sample.normal is None else [sample.normal])
    _, inverse = torch.unique(torch.cat(parts, dim=1), dim=0, return_inverse=True)
    first = torch.full((int(inverse.max()) + 1,), len(inverse)).scatter_reduce(
        0, inverse, torch.arange(len(inverse)), "amin", include_self=True
    )
    return sample.rows(first.sort().values)


def require_carried(problem: Problem, conditions: dict[str, Condition], samples: dict[str, Sample]) -> None:
    """Raise InputError for conditions that are not conditions at a time."""
    begin, end = problem.domain.box[:, -1].tolist()
    for name, condition in conditions.items():
        sample = samples[name]
        fault = ""
        if sample.weights is not None:
            fault = "is an integral"
        elif sample.data and not starts(problem, sample):
            fault = "has values at points of its own"
        elif not isinstance(condition, (Interior, Initial)) and all(
            bool(((x[:, -1] - end).abs() <= 1e-9 * (end - begin)).all()) for x in sample.sites
        ):
            fault = "holds at the end"
        if fault:
            raise InputError(
                f"evolve goes through time and needs conditions that hold at every time or at the start, but {name!r} {fault}; "
                "take solver=gauss_newton."
            )
    if not any(isinstance(condition, Interior) for condition in conditions.values()):
        raise InputError(f"{type(problem).__name__} has no equation for evolve to carry; yield an Interior.")
