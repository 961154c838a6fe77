"""CoordinateMap: a network in other coordinates, by the formula of Faa di Bruno."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from rbfnet import InputError, Operator
from rbfnet.nn import CoordinateMap, Coordinates, Periodic, RBFNetwork
from rbfnet.nn.wrappers._numbered import partitions, splits
from rbfnet.operators import Differentiable, Direction, apply_operators, hessian, laplacian

F64 = torch.float64


def make_network(dims: int = 2, **arguments: Any) -> RBFNetwork:
    torch.manual_seed(0)
    network = RBFNetwork(dims, 1, 12, **{"dtype": F64, **arguments})
    network.set_coefficients(torch.randn(network.coefficients.shape).to(network.weight))
    return network


class Sheared(Coordinates):
    """z = (x, y + k x): linear, so that no derivative of second order is left."""

    in_features = out_features = 2

    def __init__(self, k: float = 0.7, structure: bool = True) -> None:
        super().__init__()
        self.matrix = torch.tensor([[1.0, 0.0], [k, 1.0]], dtype=F64)
        self.structure = structure
        self.asked: list[int] = []

    def apply_operators(self, x: Tensor, ops: Sequence[Operator]) -> Tensor:
        self.asked += [op.order for op in ops]
        return apply_operators(lambda p: p @ self.matrix.T, x, ops)

    def vanishes(self, directions: tuple[Direction, ...]) -> bool:
        return self.structure and len(directions) > 1

    def inverse(self, z: Tensor) -> Tensor:
        return torch.linalg.solve(self.matrix, z.T).T


@pytest.mark.parametrize(
    ("key", "bell"), [((0,), 1), ((0, 1), 2), ((0, 0), 2), ((0, 1, 2), 5), ((0, 0, 1, 1), 15), ((0, 1, 2, 3, 4), 52)]
)
def test_partitions_and_splits_are_counted(key: tuple[int, ...], bell: int) -> None:
    """Bell's numbers; each part of a key appears as often as it can be chosen."""
    assert sum(count for count, _ in partitions(key)) == bell
    assert sum(count for count, _, _ in splits(key)) == 2 ** len(key)
    for _, blocks in partitions(key):
        assert sorted(n for block in blocks for n in block) == sorted(key)
    for _, part, rest in splits(key):
        assert sorted(part + rest) == sorted(key)
    assert len({blocks for _, blocks in partitions(key)}) == len(partitions(key))


def test_a_fourth_derivative_has_the_coefficients_of_faa_di_bruno() -> None:
    """f'''' z'^4 + 6 f''' z'^2 z'' + 3 f'' z''^2 + 4 f'' z' z''' + f' z''''."""
    assert {tuple(sorted(map(len, blocks))): count for count, blocks in partitions((0, 0, 0, 0))} == {
        (1, 1, 1, 1): 1, (1, 1, 2): 6, (2, 2): 3, (1, 3): 4, (4,): 1,
    }  # fmt: skip


def test_polar_coordinates_give_the_polar_laplacian() -> None:
    """A network in (r, angle): laplacian u = n_rr + n_r / r + n_aa / r^2."""
    network = make_network(epsilon=1.3)
    model = CoordinateMap(network, lambda x: torch.stack([x.norm(dim=1), torch.atan2(x[:, 1], x[:, 0])], dim=1))
    x = 0.3 + torch.rand(9, 2, dtype=F64)
    z = torch.stack([x.norm(dim=1), torch.atan2(x[:, 1], x[:, 0])], dim=1)
    r = z[:, 0]
    polar = Operator.d(0, 0) + (1 / r) * Operator.d(0) + (1 / r**2) * Operator.d(1, 1)
    torch.testing.assert_close(laplacian(model, x), network.apply_operator(z, polar))


def test_derivatives_of_the_map_are_asked_once_and_together() -> None:
    calls = []

    class Asked(Differentiable):
        def apply_operators(self, x: Tensor, ops: Sequence[Operator]) -> Tensor:
            calls.append(len(ops))
            return apply_operators(torch.sin, x, ops)

    hessian(CoordinateMap(make_network(), Asked()), torch.rand(3, 2, dtype=F64))
    assert calls == [1 + 2 + 3]


def test_derivatives_that_vanish_are_neither_asked_nor_used() -> None:
    x = torch.rand(5, 2, dtype=F64)
    shears = Sheared(structure=False), Sheared()
    plain, known = (CoordinateMap(make_network(), shear) for shear in shears)
    torch.testing.assert_close(hessian(known, x), hessian(plain, x))
    assert [set(shear.asked) for shear in shears] == [{0, 1, 2}, {0, 1}]
    _, (op,) = known.inner(x, [Operator.d(0, 1)])
    assert len(op.terms) == 1


def test_one_input_can_become_many_and_many_one() -> None:
    curve = CoordinateMap(make_network(3), lambda t: torch.cat([t.cos(), t.sin(), t], dim=1), in_features=1)
    radial = CoordinateMap(make_network(1), lambda x: x.square().sum(1), in_features=3)
    assert curve.in_features == 1 and radial.in_features == 3
    for model, x in ((curve, torch.rand(4, 1, dtype=F64)), (radial, torch.rand(4, 3, dtype=F64))):
        torch.testing.assert_close(hessian(model, x), hessian(lambda p, m=model: m(p), x))  # type: ignore[misc]


def test_centres_are_shown_in_the_coordinates_of_the_user() -> None:
    space = Sheared()
    x = torch.rand(6, 2, dtype=F64)
    model = CoordinateMap(RBFNetwork(2, 1, None, "thin_plate_spline", centers=space(x), dtype=F64), space)
    torch.testing.assert_close(model.centers.detach(), x)
    assert model.moments() is not None
    # A square system at its own centres is symmetric, as the solver for interpolation wants it.
    columns = model.features(model.centers.detach(), Operator.identity())[:, :6]
    torch.testing.assert_close(columns, columns.T)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"map": Periodic([1.0, None])}, "The map gives 3 coordinates, but the network has 2 inputs"),
        ({"map": Sheared(), "in_features": 3}, "The map takes 2 coordinates, but in_features is 3; remove it"),
        ({"map": torch.zeros(2)}, r"map must be a function of points \(B, D\), but got"),
        ({"map": torch.tanh, "in_features": 0}, "in_features must be a whole number of at least 1, but got 0"),
    ],
)
def test_maps_that_do_not_fit_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        CoordinateMap(make_network(), **arguments)


@pytest.mark.parametrize(
    ("map_", "message"),
    [
        (lambda x: x[:, :1], r"map must give shape \(3, 2\) for 3 points, but gave \(3, 1\)"),
        (lambda x: x.double(), "map must keep the dtype of the points, torch.float32, but gave torch.float64"),
    ],
)
def test_values_that_do_not_fit_are_refused(map_: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        CoordinateMap(make_network(dtype=torch.float32), map_)(torch.rand(3, 2))


def test_centres_of_a_map_without_inverse_are_refused() -> None:
    with pytest.raises(InputError, match="Centres in x need a map with an inverse"):
        _ = CoordinateMap(make_network(), torch.tanh).centers
