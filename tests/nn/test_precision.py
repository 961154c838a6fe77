"""float32 is as accurate as its rounding, wherever the domain lies and however narrow the kernels are."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor

from rbfnet import Operator
from rbfnet.kernels import Kernel
from rbfnet.nn import METRICS, RBFNetwork
from tests.kernels.shipped import KERNELS

OPERATORS = [
    Operator.identity(),
    Operator.d(0),
    Operator.d(1),
    Operator.d(0, 0),
    Operator.d(0, 1),
    Operator.d(1, 1),
    Operator.laplacian(0, 1),
]
EPSILON = 30.0
"""Of a box of side 1."""

TOLERANCE = 1e-5
"""Of the largest value of a channel."""


def made(kernel: Kernel, metric: str, per_center: bool, shift: float) -> tuple[RBFNetwork, Tensor]:
    """A network of float32, and points: some anywhere, some at centres, some next to them."""
    generator = torch.Generator().manual_seed(0)
    centers = shift + torch.rand(40, 2, generator=generator)
    network = RBFNetwork(2, 1, None, kernel, centers, EPSILON, degree=-1, metric=metric, per_center=per_center)
    with torch.no_grad():
        network.metric.raw.add_(0.3 * torch.randn(network.metric.raw.shape, generator=generator))
        network.weight.add_(torch.randn(network.weight.shape, generator=generator))
    near = centers[:20].repeat(3, 1) + 10.0 ** -torch.arange(1.0, 4.0).repeat_interleave(20)[:, None]
    return network, torch.cat([shift + torch.rand(100, 2, generator=generator), centers, near])


def worst(got: Tensor, wanted: Tensor) -> float:
    """The largest error of any channel (last dimension), in units of its largest value."""
    error = (got.double() - wanted).abs().flatten(0, -2).amax(dim=0)
    return float((error / wanted.abs().flatten(0, -2).amax(dim=0)).max())


@pytest.mark.parametrize(
    ("per_center", "shift"), [(False, 0.0), (False, 100.0), (True, 100.0)], ids=["", "shifted", "per centre, shifted"]
)
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kernel", KERNELS, ids=str)
def test_float32_is_as_accurate_as_its_rounding(kernel: Kernel, metric: str, per_center: bool, shift: float) -> None:
    network, x = made(kernel, metric, per_center, shift)
    double: Any = copy.deepcopy(network).double()
    ops = [op for op in OPERATORS if op.order <= kernel.smoothness]
    with torch.no_grad():
        assert worst(network.layer.apply_operators(x, ops), double.layer.apply_operators(x.double(), ops)) <= TOLERANCE
        for chosen in (ops, [op for op in ops if op in (OPERATORS[0], OPERATORS[-1])]):
            value = network.apply_operators(x, chosen)
            assert value.dtype == torch.float32
            assert worst(value, double.apply_operators(x.double(), chosen)) <= TOLERANCE
