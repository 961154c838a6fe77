from __future__ import annotations

from collections.abc import Callable

import pytest
from torch import Tensor

from rbfnet import Problem

Function = Callable[[Tensor], Tensor]


@pytest.fixture
def residuals() -> Callable[..., dict[str, float]]:
    """How far a function is from satisfying the conditions of a problem."""

    def worst(problem: Problem, model: Function, keep: Function | None = None) -> dict[str, float]:
        """The largest residual of each condition, inside the domain only at the points that are to be kept."""
        found = {}
        for name, sample in problem.sample().items():
            if keep is not None and name == "interior":
                sample = sample.rows(keep(sample.sites[0]))
            fields = problem.fields([model] * len(sample.sites), sample)
            equations = problem.named_conditions()[name].equations(fields, sample.data)
            found[name] = max(float(sample.contract(residual).abs().max()) for residual in equations)
        return found

    return worst
