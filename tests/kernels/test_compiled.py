"""Kernels under torch.compile(fullgraph=True) and torch.export, forward and backward."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.func import grad, jvp

from rbfnet.kernels import Kernel, Matern, RationalQuadratic, Scaled, ThinPlateSpline, Wendland, as_kernel

# PyTorch's own, on the way into its compiler.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")

S = torch.tensor([0.0, 1e-3, 0.4, 0.9, 2.0], dtype=torch.float64)

KERNELS = [
    Matern(2.5),
    Wendland(4),
    ThinPlateSpline(),
    Scaled("matern", 1.5, 2.0, trainable=True) * RationalQuadratic(trainable=True),
    as_kernel(lambda s: 1.0 / (1.0 + s)),
]

each_kernel = pytest.mark.parametrize("kernel", KERNELS, ids=str)


class Rungs(nn.Module):
    def __init__(self, kernel: Kernel) -> None:
        super().__init__()
        self.kernel = kernel

    def forward(self, s: Tensor) -> Tensor:
        return torch.stack(self.kernel.derivatives(s, [0, 1]))


def value_and_gradient(f: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    leaf = S.clone().requires_grad_()
    value = f(leaf)
    return value.detach(), torch.autograd.grad(value.cos().sum(), leaf)[0]


@pytest.mark.slow
@each_kernel
@pytest.mark.parametrize("backend", ["aot_eager", "inductor"])
def test_a_compiled_kernel_is_the_kernel(kernel: Kernel, backend: str) -> None:
    torch._dynamo.reset()
    compiled = torch.compile(Rungs(kernel), fullgraph=True, backend=backend)
    torch.testing.assert_close(value_and_gradient(compiled), value_and_gradient(Rungs(kernel)))
    with torch.no_grad():
        torch.testing.assert_close(compiled(S), Rungs(kernel)(S))


@pytest.mark.slow
@each_kernel
@pytest.mark.parametrize("strict", [True, False])
def test_an_exported_kernel_is_the_kernel(kernel: Kernel, strict: bool) -> None:
    exported = torch.export.export(Rungs(kernel), (S.clone(),), strict=strict).module()
    torch.testing.assert_close(value_and_gradient(exported), value_and_gradient(Rungs(kernel)))


@pytest.mark.slow
# Forward mode twice is left out: under Dynamo PyTorch 2.13 fails there on tangents that are expanded.
@pytest.mark.parametrize(("inner", "outer"), [("reverse", "reverse"), ("forward", "reverse"), ("reverse", "forward")])
def test_derivatives_inside_a_compiled_function_climb_the_ladder(inner: str, outer: str) -> None:
    # On top of nested transforms that are compiled, a backward from outside crashes PyTorch 2.13: only values are looked at.
    torch._dynamo.reset()
    kernel = Matern(3.5)

    def differentiate(how: str, f: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        if how == "reverse":
            return grad(lambda t: f(t).sum())
        return lambda s: jvp(f, (s,), (torch.ones_like(s),))[1]

    twice = differentiate(outer, differentiate(inner, kernel.phi))
    compiled = torch.compile(twice, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(S), kernel.derivative(S, 2))
