"""The residuals of a problem: the one place where models meet conditions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from jaxtyping import Float
from torch import Tensor

from rbfnet.operators import Operator
from rbfnet.problems._problem import Problem
from rbfnet.problems.conditions import Condition, Sample

Known = Mapping[str, Sequence[Sequence[Operator]]]
"""For each condition the operators its residual is known to need at each site, which then share one pass over the distances."""


def residuals_of(
    problem: Problem,
    condition: Condition,
    models: Sequence[Callable[[Tensor], Tensor]],
    sample: Sample,
    known: Sequence[Iterable[Operator]] | None = None,
) -> tuple[Float[Tensor, " B"], ...]:
    """The residual of each equation of a condition, unweighted.

    Args:
        problem, condition: whose residual it is.
        models: for each site of the sample what stands for the solution there.
        sample: the points. known: for each site the operators that are known to be needed.

    Raises:
        InputError: a residual that is not one number per point.

    Example:
        >>> from rbfnet.problems import Poisson, residuals_of
        >>> problem = Poisson(num_interior=9, num_boundary=8)
        >>> condition = problem.named_conditions()["dirichlet"]
        >>> (residual,) = residuals_of(problem, condition, [lambda x: x.sum(dim=1)], condition.sample(problem))
        >>> residual.shape
        torch.Size([8])
    """
    return condition.equations(problem.fields(models, sample, known), sample.data)


def residuals(
    problem: Problem, model: Callable[[Tensor], Tensor], samples: Mapping[str, Sample], known: Known | None = None
) -> Iterator[tuple[str, Sample, tuple[Float[Tensor, " B"], ...]]]:
    """For each condition that has points its name, its points and the residual of each of its equations, unweighted.

    Example:
        >>> import torch
        >>> from rbfnet import RBFNetwork
        >>> from rbfnet.problems import Poisson, residuals
        >>> problem = Poisson(num_interior=9, num_boundary=8)
        >>> network = RBFNetwork(2, 1, num_centers=4, dtype=torch.float64)
        >>> [(name, len(values)) for name, _, values in residuals(problem, network, problem.sample())]
        [('interior', 1), ('dirichlet', 1)]
    """
    for name, condition in problem.named_conditions().items():
        if name in samples:
            sample = samples[name]
            models = [model] * len(sample.sites)
            yield name, sample, residuals_of(problem, condition, models, sample, known[name] if known else None)
