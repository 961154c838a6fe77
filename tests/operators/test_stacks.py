"""Models without a closed form that are built from RBF layers: forward mode against nested reverse mode."""

from __future__ import annotations

import mpmath
import pytest
import torch
from torch import Tensor, nn
from torch.func import hessian as functional_hessian
from torch.func import jacrev, vmap

from rbfnet.kernels import KernelLike, Matern
from rbfnet.nn import RBFLayer
from rbfnet.operators import biharmonic, gradient_of_laplacian, hessian, jacobian, laplacian, partial, second_order
from tests.operators.reverse_mode import by_reverse_mode

F64 = torch.float64


def stack(kernel: KernelLike) -> nn.Sequential:
    torch.manual_seed(3)
    first = RBFLayer(2, 5, kernel, epsilon=1.3, dtype=F64)
    second = RBFLayer(3, 4, kernel, centers=torch.rand(4, 3, dtype=F64), epsilon=0.7, dtype=F64)
    return nn.Sequential(first, nn.Linear(5, 3, dtype=F64), nn.Tanh(), second, nn.Linear(4, 2, dtype=F64))


def layers(model: nn.Sequential) -> list[RBFLayer]:
    return [part for part in model if isinstance(part, RBFLayer)]


def on_and_off_centers(model: nn.Sequential) -> Tensor:
    """Two points on centres of the first layer, one that it maps onto a centre of the second, two elsewhere."""
    torch.manual_seed(4)
    layer, second = layers(model)
    x = torch.cat([layer.centers[:2].detach(), torch.rand(3, 2, dtype=F64)])
    with torch.no_grad():
        second.centers[0] = model[:3](x[2:3])[0]
    return x


@pytest.mark.parametrize("kernel", ["gaussian", Matern(3.5)], ids=str)
def test_derivatives_of_a_stack_are_those_of_nested_reverse_mode(kernel: KernelLike) -> None:
    u = stack(kernel)
    x = on_and_off_centers(u)
    first, second, third, fourth = (by_reverse_mode(u, x, order) for order in (1, 2, 3, 4))
    c = torch.tensor([[1.0, 2.0], [0.0, -1.0]], dtype=F64)
    for got, wanted in [
        (jacobian(u, x), first),
        (hessian(u, x), second),
        (laplacian(u, x), torch.einsum("boii->bo", second)),
        (second_order(u, x, c), torch.einsum("ij,boij->bo", c, second)),
        (partial(u, x, (3, 0)), third[:, :, 0, 0, 0]),
        (partial(u, x, (1, 2)), third[:, :, 0, 1, 1]),
        (gradient_of_laplacian(u, x), torch.einsum("boiij->boj", third)),
        (partial(u, x, (0, 4)), fourth[:, :, 1, 1, 1, 1]),
        (partial(u, x, (2, 2)), fourth[:, :, 0, 0, 1, 1]),
        (biharmonic(u, x), torch.einsum("boiijj->bo", fourth)),
    ]:
        assert torch.isfinite(got).all()
        torch.testing.assert_close(got, wanted, rtol=1e-9, atol=1e-9)


def test_torch_func_differentiates_a_stack_alike() -> None:
    u = stack("gaussian")
    x = on_and_off_centers(u)

    def one(p: Tensor) -> Tensor:
        return u(p[None])[0]

    torch.testing.assert_close(vmap(jacrev(one))(x), jacobian(u, x))
    torch.testing.assert_close(vmap(functional_hessian(one))(x), hessian(u, x))
    traces = vmap(jacrev(lambda p: laplacian(u, p[None])[0]))(x)
    torch.testing.assert_close(traces, gradient_of_laplacian(u, x), rtol=1e-9, atol=1e-9)


def test_parameters_below_a_stack_get_gradients_through_its_biharmonic() -> None:
    u = stack("gaussian")
    x = on_and_off_centers(u)
    got = torch.autograd.grad(biharmonic(u, x).square().sum(), list(u.parameters()), allow_unused=True, materialize_grads=True)
    centers = layers(u)[0].centers.data
    h = 1e-4
    values = []
    for n in (-2, -1, 1, 2):
        centers[0, 1] += n * h
        values.append(biharmonic(u, x).square().sum().item())
        centers[0, 1] -= n * h
    difference = (values[0] - 8.0 * values[1] + 8.0 * values[2] - values[3]) / (12.0 * h)
    assert got[0][0, 1].item() == pytest.approx(difference, rel=1e-7)


def test_high_orders_of_any_function_agree_with_fifty_digits() -> None:
    """u = exp(sin(x) y): u_xxx of Korteweg and de Vries, u_xxxx of Kuramoto and Sivashinsky, mixed and of order five."""

    def u(p: Tensor) -> Tensor:
        return torch.exp(torch.sin(p[:, 0]) * p[:, 1])

    x = torch.tensor([[0.3, -0.7], [1.9, 0.4], [-2.0, 1.1]], dtype=F64)
    for index in [(3, 0), (4, 0), (0, 4), (3, 1), (2, 2), (1, 2), (5, 0)]:
        with mpmath.workdps(50):
            exact = [
                float(mpmath.diff(lambda a, b: mpmath.exp(mpmath.sin(a) * b), tuple(map(mpmath.mpf, p)), index))
                for p in x.tolist()
            ]
        torch.testing.assert_close(partial(u, x, index)[:, 0], torch.tensor(exact, dtype=F64), rtol=1e-11, atol=1e-12)
