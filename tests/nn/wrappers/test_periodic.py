"""Periodic: values and derivatives that repeat, and centres in the coordinates of the user."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from rbfnet import InputError, Operator
from rbfnet.kernels import Matern
from rbfnet.nn import CoordinateMap, Periodic, RBFNetwork, initializers
from rbfnet.operators import apply_operators, jacobian

F64 = torch.float64


def make(
    periods: list[float | None], low: list[float] | None = None, dtype: torch.dtype = F64, **arguments: Any
) -> CoordinateMap:
    torch.manual_seed(0)
    space = Periodic(periods, low)
    centers = space(torch.rand(25, len(periods), dtype=dtype) + torch.tensor(low or 0.0, dtype=dtype))
    network = RBFNetwork(space.out_features, 2, None, **{"kernel": "gaussian", "centers": centers, "dtype": dtype, **arguments})
    network.set_coefficients(torch.randn(network.coefficients.shape).to(dtype))
    return CoordinateMap(network, space)


def operators(x: Tensor) -> list[Operator]:
    torch.manual_seed(1)
    c, v = torch.randn(len(x), dtype=F64).to(x), torch.randn(x.shape, dtype=F64).to(x)
    return [
        Operator.identity(),
        Operator.d(0),
        Operator.d(1),
        Operator.laplacian(0, 1),
        Operator.d(0, 1),
        Operator.d(0, 0, 0, 0, 0),
        Operator.d(0, 0, 1, 1),
        c * Operator.directional(v, 3) - Operator.d(v, 0),
    ]


@pytest.mark.parametrize("periods", [[1.7, None], [None, 0.4], [3.0, 2.0], [None, None]], ids=str)
def test_the_closed_form_is_that_of_the_coordinates(periods: list[float | None]) -> None:
    space = Periodic(periods)

    def plain(x: Tensor) -> Tensor:
        columns = []
        for i, p in enumerate(periods):
            if p is None:
                columns.append(x[:, i])
            else:
                columns += [p / (2 * math.pi) * f(2 * math.pi / p * x[:, i]) for f in (torch.cos, torch.sin)]
        return torch.stack(columns, dim=1)

    x = 4 * torch.rand(6, 2, dtype=F64) - 2
    ops = operators(x)
    got, wanted = apply_operators(space, x, ops), apply_operators(plain, x, ops)
    assert got.shape == (6, space.out_features, len(ops))
    for a, b in zip(got.unbind(-1), wanted.unbind(-1), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12 * max(1.0, float(b.abs().max())))
    assert space(x.reshape(2, 3, 2)).shape == (2, 3, space.out_features)
    for op in ops:
        for directions, _ in op.terms:
            if space.vanishes(directions):
                assert not apply_operators(plain, x, [Operator.d(*directions)]).any()
    assert not space.vanishes(()) and not space.vanishes((0,)) and space.vanishes((0, 1))
    assert space.vanishes((0, 0)) == (periods[0] is None)


@pytest.mark.parametrize("dtype", [torch.float32, F64], ids=str)
@pytest.mark.parametrize("kernel", ["gaussian", "multiquadric", Matern(3.5)], ids=str)
def test_values_and_derivatives_repeat_to_rounding(kernel: Any, dtype: torch.dtype) -> None:
    # Numbers of few digits, so that x + period is exact.
    model = make([2.0, None], dtype=dtype, kernel=kernel, epsilon=1.5)
    x = torch.stack([torch.arange(-8, 8) / 8.0, torch.arange(16) / 16.0], dim=1).to(dtype)
    later = x + torch.tensor([2.0, 0.0], dtype=dtype)
    for op in operators(x)[:5]:
        here, there = (model.apply_operator(p, op).detach() for p in (x, later))
        torch.testing.assert_close(here, there, rtol=0, atol=300 * torch.finfo(dtype).eps * float(here.abs().max()))
    along_y = model(x + torch.tensor([0.0, 2.0], dtype=dtype))
    assert (along_y - model(x)).abs().max() > 0.1


def test_distances_agree_locally() -> None:
    """An arc and its chord: r = 2 R sin(x / (2 R)), which is x (1 - (x / R)^2 / 24 + ...)."""
    space = Periodic([2 * math.pi, None])
    x = torch.tensor([[0.3, 0.1]], dtype=F64) + torch.tensor([[0.0, 0.0], [1e-3, 0.0], [0.0, 1e-3], [1e-3, -1e-3]], dtype=F64)
    z = space(x)
    torch.testing.assert_close((z[1:] - z[0]).norm(dim=1), (x[1:] - x[0]).norm(dim=1), rtol=1e-7, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, F64], ids=str)
@pytest.mark.parametrize(
    ("periods", "low"), [([2.0, None], [-1.0, 5.0]), ([0.5, 3.0], None), ([1.0], [7.0]), ([None, 2.0], None)]
)
def test_the_inverse_shows_one_period_from_its_lower_end(
    periods: list[float | None], low: list[float] | None, dtype: torch.dtype
) -> None:
    space = Periodic(periods, low)
    size = torch.tensor([1.0 if p is None else p for p in periods], dtype=dtype)
    x = torch.tensor(low or [0.0] * len(periods), dtype=dtype) + size * (0.01 + 0.98 * torch.rand(50, len(periods), dtype=dtype))
    atol = 40 * torch.finfo(dtype).eps
    torch.testing.assert_close(space.inverse(space(x)), x, rtol=0, atol=atol)
    wound = torch.where(torch.tensor([p is not None for p in periods]), 3 * size, 0.0)
    torch.testing.assert_close(space.inverse(space(x + wound)), x, rtol=0, atol=atol)
    # Off the circle it is the nearest point on it.
    if len(periods) == 1:
        torch.testing.assert_close(space.inverse(1.3 * space(x)), x, rtol=0, atol=atol)


def test_the_example_of_the_documentation() -> None:
    space = Periodic([2.0, None], low=[-1.0, 0.0])
    centers = initializers.halton(torch.tensor([[-1.0, 0.0], [1.0, 1.0]]), 200)
    model = CoordinateMap(RBFNetwork(space.out_features, 1, None, "gaussian", centers=space(centers)), space)
    model.set_coefficients(torch.randn(200, 1))
    left, right = model(torch.tensor([[-1.0, 0.3], [1.0, 0.3]]))
    torch.testing.assert_close(left, right, rtol=0, atol=1e-5)
    torch.testing.assert_close(model.centers.detach(), centers, rtol=0, atol=1e-5)
    assert model.in_features == 2 and repr(space) == "Periodic(periods=(2.0, None))"


def test_a_periodic_equation_is_solved_without_a_boundary_condition() -> None:
    """u - u'' = f on a circle of length 2 with u = exp(sin(pi x))."""
    space = Periodic([2.0], low=[-1.0])
    x = torch.linspace(-1, 1, 121, dtype=F64)[:-1, None]
    network = RBFNetwork(2, 1, None, "gaussian", centers=space(x[::3]), epsilon=2.0, dtype=F64)
    model = CoordinateMap(network, space)
    s, c = torch.sin(math.pi * x), torch.cos(math.pi * x)
    f = torch.exp(s) * (1 - math.pi**2 * (c**2 - s))
    with torch.no_grad():
        rows = model.features(x, Operator.identity() - Operator.d(0, 0))
        model.set_coefficients(torch.linalg.lstsq(rows, f, driver="gelsd").solution)
    new = 6 * torch.rand(100, 1, dtype=F64) - 3
    assert (model(new) - torch.exp(torch.sin(math.pi * new))).abs().max() < 1e-8
    slope = math.pi * torch.cos(math.pi * new) * torch.exp(torch.sin(math.pi * new))
    assert (jacobian(model, new)[:, 0] - slope).abs().max() < 1e-6


def test_it_has_no_state_and_keeps_dtype() -> None:
    space = Periodic([2.0, None])
    assert not space.state_dict()
    for dtype in (torch.float32, F64):
        assert space(torch.rand(3, 2, dtype=dtype)).dtype == dtype
        assert space.inverse(torch.rand(3, 3, dtype=dtype)).dtype == dtype


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([],), r"Periodic needs a period or None for each dimension, but got none"),
        (([0.0],), "A period must be positive and finite, but got 0.0"),
        (([1.0, -2.0],), "A period must be positive and finite, but got -2.0"),
        (([1.0, None], [0.0]), r"There are 2 periods, so low must have 2 numbers, but got \[0.0\]"),
    ],
)
def test_what_is_no_period_is_refused(arguments: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Periodic(*arguments)


def test_points_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match=r"The points must have shape \(B, 2\), but got \(3, 1\)"):
        Periodic([1.0, None])(torch.rand(3, 1))
