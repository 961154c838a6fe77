"""The three cases the project was asked to get right, each against a twin that is too simple to be wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from rbfnet.kernels import Gaussian, Kernel
from rbfnet.nn import RBFNetwork
from rbfnet.operators import Operator, apply_operators, directional, hessian, jacobian, laplacian, quadratic_form
from tests.kernels.shipped import FEW

F64 = torch.float64

# -- 1: quadratic forms over a batch -----------------------------------------------------------------------------------


def batch_of_vectors() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(5, 2, dtype=F64, generator=generator), torch.randn(2, 2, dtype=F64, generator=generator)


def test_quadratic_forms_are_taken_row_by_row() -> None:
    x, a = batch_of_vectors()
    wanted = torch.stack([row @ a @ row for row in x])
    torch.testing.assert_close(quadratic_form(x, a), wanted)


def test_gradients_of_quadratic_forms_are_per_sample() -> None:
    x, a = batch_of_vectors()
    wanted = x @ (a + a.T)
    torch.testing.assert_close(jacobian(lambda p: quadratic_form(p, a), x)[:, 0], wanted)
    # The same from plain autograd, whose sum over the batch has one row in each term.
    leaf = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(quadratic_form(leaf, a).sum(), leaf)
    torch.testing.assert_close(gradient, wanted)
    assert (hessian(lambda p: quadratic_form(p, a), x)[:, 0] - (a + a.T)).abs().max() < 1e-14


def test_quadratic_forms_have_no_cross_terms() -> None:
    x, a = batch_of_vectors()
    full = torch.func.jacrev(lambda p: quadratic_form(p, a))(x)
    for b in range(5):
        for c in range(5):
            assert bool(full[b, c].any()) == (b == c)


def test_summing_the_full_product_gives_something_else() -> None:
    x, a = batch_of_vectors()
    leaf = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad((leaf @ a @ leaf.T).sum(), leaf)
    # Each row of it is the gradient at the sum of all rows.
    torch.testing.assert_close(gradient, (x.sum(dim=0) @ (a + a.T)).expand(5, 2))
    assert (gradient - x @ (a + a.T)).abs().amax(dim=1).min() > 0.1


# -- 2: a sharp Gaussian whose centre is one of the points -------------------------------------------------------------


@pytest.fixture
def anomaly() -> Iterator[None]:
    """Any NaN in a backward pass is an error."""
    torch.autograd.set_detect_anomaly(True)
    yield
    torch.autograd.set_detect_anomaly(False)


def grid_of_nine(dtype: torch.dtype = F64) -> Tensor:
    axis = torch.tensor([0.0, 0.5, 1.0], dtype=dtype)
    return torch.cartesian_prod(axis, axis)


def single(kernel: Kernel, epsilon: float = 5.0, dtype: torch.dtype = F64) -> RBFNetwork:
    network = RBFNetwork(2, 1, None, kernel, torch.zeros(1, 2, dtype=dtype), epsilon, degree=-1, dtype=dtype)
    network.set_coefficients(torch.ones(1, 1, dtype=dtype))
    return network


def gaussian_by_hand(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """exp(-25 |x|^2), its gradient and its Hessian."""
    value = torch.exp(-25.0 * x.square().sum(dim=1))
    gradient = -50.0 * x * value[:, None]
    outer = 2500.0 * x[:, :, None] * x[:, None, :] - 50.0 * torch.eye(2, dtype=x.dtype)
    return value, gradient, outer * value[:, None, None]


def nested_autograd(u: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    """Gradient and Hessian by torch.autograd.grad(create_graph=True), twice."""
    x = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(u(x).sum(), x, create_graph=True)
    rows = [torch.autograd.grad(gradient[:, i].sum(), x, create_graph=True)[0] for i in range(x.shape[1])]
    return gradient, torch.stack(rows, dim=1)


def test_the_value_of_a_sharp_gaussian_is_right_to_the_last_digits() -> None:
    x = grid_of_nine()
    # epsilon is held as its logarithm, so its square may be off by two units in the last place, times s = 50 in the exponent.
    torch.testing.assert_close(single(Gaussian())(x)[:, 0], gaussian_by_hand(x)[0], rtol=2.0 * 50.0 * 2.3e-16, atol=0.0)
    assert single(Gaussian())(x)[0, 0] == 1.0


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-5), (F64, 5e-14)], ids=["float32", "float64"])
@pytest.mark.usefixtures("anomaly")
def test_first_and_second_derivatives_of_a_sharp_gaussian_are_right_at_its_centre_too(
    dtype: torch.dtype, tolerance: float
) -> None:
    x = grid_of_nine(dtype)
    u = single(Gaussian(), dtype=dtype)
    _, gradient, second = (part.to(dtype) for part in gaussian_by_hand(x.double()))
    by_autograd = nested_autograd(u, x)
    for got, wanted in [
        (jacobian(u, x)[:, 0], gradient),
        (hessian(u, x)[:, 0], second),
        (jacobian(lambda p: u(p), x)[:, 0], gradient),
        (hessian(lambda p: u(p), x)[:, 0], second),
        (by_autograd[0], gradient),
        (by_autograd[1], second),
    ]:
        assert torch.isfinite(got).all()
        torch.testing.assert_close(got, wanted, rtol=tolerance, atol=0.0)
    assert (hessian(u, x)[0, 0] + 50.0 * torch.eye(2, dtype=dtype)).abs().max() < 50.0 * tolerance
    assert not jacobian(u, x)[0].any()


@pytest.mark.parametrize("dtype", [torch.float32, F64], ids=str)
@pytest.mark.parametrize("kernel", FEW, ids=str)
@pytest.mark.usefixtures("anomaly")
def test_every_kernel_is_finite_on_its_centre_up_to_its_smoothness(kernel: Kernel, dtype: torch.dtype) -> None:
    x, u = grid_of_nine(dtype), single(kernel, dtype=dtype)
    ops = [Operator.identity(), Operator.d(0), Operator.d(0, 1), Operator.d(0, 0), Operator.laplacian(0, 1)]
    ops += [Operator.d(0, 0, 1), Operator.d(0, 0, 1, 1), Operator.d(*[0] * 5), Operator.d(*[1] * 6)]
    allowed = [op for op in ops if op.order <= kernel.smoothness]
    values = apply_operators(u, x, allowed)
    assert torch.isfinite(values).all()
    # At the centre odd derivatives are 0 by symmetry.
    assert not any(values[0, 0, n].any() for n, op in enumerate(allowed) if op.order % 2)


@pytest.mark.parametrize("kernel", FEW, ids=str)
@pytest.mark.usefixtures("anomaly")
def test_every_kernel_survives_nested_autograd_on_its_centre_up_to_its_smoothness(kernel: Kernel) -> None:
    x, u = grid_of_nine(), single(kernel)
    first, second = nested_autograd(u, x)
    # Gradients take one order more than the operator.
    assert torch.isfinite(first).all()
    if kernel.smoothness >= 1:
        assert torch.isfinite(second).all()
        torch.testing.assert_close(first, jacobian(u, x)[:, 0], rtol=1e-12, atol=1e-12)
    if kernel.smoothness >= 2:
        torch.testing.assert_close(second, hessian(u, x)[:, 0], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, F64], ids=str)
@pytest.mark.parametrize("kernel", FEW, ids=str)
@pytest.mark.usefixtures("anomaly")
def test_gradients_of_a_loss_of_the_highest_operator_are_finite(kernel: Kernel, dtype: torch.dtype) -> None:
    x, u = grid_of_nine(dtype), single(kernel, dtype=dtype)
    order = min(kernel.smoothness, 2)
    loss = u(x).square().sum()
    if order >= 1:
        loss = loss + jacobian(u, x).square().sum()
    if order >= 2:
        loss = loss + laplacian(u, x).square().sum()
    torch.autograd.backward(loss)
    gradients = {name: p.grad for name, p in u.named_parameters() if p.numel()}
    assert set(gradients) == {"weight", "layer.centers", "layer.metric.raw"}
    assert all(g is not None and torch.isfinite(g).all() for g in gradients.values())


@pytest.mark.parametrize("kernel", [k for k in FEW if k.smoothness >= 4], ids=str)
def test_gradients_of_a_laplacian_loss_agree_with_differences(kernel: Kernel) -> None:
    x, u = grid_of_nine(), single(kernel, epsilon=1.5)
    u.layer.centers.data += 0.1

    def loss() -> Tensor:
        return laplacian(u, x).square().sum()

    wanted = torch.autograd.grad(loss(), list(u.parameters()), allow_unused=True)
    for parameter, gradient in zip(u.parameters(), wanted, strict=True):
        for i in range(parameter.numel()):
            flat, h = parameter.data.reshape(-1), 1e-4
            steps = []
            for n in (-2, -1, 1, 2):
                flat[i] += n * h
                steps.append(loss().item())
                flat[i] -= n * h
            difference = (steps[0] - 8.0 * steps[1] + 8.0 * steps[2] - steps[3]) / (12.0 * h)
            assert gradient.reshape(-1)[i].item() == pytest.approx(difference, rel=1e-7, abs=1e-8)


# -- 3: contraction of a third-order array of second derivatives -------------------------------------------------------


C = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]], dtype=F64)


def squared_product(x: Tensor) -> Tensor:
    """y = (x C)^2, element by element."""
    return (x @ C) ** 2


def two_points() -> Tensor:
    return torch.tensor([[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]], dtype=F64)


def test_first_and_second_derivatives_of_a_vector_function_are_per_sample() -> None:
    x = two_points()
    j, h = jacobian(squared_product, x), hessian(squared_product, x)
    assert j.shape == (2, 3, 3) and h.shape == (2, 3, 3, 3)
    for b in range(2):
        for o in range(3):
            for i in range(3):
                assert j[b, o, i] == 2.0 * (x[b] @ C)[o] * C[i, o]
                for k in range(3):
                    assert h[b, o, i, k] == 2.0 * C[i, o] * C[k, o]


def test_the_second_directional_derivative_is_the_double_contraction() -> None:
    x = two_points()
    v = torch.tensor([[1.0, -2.0, 0.5], [3.0, 0.0, 1.0]], dtype=F64)
    # The case writes second derivatives as (B, input, output, input); ours are (B, output, input, input).
    theirs = hessian(squared_product, x).transpose(1, 2)
    contracted = torch.einsum("bi,bijk,bk->bj", v, theirs, v)
    looped = torch.zeros(2, 3, dtype=F64)
    for b in range(2):
        for j in range(3):
            for i in range(3):
                for k in range(3):
                    looped[b, j] += v[b, i] * theirs[b, i, j, k] * v[b, k]
    assert contracted.shape == (2, 3)
    torch.testing.assert_close(contracted, looped)
    torch.testing.assert_close(directional(squared_product, x, v, order=2), looped)
    torch.testing.assert_close(directional(squared_product, x, x, order=2), 2.0 * squared_product(x))
