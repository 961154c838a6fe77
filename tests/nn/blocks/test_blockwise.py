"""Block by block is the same as all at once, in every mode of differentiation, and never holds a B x M array."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, hessian, jacfwd, jacrev, jvp, vjp, vmap

from rbfnet import Operator
from rbfnet.kernels import Matern
from rbfnet.nn import RBFNetwork, blockwise
from rbfnet.operators import apply_operators, laplacian
from tests.kernels.one_parameter import OneParameter

F64 = torch.float64
SIZE = 3
ROWS = 4 * SIZE + 5
"""Several blocks, and no multiple of their size."""


class Rational(OneParameter):
    """(1 + s)^-power with a power that is learnt."""

    start = 0.8

    def phi(self, s: Tensor) -> Tensor:
        return (1.0 + s) ** -self.a


# -- the function ------------------------------------------------------------------------------------------------------


def rowwise(x: Tensor, c: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return c[:, None] * torch.sin(x @ w) + (x * x).sum(dim=1, keepdim=True) * b


def arguments() -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    shapes = (ROWS, 2), (ROWS,), (2, 3), (3,)
    return tuple(torch.randn(shape, dtype=F64, generator=generator) for shape in shapes)


def blocked(*given: Tensor) -> Tensor:
    return blockwise(rowwise, given[:2], given[2:], SIZE)


def counted() -> tuple[Callable[..., Tensor], list[int]]:
    """``rowwise``, and the number of rows of each call to it."""
    rows: list[int] = []

    def f(x: Tensor, *rest: Tensor) -> Tensor:
        rows.append(len(x))
        return rowwise(x, *rest)

    return f, rows


@pytest.mark.parametrize(
    ("size", "wanted"), [(SIZE, [3, 3, 3, 3, 3, 2]), (4, [4, 4, 4, 4, 1]), (ROWS, [ROWS]), (100, [ROWS])], ids=str
)
def test_rows_are_taken_in_blocks_unless_they_fit_in_one(size: int, wanted: list[int]) -> None:
    f, rows = counted()
    given = arguments()
    torch.testing.assert_close(blockwise(f, given[:2], given[2:], size), rowwise(*given))
    assert rows == wanted


def test_the_gradient_recomputes_block_by_block() -> None:
    f, rows = counted()
    given = [t.requires_grad_() for t in arguments()]
    value = blockwise(f, given[:2], given[2:], SIZE)
    torch.autograd.backward(value.sum())
    assert max(rows) == SIZE and sum(rows) == 2 * ROWS


@pytest.mark.parametrize("chosen", [(0, 1, 2, 3), (0,), (1,), (2,), (3,), (0, 3)], ids=str)
def test_gradients_are_those_of_the_whole_for_any_choice_of_arguments(chosen: tuple[int, ...]) -> None:
    upstream = torch.rand(ROWS, 3, dtype=F64)

    def gradients(f: Callable[..., Tensor]) -> tuple[Tensor, ...]:
        given = [t.requires_grad_(i in chosen) for i, t in enumerate(arguments())]
        return torch.autograd.grad(f(*given), [given[i] for i in chosen], upstream)

    for got, wanted in zip(gradients(blocked), gradients(rowwise), strict=True):
        torch.testing.assert_close(got, wanted)


def test_first_and_second_gradients_agree_with_differences() -> None:
    given = tuple(t.requires_grad_() for t in arguments())
    assert torch.autograd.gradcheck(blocked, given)
    assert torch.autograd.gradgradcheck(blocked, given)


def test_third_gradients_are_those_of_the_whole() -> None:
    def third(f: Callable[..., Tensor]) -> Tensor:
        x, *rest = arguments()
        value = x.requires_grad_()
        derivative = f(value, *rest).square()
        for _ in range(3):
            (derivative,) = torch.autograd.grad(derivative.sum(), value, create_graph=True)
        return derivative

    torch.testing.assert_close(third(blocked), third(rowwise))


GIVEN = arguments()
X, COEFFICIENTS, W, OFFSETS = GIVEN
TANGENTS = tuple(t.cos() for t in GIVEN)
PAIR_OF_X, PAIR_OF_W = torch.stack([X, -X]), torch.stack([W, -W])


def in_w(f: Callable[..., Tensor]) -> Callable[[Tensor], Tensor]:
    return lambda w: f(X, COEFFICIENTS, w, OFFSETS)


def in_x(f: Callable[..., Tensor]) -> Callable[[Tensor], Tensor]:
    return lambda x: f(x, COEFFICIENTS, W, OFFSETS)


def loss_in_w(f: Callable[..., Tensor]) -> Callable[[Tensor], Tensor]:
    return lambda w: in_w(f)(w).square().sum()


def push_in_w(f: Callable[..., Tensor]) -> Callable[[Tensor], Tensor]:
    return lambda w: jvp(in_w(f), (w,), (W.cos(),))[1].square().sum()


TRANSFORMS: dict[str, Callable[[Callable[..., Tensor]], Any]] = {
    "jvp": lambda f: jvp(f, GIVEN, TANGENTS),
    "jvp in one argument": lambda f: jvp(in_w(f), (W,), (W.cos(),)),
    "nested jvp": lambda f: jvp(lambda *given: jvp(f, given, tuple(t.sin() for t in given))[1], GIVEN, TANGENTS),
    "vjp": lambda f: vjp(f, *GIVEN)[1](torch.ones(ROWS, 3, dtype=F64)),
    "grad": lambda f: grad(lambda *given: f(*given).square().sum(), argnums=(0, 1, 2, 3))(*GIVEN),
    "nested grad": lambda f: grad(lambda w: grad(loss_in_w(f))(w).cos().sum())(W),
    "jvp of grad": lambda f: jvp(grad(loss_in_w(f)), (W,), (W.cos(),)),
    "grad of jvp": lambda f: grad(push_in_w(f))(W),
    "jacrev": lambda f: jacrev(in_w(f))(W),
    "jacfwd": lambda f: jacfwd(in_w(f))(W),
    "hessian": lambda f: hessian(loss_in_w(f))(W),
    "vmap over rows": lambda f: vmap(in_x(f))(PAIR_OF_X),
    "vmap over shared": lambda f: vmap(in_w(f))(PAIR_OF_W),
    "vmap of grad": lambda f: vmap(grad(loss_in_w(f)))(PAIR_OF_W),
    "vmap of jvp": lambda f: vmap(lambda t: jvp(in_x(f), (X,), (t,))[1])(PAIR_OF_X),
    "vmap of nested grad": lambda f: vmap(grad(lambda w: grad(loss_in_w(f))(w).cos().sum()))(PAIR_OF_W),
}


@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
def test_function_transforms_see_the_whole(transform: Callable[[Callable[..., Tensor]], Any]) -> None:
    torch.testing.assert_close(transform(blocked), transform(rowwise))


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode], ids=["no_grad", "inference_mode"])
@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
def test_function_transforms_see_the_whole_where_gradients_are_off(
    transform: Callable[[Callable[..., Tensor]], Any], mode: Callable[[], contextlib.AbstractContextManager[None]]
) -> None:
    with mode():
        torch.testing.assert_close(transform(blocked), transform(rowwise))


# -- networks ----------------------------------------------------------------------------------------------------------


@pytest.fixture(
    params=["gaussian", Matern(3.5), Rational(), "multiquadric"], ids=["gaussian", "matern", "learnable", "with tail"]
)
def network(request: pytest.FixtureRequest) -> RBFNetwork:
    torch.manual_seed(0)
    made = RBFNetwork(2, 2, 4, request.param, epsilon=1.4, per_center=True, dtype=F64)
    made.set_coefficients(torch.randn(made.coefficients.shape, dtype=F64))
    return made


def points(network: RBFNetwork) -> Tensor:
    """With some of them on centres."""
    generator = torch.Generator().manual_seed(1)
    return torch.cat([network.centers.detach(), torch.rand(ROWS - 4, 2, dtype=F64, generator=generator)])


def both_ways(monkeypatch: pytest.MonkeyPatch, evaluate: Callable[[], Any]) -> None:
    """Compare what comes of blocks of three points with what comes of all at once."""
    found = []
    for pairs in (SIZE * 4, 10**9):
        monkeypatch.setattr("rbfnet.nn._layer.PAIRS", pairs)
        found.append(evaluate())
    torch.testing.assert_close(*found, rtol=1e-10, atol=1e-10)


def operators() -> list[Operator]:
    """Every kind, with coefficients and directions that have a row a point and have to be sliced along."""
    generator = torch.Generator().manual_seed(2)
    c = torch.rand(ROWS, dtype=F64, generator=generator)
    v = torch.rand(ROWS, 2, dtype=F64, generator=generator)
    return [
        Operator.identity(),
        Operator.d(0),
        Operator.laplacian(0, 1),
        c * Operator.d(0, 1) - Operator.directional(v, 2),
        Operator.d(v, 0, 1),
    ]


def test_values_and_features_are_those_of_the_whole(network: RBFNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    x = points(network)
    both_ways(monkeypatch, lambda: network.apply_operators(x, operators()))
    both_ways(monkeypatch, lambda: network.features(x, operators()[3]))
    both_ways(monkeypatch, lambda: network.layer.apply_operators(x, operators()))
    both_ways(monkeypatch, lambda: network(x.reshape(1, ROWS, 2)))


@pytest.mark.parametrize("op", range(5))
def test_gradients_in_points_and_all_parameters_are_those_of_the_whole(
    network: RBFNetwork, op: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = points(network).requires_grad_()

    def evaluate() -> tuple[Tensor, ...]:
        value = network.apply_operator(x, operators()[op])
        return torch.autograd.grad(value.square().sum(), [x, *network.parameters()])

    both_ways(monkeypatch, evaluate)


def test_second_gradients_are_those_of_the_whole(network: RBFNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    x = points(network).requires_grad_()
    leaves = [x, *(p for p in network.parameters() if p.numel())]

    def evaluate() -> tuple[Tensor, ...]:
        loss = network.apply_operators(x, operators()[:4]).square().sum()
        first = torch.autograd.grad(loss, leaves, create_graph=True)
        return torch.autograd.grad(sum(g.square().sum() for g in first), leaves)  # type: ignore[arg-type]

    both_ways(monkeypatch, evaluate)


def test_coefficients_and_directions_of_an_operator_get_their_gradients(
    network: RBFNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = points(network)
    c = torch.rand(ROWS, dtype=F64, requires_grad=True)
    v = torch.rand(ROWS, 2, dtype=F64, requires_grad=True)

    def evaluate() -> tuple[Tensor, ...]:
        value = network.apply_operator(x, c * Operator.directional(v, 2) + c * Operator.d(0))
        return torch.autograd.grad(value.square().sum(), [c, v])

    both_ways(monkeypatch, evaluate)


def test_forward_mode_in_points_and_parameters_is_that_of_the_whole(network: RBFNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    x, parameters = points(network), dict(network.named_parameters())

    class Applied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, x: Tensor) -> Tensor:
            return self.network.apply_operators(x, operators())

    def of(x: Tensor, given: dict[str, Tensor]) -> Tensor:
        return functional_call(Applied(), {f"network.{name}": value for name, value in given.items()}, (x,))

    def evaluate() -> Any:
        plain = {name: value.detach() for name, value in parameters.items()}
        return jvp(of, (x, plain), (x.cos(), {name: value.sin() for name, value in plain.items()}))

    both_ways(monkeypatch, evaluate)


@pytest.mark.parametrize("gradients", [True, False], ids=["", "no_grad"])
def test_transforms_of_a_network_are_those_of_the_whole(
    network: RBFNetwork, gradients: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = points(network)
    with torch.set_grad_enabled(gradients):
        both_ways(monkeypatch, lambda: vmap(lambda p: laplacian(network, p))(torch.stack([x, -x])))
        both_ways(monkeypatch, lambda: vmap(grad(lambda p: laplacian(network, p).square().sum()))(torch.stack([x, -x])))
        both_ways(monkeypatch, lambda: apply_operators(lambda p: network(p), x, operators()))


def test_gradients_through_the_general_route_are_those_of_the_whole(network: RBFNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    x = points(network)
    leaves = [p for p in network.parameters() if p.numel()]

    def evaluate() -> tuple[Tensor, ...]:
        value = laplacian(lambda p: network(p), x)
        return torch.autograd.grad(value.square().sum(), leaves, allow_unused=True, materialize_grads=True)

    both_ways(monkeypatch, evaluate)


def test_inference_mode_is_no_obstacle(network: RBFNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    def evaluate() -> tuple[Tensor, Tensor]:
        with torch.inference_mode():
            # Made inside: these are inference tensors, which the general route may not differentiate as they are.
            x, ops = points(network).clone(), operators()
            return network.apply_operators(x, ops), apply_operators(lambda p: network(p), x, ops)

    both_ways(monkeypatch, evaluate)


def test_one_block_holds_the_pairs_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    # With more centres than pairs to a block the points come one by one.
    torch.manual_seed(0)
    monkeypatch.setattr("rbfnet.nn._layer.PAIRS", 4)
    made, x = RBFNetwork(2, 1, 9, dtype=F64), torch.rand(6, 2, dtype=F64)
    torch.testing.assert_close(made(x), torch.cat([made(row[None]) for row in x]))


class Tilted(OneParameter):
    """exp(-s) + slope s: its second derivative does not depend on the parameter."""

    start = 0.3

    def phi(self, s: Tensor) -> Tensor:
        return (-s).exp() + self.a * s


@pytest.mark.parametrize("pairs", [pytest.param(10**9, id="all at once"), pytest.param(12, id="blocks")])
def test_a_parameter_that_an_operator_does_not_depend_on_gets_no_gradient(pairs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rbfnet.nn._layer.PAIRS", pairs)
    kernel = Tilted()
    network = RBFNetwork(2, 1, 4, kernel, dtype=F64)
    torch.nn.init.ones_(network.weight)
    torch.autograd.backward(network.apply_operator(torch.rand(ROWS, 2, dtype=F64), Operator.d(0, 1)).sum())
    assert kernel.a.grad is None or not kernel.a.grad.any()
    assert network.layer.centers.grad is not None


MEMORY = """
import resource, torch
from rbfnet.nn import RBFNetwork
from rbfnet.operators import laplacian

torch.set_num_threads(1)
torch.manual_seed(0)
network = RBFNetwork(2, 1, 1000, "gaussian")
torch.nn.init.normal_(network.weight)
x = torch.rand(20000, 2)

def step(points):
    laplacian(network, points).square().sum().backward()

step(x[:500])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
step(x)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is in other units, or not known")
def test_a_laplacian_and_its_gradients_hold_no_array_of_all_pairs() -> None:
    # In a process of its own, whose peak is that of nothing else. One array of all pairs is 80 MB.
    done = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True)
    assert int(done.stdout) * 1024 < 0.5 * 20000 * 1000 * 4
