"""Compiled blocks agree with eager ones, compile once, and go the eager way where they have to."""

from __future__ import annotations

import copy
import shutil
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import functional_call, grad, jacrev, vmap

from rbfnet import Operator
from rbfnet.kernels import Gaussian, GeneralizedMultiquadric, InverseMultiquadric
from rbfnet.nn import RBFNetwork

F64 = torch.float64
CENTERS, BLOCK = 8, 16
LAPLACIAN = Operator.laplacian(0, 1)

needs_compiler = pytest.mark.skipif(shutil.which("g++") is None and shutil.which("clang++") is None, reason="no C++ compiler")


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """One entry a compilation, in blocks of 16 points."""
    found: list[Any] = []
    compile = torch.compile

    def counted(*given: Any, **options: Any) -> Any:
        found.append(given)
        return compile(*given, **options)

    monkeypatch.setattr("rbfnet.nn._layer.PAIRS", BLOCK * CENTERS)
    monkeypatch.setattr("torch.compile", counted)
    return found


def pair(kernel: Any, metric: str, outputs: int, per_center: bool = False) -> tuple[RBFNetwork, RBFNetwork]:
    """A compiled network, and the same one that is not."""
    torch.manual_seed(0)
    network = RBFNetwork(
        2, outputs, CENTERS, kernel, epsilon=1.3, metric=metric, per_center=per_center, degree=1, compiled=True, dtype=F64
    )
    with torch.no_grad():
        network.metric.raw.add_(0.2 * torch.randn_like(network.metric.raw))
        network.set_coefficients(torch.randn(network.coefficients.shape, dtype=F64))
    eager = copy.deepcopy(network)
    eager.layer.compiled = False
    return network, eager


def gradients(network: RBFNetwork, x: Tensor, ops: list[Operator]) -> list[Tensor]:
    x = x.clone().requires_grad_()
    values = network.apply_operators(x, ops)
    return [values, *torch.autograd.grad(values.square().sum(), [x, *network.parameters()])]


def assert_same(got: list[Tensor], wanted: list[Tensor]) -> None:
    for one, other in zip(got, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12 * max(1.0, float(other.detach().abs().max())))


@pytest.mark.slow
@needs_compiler
# PyTorch's compiler uses a part of PyTorch that is on its way out.
@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")
@pytest.mark.parametrize(
    ("kernel", "metric", "outputs"),
    [(GeneralizedMultiquadric(trainable=True), "full", 2), ("gaussian", "isotropic", 5)],
    ids=["learnable, full", "five outputs, isotropic"],
)
def test_compiled_blocks_agree_with_eager_ones_and_are_compiled_once(
    kernel: Any, metric: str, outputs: int, compilations: list[Any]
) -> None:
    network, eager = pair(kernel, metric, outputs)
    ops = [Operator.identity(), LAPLACIAN]
    # Full blocks, and one that is not.
    x = torch.rand(2 * BLOCK + 5, 2, dtype=F64)
    assert_same(gradients(network, x, ops), gradients(eager, x, ops))
    # Once forward, once backward.
    assert len(compilations) == 2
    with torch.no_grad():
        for p, q in zip(network.parameters(), eager.parameters(), strict=True):
            q.add_(0.1 * torch.rand_like(p))
            p.copy_(q)
    # Other values, and another number of points.
    y = torch.rand(5 * BLOCK + 1, 2, dtype=F64)
    assert_same(gradients(network, y, ops), gradients(eager, y, ops))
    with torch.no_grad():
        torch.testing.assert_close(network.apply_operators(y, ops), eager.apply_operators(y, ops))
    assert len(compilations) == 2
    # A copy is a network of its own, without what has been compiled; less than a block is never compiled.
    copied = copy.deepcopy(network)
    torch.testing.assert_close(copied.apply_operators(y[: BLOCK - 1], ops), network.apply_operators(y[: BLOCK - 1], ops))
    # Under transforms, what is batched goes the eager way.
    weight = network.weight.detach()

    def of_weight(network: RBFNetwork, w: Tensor) -> Tensor:
        return functional_call(network, {"weight": w}, (x,))

    for transform in (
        lambda n: vmap(lambda p: n.apply_operators(p, ops))(torch.stack([x, -x])),
        lambda n: vmap(lambda w: of_weight(n, w))(torch.stack([weight, -weight])),
        lambda n: jacrev(lambda w: of_weight(n, w))(weight),
        lambda n: grad(lambda p: n.apply_operators(p, ops).square().sum())(x),
    ):
        torch.testing.assert_close(transform(network), transform(eager))
    # The value alone, where jacrev goes forward, is another function.
    assert len(compilations) == 3
    # Second gradients too.
    leaf = x.clone().requires_grad_()

    def second(network: RBFNetwork) -> list[Tensor]:
        (slope,) = torch.autograd.grad(network.apply_operator(leaf, LAPLACIAN).sum(), leaf, create_graph=True)
        return list(torch.autograd.grad(slope.square().sum(), [leaf, network.centers, network.metric.raw, network.weight]))

    # The forward of one operator alone is another function.
    assert_same(second(network), second(eager))
    assert len(compilations) == 4


