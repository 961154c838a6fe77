"""torch.compile(fullgraph=True) and torch.export trace every operator, function and field, and compile once for all points."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rbfnet import Field, Operator, operators
from rbfnet.nn import RBFNetwork
from rbfnet.operators import Differentiable

F64 = torch.float64
pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _compiled_once() -> Iterator[None]:
    """Whatever is compiled must do for other points: to compile again is an error."""
    torch._dynamo.reset()
    with torch._dynamo.config.patch(error_on_recompile=True):
        yield
    torch._dynamo.reset()


class Sines(Differentiable):
    """u_o = sum_k a_ko sin(k . x): a derivative along v multiplies by k . v and shifts by pi / 2."""

    def __init__(self) -> None:
        super().__init__()
        self.k = nn.Parameter(torch.randn(3, 2, dtype=F64))
        self.a = nn.Parameter(torch.randn(3, 2, dtype=F64))

    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(x @ self.k.T) @ self.a

    def apply_operators(self, x: Tensor, ops: Sequence[Operator]) -> Tensor:
        phase, channels = x @ self.k.T, []
        for op in ops:
            total = torch.zeros_like(phase)
            for directions, c in op.terms:
                term = torch.sin(phase + len(directions) * math.pi / 2)
                for v in directions:
                    term = term * (v @ self.k.T if isinstance(v, Tensor) else self.k[:, int(v)])
                total = total + term * (c.unsqueeze(-1) if isinstance(c, Tensor) else c)
            channels.append(total @ self.a)
        return torch.stack(channels, dim=-1)


def network() -> RBFNetwork:
    u = RBFNetwork(2, 2, 5, "gaussian", epsilon=1.2, dtype=F64)
    u.set_coefficients(torch.randn(5, 2, dtype=F64))
    return u


Function = Callable[[Any, Tensor], tuple[Tensor, ...]]


def by_functions(u: Any, x: Tensor) -> tuple[Tensor, ...]:
    """Operators without tensors, as a closed form needs them."""
    return (
        u(x),
        operators.jacobian(u, x),
        operators.hessian(u, x),
        operators.laplacian(u, x),
        operators.laplacian(u, x, [1]),
        operators.biharmonic(u, x),
        operators.partial(u, x, (2, 1)),
        operators.gradient_of_laplacian(u, x),
        operators.divergence(u, x),
        operators.curl(u, x),
        operators.symmetric_gradient(u, x),
        operators.second_order(u, x, [[1.0, 2.0], [0.0, 3.0]]),
        operators.apply_operators(u, x, []),
        operators.apply_operators(u, x, [Operator.of([])]),
    )


def by_field(u: Any, x: Tensor) -> tuple[Tensor, ...]:
    f = Field(u, x, coords=("x", "t"), outputs=("u", "v"), ahead=[Operator.d("x"), Operator.identity()])
    u, v = f["u"], f["v"]
    burgers = u.d("t") + u * u.d("x") - 0.1 * u.d("xx")
    mixed = torch.sin(u) * f.x + x[:, 1] * v - 2.0 / (1.0 + abs(v)) + torch.where(u > 0.5, u, v**2)
    return (
        *(burgers, mixed, v.laplacian(), u.biharmonic(), *u.gradient_of_laplacian("x"), *u.gradient(), v.advection("u", "v")),
        *(f.divergence("u", "v"), f.curl("u", "v"), f.symmetric_gradient("u", "v")[0][1], *f.vector_laplacian("u", along="x")),
        u.apply(Operator.laplacian("x") - 2.0 * Operator.d("t")),
    )


def with_tensors(u: Any, x: Tensor) -> tuple[Tensor, ...]:
    v = torch.cos(x)
    c = Operator.of([(("x", v), x[:, 0]), ((v, "x"), 1.0), ((v, v), 2.0)])
    f = Field(u, x, outputs=("u", "v"))["u"]
    return (
        operators.directional(u, x, x, 2),
        operators.directional(u, x, v),
        operators.advection(u, x, torch.ones(2, dtype=F64)),
        operators.second_order(u, x, v[:, :, None] * x[:, None, :]),
        f.apply(c),
        f.directional(x),
        f.apply(x[:, 1] * Operator.d("x")),
        operators.apply_operators(u, x, [Operator.directional(v), Operator.d(v, x), Operator.d(x, v)]),
    )


def of_second_order(u: Any, x: Tensor) -> tuple[Tensor, ...]:
    f = Field(u, x, outputs=("u", "v"))
    return (
        operators.jacobian(u, x),
        operators.hessian(u, x),
        operators.laplacian(u, x),
        operators.directional(u, x, torch.cos(x), 2),
        f["u"].laplacian(),
        f["v"] * f.x,
    )


def check(u: Any, function: Function, backend: str) -> None:
    """Values at two sets of points, and gradients in the parameters, are those without compilation."""
    compiled = torch.compile(lambda x: function(u, x), backend=backend, fullgraph=True)
    for _ in range(2):
        x = torch.rand(4, 2, dtype=F64)
        got, wanted = compiled(x), function(u, x)
        for a, b in zip(got, wanted, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)
        if isinstance(u, nn.Module) and backend != "eager":
            sums = [torch.stack([part.square().sum() for part in parts]).sum() for parts in (got, wanted)]
            grads = [torch.autograd.grad(total, list(u.parameters()), allow_unused=True) for total in sums]
            for g, w in zip(*grads, strict=True):
                assert (g is None) == (w is None)
                if g is not None and w is not None:
                    torch.testing.assert_close(g, w, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("function", [by_functions, by_field, with_tensors])
def test_operators_of_any_differentiable_are_traced(function: Function) -> None:
    check(Sines(), function, "eager")


@pytest.mark.parametrize("function", [by_functions, by_field])
def test_operators_of_a_network_are_traced_forward_and_backward(function: Function) -> None:
    check(network(), function, "aot_eager")


def test_directions_in_operators_of_a_network_are_traced() -> None:
    check(network(), with_tensors, "eager")


@pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is deprecated:DeprecationWarning")
def test_the_default_compiler_gives_the_same_numbers() -> None:
    def some(u: Any, x: Tensor) -> tuple[Tensor, ...]:
        f = Field(u, x, outputs=("u", "v"))
        return (operators.laplacian(u, x), f["u"].biharmonic() + f["v"] * f["u"].d("x"))

    check(network(), some, "inductor")


def test_the_autograd_route_is_traced_up_to_second_order() -> None:
    """Beyond, PyTorch cannot trace forward mode nested three times."""
    check(nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 2)).double(), of_second_order, "eager")


def test_compiled_functions_work_where_gradients_are_off() -> None:
    sines, x = Sines(), torch.rand(4, 2, dtype=F64)
    compiled = torch.compile(lambda x: by_field(sines, x), backend="aot_eager", fullgraph=True)
    with torch.inference_mode():
        got = compiled(x)
    for a, b in zip(got, by_field(sines, x), strict=True):
        torch.testing.assert_close(a, b)


class Applied(nn.Module):
    def __init__(self, u: nn.Module, function: Function) -> None:
        super().__init__()
        self.u, self.function = u, function

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return self.function(self.u, x)


@pytest.mark.parametrize("strict", [False, True], ids=["by running", "by dynamo"])
@pytest.mark.parametrize("function", [by_functions, by_field, with_tensors])
def test_operators_are_exported_for_any_number_of_points(function: Function, strict: bool) -> None:
    u = Sines()
    batch = ({0: torch.export.Dim("B")},)
    program = torch.export.export(Applied(u, function), (torch.rand(4, 2, dtype=F64),), dynamic_shapes=batch, strict=strict)
    x = torch.rand(9, 2, dtype=F64)
    for a, b in zip(program.module()(x), function(u, x), strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("function", [by_functions, by_field])
def test_operators_of_a_network_are_exported(function: Function) -> None:
    u = network()
    program = torch.export.export(Applied(u, function), (torch.rand(4, 2, dtype=F64),))
    x = torch.rand(4, 2, dtype=F64)
    for a, b in zip(program.module()(x), function(u, x), strict=True):
        torch.testing.assert_close(a, b)
