"""Ansatz: conditions that hold exactly, whatever the weights are."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import pytest
import torch
from torch import Tensor

import rbfnet
from rbfnet import InputError, Operator
from rbfnet.domains import Rectangle
from rbfnet.nn import Affine, Ansatz, Normalized, RBFNetwork, initializers
from rbfnet.operators import laplacian, partial
from rbfnet.problems import Condition, Interior
from rbfnet.solvers import LeastSquares, Posed, automatic_scales

F64 = torch.float64


def make_network(dims: int = 2, outputs: int = 1, **arguments: Any) -> RBFNetwork:
    torch.manual_seed(0)
    network = RBFNetwork(dims, outputs, 20, **{"kernel": "gaussian", "dtype": F64, **arguments})
    network.set_coefficients(1e3 * torch.randn(network.coefficients.shape).to(network.weight))
    return network


def edges(dtype: torch.dtype) -> Tensor:
    """Points on the boundary of the unit square, corners among them."""
    t = torch.rand(9, dtype=dtype)
    zero, one = torch.zeros_like(t), torch.ones_like(t)
    sides = [torch.stack(side, dim=1) for side in ((t, zero), (t, one), (zero, t), (one, t))]
    return torch.cat([*sides, torch.tensor([[0.0, 0.0], [1.0, 1.0]], dtype=dtype)])


def in_the_square(x: Tensor) -> Tensor:
    return (x * (1 - x)).prod(dim=1)


@pytest.mark.parametrize("dtype", [torch.float32, F64], ids=str)
@pytest.mark.parametrize("wrap", [lambda n: n, Normalized], ids=["network", "normalized"])
def test_a_dirichlet_condition_holds_to_the_last_bit(dtype: torch.dtype, wrap: Any) -> None:
    model = Ansatz(wrap(make_network(dtype=dtype)), in_the_square, lambda x: x[:, :1] * torch.exp(x[:, 1:]))
    x = edges(dtype)
    assert torch.equal(model(x), x[:, :1] * torch.exp(x[:, 1:]))
    assert model(0.5 * torch.ones(1, 2, dtype=dtype)).abs() > 1
    without = Ansatz(wrap(make_network(dtype=dtype)), in_the_square)
    assert not without(x).any() and not without.features(x, Operator.identity()).any()
    # Along the boundary all derivatives vanish too.
    bottom = x[:9]
    assert not partial(without, bottom, (1, 0)).any() and not partial(without, bottom, (2, 0)).any()


def test_the_example_of_the_documentation() -> None:
    model = Ansatz(RBFNetwork(1, 1, 20), distance=lambda x: x[:, 0] * (1 - x[:, 0]), lift=lambda x: torch.ones_like(x))
    model.set_coefficients(torch.randn(20, 1))
    values = model(torch.tensor([[0.0], [0.5], [1.0]]))[:, 0]
    assert values[0] == 1.0 == values[2] != values[1]


def test_initial_value_and_velocity_hold() -> None:
    """u = g + t^2 n: u and u_t at t = 0 are those of g = sin x + t cos x."""
    model = Ansatz(make_network(), lambda p: p[:, 1] ** 2, lambda p: torch.sin(p[:, 0]) + p[:, 1] * torch.cos(p[:, 0]))
    p = torch.cat([torch.rand(7, 1, dtype=F64), torch.zeros(7, 1, dtype=F64)], dim=1)
    torch.testing.assert_close(model(p)[:, 0], torch.sin(p[:, 0]), rtol=0, atol=1e-15)
    torch.testing.assert_close(partial(model, p, (0, 1))[:, 0], torch.cos(p[:, 0]), rtol=0, atol=1e-15)


def test_a_distance_with_closed_form_is_asked_for_it() -> None:
    """A network as distance and lift, and the same as a plain function of x."""
    d, g = make_network(epsilon=0.7), make_network(epsilon=1.3)
    closed, open_ = Ansatz(make_network(), d, g), Ansatz(make_network(), lambda x: d(x)[:, 0], lambda x: g(x))
    x = torch.rand(6, 2, dtype=F64)
    torch.testing.assert_close(laplacian(closed, x), laplacian(open_, x), rtol=1e-9, atol=0)


def test_where_all_terms_of_a_laplacian_have_the_same_coefficient_it_is_one_object() -> None:
    """So that a closed form can collect them."""
    model = Ansatz(make_network(), in_the_square)
    _, (op,) = model.inner(torch.rand(3, 2, dtype=F64), [Operator.laplacian(0, 1)])
    terms = dict(op.terms)
    assert terms[(0, 0)] is terms[(1, 1)] and set(terms) == {(0, 0), (1, 1), (0,), (1,), ()}


# -- solved for --------------------------------------------------------------------------------------------------------


def test_poisson_is_solved_by_interior_rows_alone() -> None:
    x = initializers.grid(torch.tensor([[0.0, 0.0], [1.0, 1.0]], dtype=F64), 400)
    network = RBFNetwork(2, 1, 150, "gaussian", epsilon=2.0, dtype=F64)
    model = Ansatz(network, in_the_square)
    with torch.no_grad():
        rows = model.features(x, Operator.laplacian(0, 1))
        exact = torch.sin(math.pi * x).prod(1, keepdim=True)
        model.set_coefficients(torch.linalg.lstsq(rows, -2 * math.pi**2 * exact, driver="gelsd").solution)
    new = torch.rand(200, 2, dtype=F64)
    assert (model(new) - torch.sin(math.pi * new).prod(1, keepdim=True)).abs().max() < 1e-7


class Lifted(rbfnet.Problem):
    """laplacian u - 2 u = f, whose solution is x^4 + y, posed without its boundary condition."""

    domain = Rectangle(x=(0, 1), y=(0, 1))

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda u: u.laplacian() - 2 * u.value - (12 * u.x**2 - 2 * (u.x**4 + u.y)))


@pytest.mark.parametrize("units", [False, True])
def test_least_squares_solves_through_it_with_its_offset(units: bool) -> None:
    """The boundary values are those of the lift, which is not the solution inside."""
    torch.manual_seed(0)
    problem = Lifted(num_interior=400)

    def lift(x: Tensor) -> Tensor:
        return x[:, 0] ** 4 + x[:, 1] + torch.sin(5 * x[:, 0]) * in_the_square(x)

    inner: Any = RBFNetwork(2, 1, 150, "gaussian", epsilon=2.0, dtype=F64)
    if units:
        one = torch.ones(2, dtype=F64)
        inner = Affine(inner, 0.1 * one, 0.9 * one, 3.0 * one[:1], 5.0 * one[:1])
    model = Ansatz(inner, in_the_square, lift)
    samples = problem.sample()
    solver = LeastSquares()
    solver.check(model, problem, samples)
    task = Posed(model, problem, samples, automatic_scales(model, problem, samples))
    solver.optimizer(model, problem).step(lambda: task)  # type: ignore[arg-type, return-value]
    new = torch.rand(200, 2, dtype=F64)
    assert (model(new)[:, 0] - new[:, 0] ** 4 - new[:, 1]).abs().max() < 1e-6


# -- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"distance": lambda x: x}, r"distance must give shape \(3, 1\) or \(3,\) for 3 points, but gave \(3, 2\)"),
        ({"distance": lambda x: x[:, 0].double()}, "distance must keep the dtype of the points, torch.float32, but gave"),
        ({"lift": lambda x: x[:, 0]}, r"lift must give shape \(3, 2\) for 3 points, but gave \(3, 1\)"),
        ({"lift": lambda x: x.double()}, "lift must keep the dtype of the points"),
    ],
)
def test_functions_that_do_not_fit_are_refused(arguments: dict[str, Any], message: str) -> None:
    model = Ansatz(make_network(outputs=2, dtype=torch.float32), **{"distance": lambda x: x[:, 0], **arguments})
    for op in (Operator.identity(), Operator.laplacian(0, 1)):
        with pytest.raises(InputError, match=message):
            model.apply_operator(torch.rand(3, 2), op)


@pytest.mark.parametrize("arguments", [{"distance": 1.0}, {"distance": torch.relu, "lift": torch.ones(2)}])
def test_what_is_no_function_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"must be a function of points \(B, D\), but got"):
        Ansatz(make_network(), **arguments)
