"""Never NaN, never infinite: any kernel, metric and operator, at centres, next to them and far away."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rbfnet import Operator
from rbfnet.kernels import Kernel
from rbfnet.nn import METRICS, RBFNetwork
from tests.kernels.shipped import GROWTH

FAR = {torch.float32: 1e8, torch.float64: 1e70}
"""How far epsilon r may be for an operator of fourth order (``radial_columns``)."""

FAR_WITH_GRADIENTS = {torch.float32: 1e6, torch.float64: 1e56}
"""A gradient takes one power of the distance more."""

OPERATORS = [
    Operator.identity(),
    Operator.d(2),
    Operator.d(0, 1),
    Operator.laplacian(0, 1, 2),
    Operator.laplacian(0, 2) + 0.5 * Operator.identity(),
    Operator.d(0, 1, 2) - Operator.d(1, 1, 1),
    Operator.d(1) @ Operator.laplacian(0, 1, 2),
    Operator.d(0, 0, 1, 2),
    Operator.biharmonic(0, 1, 2),
    Operator.biharmonic(0, 1),
]


def far(kernel: Kernel, dtype: torch.dtype, limits: dict[torch.dtype, float]) -> float:
    """Up to the limit, and up to where r^growth is a number with some room."""
    room = torch.finfo(dtype).max * 1e-4
    return min(limits[dtype], room ** (1.0 / max(1.0, GROWTH[kernel])))


def points(data: Any, dtype: torch.dtype, most: float, epsilon: float) -> Tensor:
    """At the first centre, which is the origin, next to it, somewhere, and far away."""
    # A derivative is also multiplied by epsilon.
    most /= epsilon * max(1.0, epsilon)
    exponent = st.floats(-30.0, 0.5) | st.floats(0.0, math.log10(most))
    radius = st.just(0.0) | exponent.map(lambda e: 10.0**e)
    angle = st.sampled_from([0.0, math.pi / 4, math.pi / 2, 2.0, -1.0])
    found = data.draw(st.lists(st.tuples(radius, angle, angle), min_size=1, max_size=5))
    rows = [[r * math.cos(a) * math.cos(b), r * math.sin(a) * math.cos(b), r * math.sin(b)] for r, a, b in found]
    return torch.tensor(rows, dtype=dtype)


def network(data: Any, kernel: Kernel, dtype: torch.dtype, epsilon: float) -> RBFNetwork:
    metric, per_center = data.draw(st.sampled_from(sorted(METRICS))), data.draw(st.booleans())
    # Also two centres that are one point.
    centers = torch.tensor([[0.0, 0.0, 0.0], [0.4, -0.3, 0.1], [0.4, -0.3, 0.1]], dtype=dtype)
    made = RBFNetwork(3, 2, None, kernel, centers, epsilon, degree=-1, metric=metric, per_center=per_center, dtype=dtype)
    seed = data.draw(st.integers(0, 9))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        made.metric.raw.add_(0.5 * torch.rand(made.metric.raw.shape, dtype=dtype, generator=generator) - 0.5)
        made.weight.add_(torch.randn(made.weight.shape, dtype=dtype, generator=generator))
    return made


each_kernel = pytest.mark.parametrize("kernel", GROWTH, ids=str)


@each_kernel
@settings(max_examples=20, deadline=None, derandomize=True)
@given(data=st.data())
def test_operators_are_finite_wherever_the_points_lie(kernel: Kernel, data: Any) -> None:
    dtype = data.draw(st.sampled_from([torch.float32, torch.float64]))
    op = data.draw(st.sampled_from([op for op in OPERATORS if op.order <= kernel.smoothness]))
    epsilon = 10.0 ** data.draw(st.floats(-2.0, 2.0))
    made, x = network(data, kernel, dtype, epsilon), points(data, dtype, far(kernel, dtype, FAR), epsilon)
    for value in (made.apply_operator(x, op), made.features(x, op)):
        assert torch.isfinite(value).all() and value.dtype == dtype


@each_kernel
@settings(max_examples=20, deadline=None, derandomize=True)
@given(data=st.data())
def test_gradients_of_operators_are_finite_wherever_the_points_lie(kernel: Kernel, data: Any) -> None:
    dtype = data.draw(st.sampled_from([torch.float32, torch.float64]))
    op = data.draw(st.sampled_from([op for op in OPERATORS if op.order <= max(0.0, kernel.smoothness - 1)]))
    epsilon = 10.0 ** data.draw(st.floats(-2.0, 2.0))
    made = network(data, kernel, dtype, epsilon)
    x = points(data, dtype, far(kernel, dtype, FAR_WITH_GRADIENTS), epsilon).requires_grad_()
    wanted = [x, *made.parameters()]
    for value in (made.apply_operator(x, op), made.features(x, op)):
        for gradient in torch.autograd.grad(value.sum(), wanted, allow_unused=True, materialize_grads=True):
            assert torch.isfinite(gradient).all() and gradient.dtype == dtype