def test_another_kernel_is_another_function(monkeypatch: pytest.MonkeyPatch, compilations: list[Any]) -> None:
    monkeypatch.setattr("torch.compile", lambda f, **options: f)
    network, eager = pair("gaussian", "isotropic", 1)
    x = torch.rand(2 * BLOCK, 2, dtype=F64)
    for kernel in (Gaussian(), InverseMultiquadric()):
        network.layer.kernel = eager.layer.kernel = kernel
        torch.testing.assert_close(network.apply_operator(x, LAPLACIAN), eager.apply_operator(x, LAPLACIAN))


def test_blocks_that_are_not_full_need_no_compiler(compilations: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    network, eager = pair(GeneralizedMultiquadric(trainable=True), "full", 2)
    x = torch.rand(BLOCK - 1, 2, dtype=F64)
    ops = [Operator.identity(), LAPLACIAN, Operator.d(0)]
    assert_same(gradients(network, x, ops), gradients(eager, x, ops))
    assert not compilations


@pytest.mark.parametrize(
    ("kernel", "metric", "per_center"),
    [
        ("gaussian", "isotropic", False),
        ("gaussian", "isotropic", True),
        ("gaussian", "full", False),
        (GeneralizedMultiquadric(trainable=True), "diagonal", True),
        (GeneralizedMultiquadric(trainable=True), "full", True),
    ],
    ids=str,
)
def test_what_is_compiled_is_the_function_that_is_meant(
    kernel: Any, metric: str, per_center: bool, monkeypatch: pytest.MonkeyPatch, compilations: list[Any]
) -> None:
    # Traced, but run as it was traced: what takes long is the compiler.
    traced: list[Any] = []

    def kept(f: Any, **options: Any) -> Any:
        traced.append(f)
        return f

    monkeypatch.setattr("torch.compile", kept)
    network, eager = pair(kernel, metric, 3, per_center)
    x, y = torch.rand(2 * BLOCK + 5, 2, dtype=F64), torch.rand(3 * BLOCK, 2, dtype=F64)

    def operators(points: Tensor) -> list[Operator]:
        c = points[:, 0].cos()
        return [Operator.identity(), c * LAPLACIAN + c * Operator.d(0), Operator.directional(points.sin(), 2)]

    assert_same(gradients(network, x, operators(x)), gradients(eager, x, operators(x)))
    count = len(traced)
    # Tensors of other values in operators of the same form are the same function.
    assert_same(gradients(network, y, operators(y)), gradients(eager, y, operators(y)))
    assert len(traced) == count == 2
    # Operators of another form are another one: which tensor is where, and every number.
    c, e = y[:, 0].cos(), y[:, 1].sin()
    forms = [c * LAPLACIAN + e * Operator.d(0), c * LAPLACIAN + c * Operator.d(0), 2.0 * LAPLACIAN, LAPLACIAN]
    for n, op in enumerate(forms, start=1):
        torch.testing.assert_close(network.apply_operator(y, op), eager.apply_operator(y, op))
        assert len(traced) == count + n
    # So are gradients in other parameters, and another dtype.
    for chosen in ("centers", "weight"):
        gradients_of: list[Tensor] = []
        for one in (network, eager):
            for name, p in one.named_parameters():
                p.requires_grad_(name.endswith(chosen))
            gradients_of += torch.autograd.grad(
                one.apply_operator(y, LAPLACIAN).sum(), [p for p in one.parameters() if p.requires_grad]
            )
        torch.testing.assert_close(*gradients_of)
    count = len(traced)
    single = network.float().apply_operator(y.float(), LAPLACIAN)
    assert len(traced) == count + 1
    torch.testing.assert_close(single, eager.apply_operator(y, LAPLACIAN).float(), rtol=1e-4, atol=1e-4)
