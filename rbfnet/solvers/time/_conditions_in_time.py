"""Which conditions are conditions at a time, and where."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError
from rbfnet.operators import LinearModel, Operator
from rbfnet.problems import Condition, Initial, Interior, Problem, Sample
from rbfnet.solvers.time._space_basis import too_narrow

REACHED = 0.3
"""Functions reach a point if sum psi_i(x)^2 there is at least the square of this, relative to its mean inside."""


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


def reached(name: str, sample: Sample, network: LinearModel, basis: Float[Tensor, "N n"]) -> Sample:
    """The points of a boundary condition where functions of a space, orthonormal inside, can have values.

    Between kernels that are narrower than their distances they cannot. A boundary condition there would be satisfied by weights
    that are larger by as much as the kernels are small: exp(r^2) times.

    Raises:
        InputError: there are none.
    """
    sites = [x[:, :-1] for x in sample.sites if x.shape[1] > 1]
    if not sites:
        return sample
    with torch.no_grad():
        sizes = [(network.features(x, Operator.identity()) @ basis).norm(dim=1) for x in sites]
    here = torch.stack(sizes).amin(dim=0) >= REACHED * basis.shape[1] ** 0.5
    if not here.any():
        raise InputError(too_narrow(f"the points of condition {name!r}"))
    return sample if here.all() else sample.rows(here.nonzero()[:, 0])


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
