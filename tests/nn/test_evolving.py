from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.polynomial import chebyshev

from rbfnet.nn import Evolving, RBFNetwork
from rbfnet.operators import Operator, apply_operators
from rbfnet.operators._autograd import autograd_operators

DOUBLE = torch.float64
BREAKS = torch.tensor([0.5, 1.0, 3.0], dtype=DOUBLE)


def made(dims: int = 1, outputs: int = 2, degree: int = 4) -> Evolving:
    torch.manual_seed(0)
    network = RBFNetwork(dims, outputs, 6, "gaussian", epsilon=1.3, degree=1, dtype=DOUBLE)
    model = Evolving(network, 0.5, 1.0, degree)
    model.set_pieces(BREAKS, torch.randn((2, degree + 1, 6 + dims + 1, outputs), dtype=DOUBLE))
    return model


def points(dims: int = 1) -> torch.Tensor:
    torch.manual_seed(1)
    t = torch.tensor([0.5, 0.6, 0.99, 1.2, 2.0, 3.0], dtype=DOUBLE)
    return torch.cat([torch.rand((6, dims), dtype=DOUBLE), t[:, None]], dim=1)


def test_it_is_the_double_sum_of_its_formula() -> None:
    model, x = made(), points()
    carried, centers = model.carried.detach().numpy(), model.centers.detach().numpy()[:, 0]
    for row, value in zip(x.tolist(), model(x).detach().numpy(), strict=True):
        piece = int(row[1] > 1.0)
        low, high = BREAKS[piece].item(), BREAKS[piece + 1].item()
        times = chebyshev.chebvander(2 * (row[1] - low) / (high - low) - 1, 4)
        space = np.exp(-((1.3 * (row[0] - centers)) ** 2))
        tail = model.network.basis.features(torch.tensor([[row[0]]], dtype=DOUBLE), Operator.identity())[0].numpy()
        expected = np.einsum("k,n,kno->o", times.ravel(), np.concatenate([space, tail]), carried[piece])
        assert value == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("dims", [1, 2])
def test_every_derivative_is_that_of_automatic_differentiation(dims: int) -> None:
    model, x = made(dims), points(dims)[1:-1]
    v = torch.randn_like(x)
    c = torch.rand(len(x), dtype=DOUBLE)
    ops = [
        Operator.identity(),
        Operator.d(dims),
        Operator.d(dims, dims),
        Operator.d(0, 0, dims),
        c * Operator.d(0) + 2.0 * Operator.d(0, dims),
        Operator.directional(v, 2),
    ]
    ours = apply_operators(model, x, ops)
    theirs = autograd_operators(model.forward, x, ops)
    assert torch.allclose(ours, theirs, rtol=1e-9, atol=1e-9)


def test_features_are_what_multiplies_the_coefficients() -> None:
    model, x = made(), points()
    for op in (Operator.identity(), Operator.d(0, 1), Operator.d(1, 1) - 3.0 * Operator.d(0)):
        assert torch.allclose(model.features(x, op) @ model.coefficients, model.apply_operator(x, op), rtol=1e-12)
    values = torch.randn_like(model.coefficients)
    model.set_coefficients(values)
    assert torch.equal(model.coefficients, values)


def test_it_stays_as_it_is_outside_of_its_pieces() -> None:
    model = made()
    ends = torch.tensor([[0.3, 0.5], [0.3, 3.0]], dtype=DOUBLE)
    outside = torch.tensor([[0.3, -1.0], [0.3, 9.0]], dtype=DOUBLE)
    assert torch.equal(model(outside), model(ends))
    assert not model.apply_operator(outside, Operator.d(1)).any()


def test_the_number_of_pieces_is_that_of_the_state() -> None:
    model, x = made(), points()
    other = Evolving(RBFNetwork(1, 2, 6, degree=1, dtype=DOUBLE), 0.0, 1.0, 4)
    parameter = other.carried
    other.load_state_dict(model.state_dict())
    assert other.carried is parameter
    assert torch.equal(other(x), model(x))


@pytest.mark.parametrize(
    ("breaks", "shape", "sentence"),
    [
        ([0.0, 1.0], (2, 5, 8, 2), "Pieces need"),
        ([0.0, 1.0, 1.0], (2, 5, 8, 2), "must increase"),
        ([0.0, 1.0], (1, 4, 8, 2), "Pieces need"),
    ],
)
def test_pieces_that_do_not_fit_are_refused(breaks: list[float], shape: tuple[int, ...], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        made().set_pieces(torch.tensor(breaks, dtype=DOUBLE), torch.zeros(shape, dtype=DOUBLE))


def test_points_of_another_dimension_are_refused() -> None:
    with pytest.raises(ValueError, match=r"must have shape \(B, 2\)"):
        made()(torch.zeros((3, 3), dtype=DOUBLE))
