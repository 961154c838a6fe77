from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from rbfnet import Problem
from rbfnet.nn import RBFNetwork
from rbfnet.solvers import Posed, automatic_scales
from rbfnet.training._isolated import default_dtype


@pytest.fixture
def posed() -> Callable[[Problem], Posed]:
    """A problem for twenty Gaussians with random weights."""

    def make(problem: Problem) -> Posed:
        with default_dtype(torch.float64):
            domain = problem.domain
            model = RBFNetwork(len(domain.coords), len(problem.outputs), 20, points=domain.box, epsilon=1.5, dtype=torch.float64)
            model.set_coefficients(torch.randn_like(model.coefficients))
            samples = problem.sample()
        return Posed(model, problem, samples, automatic_scales(model, problem, samples))

    return make
