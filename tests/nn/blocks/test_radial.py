"""Radial sums against the general formula, their hand-written gradients against autograd, in any number of blocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import gradcheck, gradgradcheck
from torch.func import functional_call, grad, jacfwd, jacrev, jvp, vmap

from rbfnet import Operator
from rbfnet.kernels import Kernel, Matern
from rbfnet.nn import RBFNetwork
from rbfnet.nn import _sums as routes
from rbfnet.nn.blocks._radial import radial_powers
from tests.kernels.shipped import KERNELS

F64 = torch.float64
LAPLACIAN, BIHARMONIC = Operator.laplacian(0, 1), Operator.biharmonic(0, 1)
CHANNELS = [Operator.identity(), LAPLACIAN, BIHARMONIC, 3.0 * LAPLACIAN, 2.0 * Operator.identity() - 0.5 * LAPLACIAN]
ROWS, CENTERS = 23, 6


def made(kernel: Any, per_center: bool = False, outputs: int = 3, shift: float = 0.0, epsilon: float = 1.2) -> RBFNetwork:
    torch.manual_seed(0)
    centers = shift + torch.rand(CENTERS, 2, dtype=F64)
    network = RBFNetwork(2, outputs, None, kernel, centers, epsilon, degree=-1, points=centers, per_center=per_center, dtype=F64)
    with torch.no_grad():
        network.metric.raw.add_(0.3 * torch.randn_like(network.metric.raw))
        network.weight.add_(torch.randn_like(network.weight))
    return network


def points(network: RBFNetwork, on_centers: bool = True) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    x = network.centers.detach()[:1] + torch.rand(ROWS, 2, dtype=F64, generator=generator) - 0.5
    return torch.cat([network.centers.detach(), x])[:ROWS] if on_centers else x


def in_both_ways(monkeypatch: pytest.MonkeyPatch, network: RBFNetwork, evaluate: Callable[[], Any]) -> tuple[Any, Any]:
    """What comes of radial sums, and of the general formula; looked at, that each is taken."""
    taken = []
    radial_sums = routes._radial_sums

    def noted(*given: Any) -> Tensor:
        taken.append(given)
        return radial_sums(*given)

    with monkeypatch.context() as patch:
        patch.setattr(routes, "_radial_sums", noted)
        one = evaluate()
        assert taken
        patch.setattr(routes, "_powers", lambda layer, ops: None)
        taken.clear()
        other = evaluate()
        assert not taken
    return one, other


# -- which operators ---------------------------------------------------------------------------------------------------


def test_powers_of_the_laplacian_over_all_inputs_are_radial_and_nothing_else_is() -> None:
    c = torch.rand(3)
    assert radial_powers(Operator.of([]), 2) == {}
    assert radial_powers(Operator.identity(), 2) == {0: 1.0}
    assert radial_powers(LAPLACIAN, 2) == {1: 1.0}
    assert radial_powers(3.0 * BIHARMONIC - LAPLACIAN, 2) == {2: 3.0, 1: -1.0}
    assert radial_powers(Operator.d(0, 0), 1) == {1: 1.0}
    varying = radial_powers(c * LAPLACIAN + c * Operator.identity(), 2)
    assert varying is not None and set(varying) == {0, 1} and all(torch.equal(v, c) for v in varying.values())  # type: ignore[arg-type]
    for op in (
        Operator.d(0),
        Operator.d(0, 0),
        Operator.d(0, 1),
        Operator.d(0, 0) + 2.0 * Operator.d(1, 1),
        Operator.d(0) @ LAPLACIAN,
        BIHARMONIC + Operator.d(0, 0, 0, 0),
        Operator.directional(torch.rand(3, 2), 2),
    ):
        assert radial_powers(op, 2) is None, op
    assert radial_powers(LAPLACIAN, 3) is None


# -- the general formula -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("per_center", "shift", "pairs"),
    [(False, 0.0, 10**6), (True, 100.0, 10**6), (False, 100.0, 2 * CENTERS), (True, 0.0, 2 * CENTERS)],
    ids=["one block", "per centre, shifted, one block", "shifted, twelve blocks", "per centre, twelve blocks"],
)
@pytest.mark.parametrize("kernel", KERNELS, ids=str)
def test_values_and_gradients_are_those_of_the_general_formula(
    kernel: Kernel, per_center: bool, shift: float, pairs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rbfnet.nn._layer.PAIRS", pairs)
    for outputs in (1, 3) if pairs < 100 else (2,):
        network = made(kernel, per_center, outputs, shift)
        for op in CHANNELS:
            if op.order > kernel.smoothness:
                continue
            # At the centres the gradients exist where one more derivative does.
            x = points(network, kernel.smoothness > op.order).requires_grad_()
            leaves = [x, network.centers, network.metric.raw, network.weight]

            def evaluate(
                network: RBFNetwork = network, op: Operator = op, x: Tensor = x, leaves: list[Tensor] = leaves
            ) -> list[Tensor]:
                value = network.apply_operator(x, op)
                upstream = torch.linspace(0.5, 2.0, value.numel(), dtype=F64).reshape(value.shape)
                return [value, *torch.autograd.grad(value, leaves, upstream)]

            for got, wanted in zip(*in_both_ways(monkeypatch, network, evaluate), strict=True):
                scale = float(wanted.detach().abs().max())
                torch.testing.assert_close(got, wanted, rtol=1e-11, atol=1e-11 * scale)


@pytest.mark.parametrize("chosen", [(0,), (1,), (2,), (3,), (0, 3), (1, 2), (2, 3)], ids=str)
@pytest.mark.parametrize("per_center", [False, True], ids=["", "per centre"])
def test_any_choice_of_what_is_differentiated(chosen: tuple[int, ...], per_center: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    network = made("gaussian", per_center)
    leaves = [points(network), network.centers, network.metric.raw, network.weight]
    for i, leaf in enumerate(leaves):
        leaf.requires_grad_(i in chosen)

    def evaluate() -> tuple[Tensor, ...]:
        value = network.apply_operators(leaves[0], CHANNELS)
        return torch.autograd.grad(value.square().sum(), [leaves[i] for i in chosen])

    for got, wanted in zip(*in_both_ways(monkeypatch, network, evaluate), strict=True):
        # Terms as large as the largest of them cancel in others.
        torch.testing.assert_close(got, wanted, rtol=1e-11, atol=1e-14 * float(wanted.abs().max()))


def test_coefficients_that_vary_from_point_to_point_get_their_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    network = made("gaussian")
    x, c = points(network).requires_grad_(), torch.rand(ROWS, dtype=F64, requires_grad=True)

    def evaluate() -> list[Tensor]:
        value = network.apply_operator(x, c * LAPLACIAN + c * Operator.identity() - BIHARMONIC)
        return [value, *torch.autograd.grad(value.square().sum(), [x, c, network.centers])]

    for got, wanted in zip(*in_both_ways(monkeypatch, network, evaluate), strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-11, atol=1e-11)


# -- differences, and what differentiates again ------------------------------------------------------------------------


class Applied(nn.Module):
    def __init__(self, network: RBFNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return self.network.apply_operators(x, CHANNELS)


def of_tensors(network: RBFNetwork) -> tuple[Callable[..., Tensor], tuple[Tensor, ...]]:
    """All channels as a function of points and parameters."""
    named = {name: p for name, p in network.named_parameters() if p.numel()}

    def f(x: Tensor, *given: Tensor) -> Tensor:
        replaced = {f"network.{name}": value for name, value in zip(named, given, strict=True)}
        return functional_call(Applied(network), replaced, (x,))

    return f, (points(network)[:5], *(p.detach().clone() for p in named.values()))


@pytest.mark.parametrize("pairs", [10**6, 2 * CENTERS], ids=["one block", "three blocks"])
@pytest.mark.parametrize("kernel", ["gaussian", Matern(4.5)], ids=str)
@pytest.mark.parametrize("per_center", [False, True], ids=["", "per centre"])
def test_gradients_agree_with_differences(kernel: Any, per_center: bool, pairs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rbfnet.nn._layer.PAIRS", pairs)
    f, given = of_tensors(made(kernel, per_center, outputs=2))
    leaves = tuple(t.requires_grad_() for t in given)
    assert gradcheck(f, leaves)
    if kernel == "gaussian":
        assert gradgradcheck(f, leaves, atol=1e-4)


@pytest.mark.parametrize("pairs", [10**6, 2 * CENTERS], ids=["one block", "three blocks"])
def test_function_transforms_are_those_of_the_general_formula(pairs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rbfnet.nn._layer.PAIRS", pairs)
    network = made("gaussian", per_center=True, outputs=2)
    f, given = of_tensors(network)
    x, *others = given
    directions = tuple(t.cos() for t in given)

    def loss(*tensors: Tensor) -> Tensor:
        return f(*tensors).square().sum()

    transforms: dict[str, Callable[[], Any]] = {
        "grad": lambda: grad(loss, argnums=tuple(range(len(given))))(*given),
        "jvp": lambda: jvp(f, given, directions)[1],
        "jacrev": lambda: jacrev(f, argnums=(0, 1, 2, 3))(*given),
        "jacfwd": lambda: jacfwd(f, argnums=(0, 1, 2, 3))(*given),
        "vmap": lambda: vmap(lambda p: f(p, *others))(torch.stack([x, -x])),
        "vmap of grad": lambda: vmap(grad(lambda p: loss(p, *others)))(torch.stack([x, -x])),
        "jvp of grad": lambda: jvp(grad(loss, argnums=1), given, directions)[1],
        "grad of jvp": lambda: grad(lambda c: jvp(lambda p: f(p, c, *others[1:]), (x,), (x.sin(),))[1].square().sum())(others[0]),
    }
    for transform in transforms.values():
        torch.testing.assert_close(*in_both_ways(monkeypatch, network, transform), rtol=1e-9, atol=1e-9)


# -- where it could lose digits ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("far", [1.0, 1e3, 1e6])
def test_one_point_far_away_leaves_the_gradients_of_the_others_their_digits(far: float) -> None:
    network = made("inverse_multiquadric", epsilon=10.0).float()
    x = points(network, on_centers=False).float()
    x[0] = far

    def gradients(network: RBFNetwork, x: Tensor) -> tuple[Tensor, ...]:
        x = x.clone().requires_grad_()
        value = network.apply_operator(x, LAPLACIAN)
        return torch.autograd.grad(value.sum(), [x, network.centers, network.metric.raw])

    got = gradients(network, x)
    for one, wanted in zip(got, gradients(network.double(), x.double()), strict=True):
        assert float((one.double() - wanted).abs().max() / wanted.abs().max()) < 3e-5


@pytest.mark.parametrize("op", CHANNELS, ids=str)
def test_no_points_have_no_gradient(op: Operator) -> None:
    network = made("gaussian")
    value = network.apply_operator(torch.zeros(0, 2, dtype=F64, requires_grad=True), op)
    assert value.shape == (0, 3)
    for gradient in torch.autograd.grad(value.sum(), [network.centers, network.metric.raw, network.weight]):
        assert not gradient.any()
