"""What follows for a sum, a product and a scaled kernel from its members; kernels with parameters of their own."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

from rbfnet import InputError
from rbfnet.kernels import (
    Gaussian,
    GeneralizedMultiquadric,
    Kernel,
    Matern,
    Multiquadric,
    Polyharmonic,
    Product,
    RationalQuadratic,
    Scaled,
    Sum,
    ThinPlateSpline,
    Wendland,
    as_kernel,
)
from rbfnet.nn import RBFNetwork
from rbfnet.operators import laplacian
from rbfnet.testing import check_kernel

S = torch.tensor([0.0, 0.3, 0.9, 1.0, 4.0], dtype=torch.float64)


@pytest.mark.parametrize(
    ("kernel", "order"),
    [
        (Gaussian() + Matern(), 0),
        # The signs are those of (-1)^order: + for r^3, - for r and r^5.
        (Polyharmonic(1) + Polyharmonic(3), None),
        (Polyharmonic(1) + Polyharmonic(5), 3),
        (Gaussian() + Polyharmonic(3), 2),
        (Gaussian() + Multiquadric(), None),
        (Multiquadric() + Polyharmonic(5), 3),
        (ThinPlateSpline() + Polyharmonic(6), 4),
        (Gaussian() + as_kernel(lambda s: 1 / (1 + s)), None),
        (Gaussian() * Wendland(), 0),
        (Gaussian() * Multiquadric(), None),
        (Polyharmonic(3) * Polyharmonic(3), None),
        (Gaussian() * as_kernel(lambda s: 1 / (1 + s)), None),
        (3.0 * Polyharmonic(3), 2),
        (Polyharmonic(3) * 3, 2),
    ],
    ids=lambda value: str(value) if isinstance(value, Kernel) else "",
)
def test_the_order_of_a_composite(kernel: Kernel, order: int | None) -> None:
    assert kernel.order == order


def test_r_plus_its_cube_is_indefinite_either_way() -> None:
    # What order None stands for: no order and no sign would be true.
    for order in range(3):
        kernel = Polyharmonic(1) + Polyharmonic(3)
        kernel.order = order
        with pytest.raises(AssertionError, match=f"order {order} means"):
            check_kernel(kernel)


def test_smoothness_support_and_dimension_of_a_composite() -> None:
    assert (Gaussian() + Matern(1.5)).smoothness == (Gaussian() * Matern(1.5)).smoothness == 2
    assert (Gaussian() + Wendland(6)).max_dims == (Gaussian() * Wendland(6)).max_dims == (2.0 * Wendland(6)).max_dims == 3
    assert (Gaussian() + Gaussian()).max_dims == math.inf
    compact = {
        Gaussian() + Wendland(): False,
        Wendland(2) + Wendland(): True,
        Gaussian() * Wendland(): True,
        Gaussian() * Gaussian(): False,
        2.0 * Wendland(): True,
        Scaled("wendland", shape=1.5): True,
        # Its support reaches to s = 4.
        Scaled("wendland", shape=0.5): False,
        Scaled("wendland", shape=1.5, trainable=True): False,
    }
    assert [kernel.compact for kernel in compact] == list(compact.values())
    for kernel in compact:
        assert not kernel.compact or not kernel.phi(S)[S >= 1].any()


def test_operators_of_python_make_composites() -> None:
    kernel = 2.0 * Gaussian() + Matern() * Wendland()
    wanted = 2.0 * (-S).exp() + Matern().phi(S) * Wendland().phi(S)
    torch.testing.assert_close(kernel.phi(S), wanted)
    assert repr(kernel) == ("Sum(Scaled(Gaussian(), amplitude=2, shape=1), Product(Matern(nu=2.5), Wendland(continuity=4)))")
    others: list[Any] = [1.0, "matern", None]
    for other in others:
        with pytest.raises(TypeError):
            Gaussian() + other
    for other in others[1:]:
        with pytest.raises(TypeError):
            Gaussian() * other
        with pytest.raises(TypeError):
            other * Gaussian()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Sum([]), "two kernels at least, but got 0"),
        (lambda: Product(["gaussian"]), "two kernels at least, but got 1"),
        (lambda: Sum("gaussian"), "a list of kernels"),
        (lambda: Sum(Gaussian()), "a list of kernels"),  # type: ignore[arg-type]
        (lambda: Sum(["gausian", "matern"]), "did you mean 'gaussian'"),
        (lambda: Sum(["gaussian", {"a": 1}]), "A kernel is a Kernel"),  # type: ignore[list-item]
        (lambda: as_kernel("sum"), "Sum cannot be made without 'kernels'; give Sum"),
        (lambda: as_kernel(Scaled), "Scaled cannot be made without 'kernel'"),
        (lambda: Scaled("gaussian", amplitude=0.0), "amplitude must be positive"),
        (lambda: -1.0 * Gaussian(), "amplitude must be positive"),
        (lambda: Scaled("gaussian", shape=math.inf), "shape must be positive"),
        (lambda: Scaled("gaussian", trainable="yes"), "trainable must be true or false"),  # type: ignore[arg-type]
        (lambda: RationalQuadratic(0.0), "alpha must be positive"),
        (lambda: Polyharmonic(0), "degree must be a whole number"),
        (lambda: Polyharmonic(1.5), "degree must be a whole number"),  # type: ignore[arg-type]
        (lambda: Wendland(3), "continuity 0, 2, 4 or 6, but got 3"),
        (lambda: Wendland([2]), "continuity 0, 2, 4 or 6, but got"),  # type: ignore[arg-type]
        *((lambda b=b: GeneralizedMultiquadric(b), "exponent must be negative, or") for b in (0, 1, 2.0, math.nan)),
        (lambda: GeneralizedMultiquadric("wide"), "exponent must be negative, or positive and not"),  # type: ignore[arg-type]
    ],
)
def test_what_makes_no_kernel_is_refused_in_one_sentence(make: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()


def _product() -> Kernel:
    # Its members' parameters are reached through both.
    return Product([Scaled(Matern(3.5), 1.5, 0.8, trainable=True), RationalQuadratic(0.7, trainable=True)])


TRAINED = [
    lambda: GeneralizedMultiquadric(1.4, trainable=True),
    lambda: GeneralizedMultiquadric(-0.7, trainable=True),
    lambda: RationalQuadratic(0.7, trainable=True),
    lambda: Scaled("wendland", 1.5, 0.8, trainable=True),
    _product,
]


@pytest.mark.parametrize("make", TRAINED, ids=lambda make: str(make()))
def test_parameters_of_a_kernel_pass_the_conformance_suite(make: Any) -> None:
    check_kernel(make())


@pytest.mark.parametrize("make", TRAINED, ids=lambda make: str(make()))
def test_parameters_of_a_kernel_are_trained_through_a_laplacian(make: Any) -> None:
    torch.manual_seed(0)
    network = RBFNetwork(2, 1, 6, make(), degree=-1, trainable_centers=False, trainable_epsilon=False, dtype=torch.float64)
    network.set_coefficients(torch.randn(6, 1, dtype=torch.float64))
    x = torch.rand(30, 2, dtype=torch.float64)
    own = list(network.kernel.parameters())
    before = [p.detach().clone() for p in own]
    with torch.no_grad():
        for p in own:
            p.add_(0.3)
        wanted = laplacian(network, x)
        for p, start in zip(own, before, strict=True):
            p.copy_(start)
    optimizer = torch.optim.LBFGS(own, line_search_fn="strong_wolfe", max_iter=20)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = (laplacian(network, x) - wanted).square().mean()
        torch.autograd.backward(loss)
        return loss

    first = closure().item()
    optimizer.step(closure)
    assert closure().item() < 1e-3 * first
    assert all(not torch.equal(p.detach(), start) for p, start in zip(own, before, strict=True))


@pytest.mark.parametrize("exponent", [-0.2, -5.0, 0.5, 1.25, 3.9])
def test_a_trained_exponent_stays_where_its_order_holds(exponent: float) -> None:
    kernel = GeneralizedMultiquadric(exponent, trainable=True).double()
    assert float(torch.as_tensor(kernel.exponent).detach()) == pytest.approx(exponent, rel=1e-6)
    assert isinstance(kernel.raw_exponent, nn.Parameter)
    low, high = (-math.inf, 0.0) if exponent < 0 else (math.floor(exponent), math.ceil(exponent))
    for raw in (-20.0, 20.0):
        with torch.no_grad():
            kernel.raw_exponent.fill_(raw)
        assert low < torch.as_tensor(kernel.exponent).item() < high
    assert kernel.order == max(0, math.ceil(exponent))
