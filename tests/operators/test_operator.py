"""The algebra of operators as data."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch

from rbfnet import InputError, Operator
from rbfnet.nn import RBFNetwork
from rbfnet.operators import apply_operators

d = Operator.d


def terms(op: Operator) -> dict[Any, Any]:
    return dict(op.terms)


@pytest.mark.parametrize(
    ("op", "wanted"),
    [
        (Operator.identity(), {(): 1.0}),
        (d("x", "x"), {("x", "x"): 1.0}),
        (d("y", "x"), {("x", "y"): 1.0}),
        (d("y", "x") + d("x", "y"), {("x", "y"): 2.0}),
        (Operator.laplacian("x", "y"), {("x", "x"): 1.0, ("y", "y"): 1.0}),
        (Operator.laplacian("x", "x"), {("x", "x"): 2.0}),
        (Operator.laplacian(), {}),
        (d("x") + d("y"), {("x",): 1.0, ("y",): 1.0}),
        (d("x") - 3 * d("y"), {("x",): 1.0, ("y",): -3.0}),
        (-d("x"), {("x",): -1.0}),
        (2.0 * (d("x") + 0.5 * Operator.identity()), {("x",): 2.0, (): 1.0}),
        (d("x") @ d("y"), {("x", "y"): 1.0}),
        (d("y") @ d("x"), {("x", "y"): 1.0}),
        ((d("x") + d("y")) @ (d("x") - d("y")), {("x", "x"): 1.0, ("x", "y"): 0.0, ("y", "y"): -1.0}),
        (
            Operator.laplacian("x", "y") @ Operator.laplacian("x", "y"),
            {("x", "x", "x", "x"): 1.0, ("x", "x", "y", "y"): 2.0, ("y", "y", "y", "y"): 1.0},
        ),
        (Operator.biharmonic("x", "y"), terms(Operator.laplacian("x", "y") @ Operator.laplacian("x", "y"))),
        (Operator.biharmonic("x"), {("x", "x", "x", "x"): 1.0}),
        (Operator.biharmonic(), {}),
        (Operator.identity() @ d("x"), {("x",): 1.0}),
        (d("x") @ (2 * Operator.identity()), {("x",): 2.0}),
    ],
    ids=str,
)
def test_sums_multiples_and_compositions_have_the_terms_of_the_algebra(op: Operator, wanted: dict[Any, Any]) -> None:
    assert terms(op) == wanted


@pytest.mark.parametrize(
    ("op", "order"),
    [
        (Operator.identity(), 0),
        (Operator.laplacian(), 0),
        (d("x") + d("x", "y", "y"), 3),
        (Operator.directional(torch.ones(4, 2), 2), 2),
        (Operator.laplacian("x") @ Operator.laplacian("y"), 4),
    ],
    ids=str,
)
def test_the_order_is_that_of_the_highest_term(op: Operator, order: int) -> None:
    assert op.order == order


def test_equal_operators_are_equal_and_hash_alike_however_they_were_built() -> None:
    one, other = d("x", "y") + d("t"), d("y", "x") + d("t")
    assert one == other and len({one, other}) == 1
    assert one != d("x", "y")


def test_the_order_of_terms_makes_no_difference() -> None:
    one, other = d("x") + 2 * d("t", "t"), 2 * d("t", "t") + d("x")
    assert one == other and hash(one) == hash(other)
    assert one != d("x") + 2 * d("t") and one != d("x") and d("x") != one and one != "u_x"
    assert d("x") + d("y") != d("x") + 2 * d("y")


def test_tensors_in_equal_operators_are_the_same_objects() -> None:
    v, c = torch.rand(3, 2), torch.rand(3)
    w, k = v.clone(), c.clone()
    same = [(d(v), d(v)), (d(v, "x"), d("x", v)), (d(v, w), d(w, v)), (c * d("x"), c * d("x")), (c * d(v), d(v) * c)]
    for one, other in same:
        assert one == other and hash(one) == hash(other) and len({one, other}) == 1
    for one, other in [(d(v), d(w)), (d(v, v), d(v, w)), (c * d("x"), k * d("x")), (c * d("x"), d("x")), (d(v), d("x"))]:
        assert one != other and len({one, other}) == 2
    assert (c * d("x")).bind(("x", "y")) == (c * d("x")).bind(("x", "y"))


def test_terms_with_the_same_vectors_are_merged() -> None:
    v, w = torch.rand(2, 3, 2)
    assert d(v, w) + d(w, v) == 2 * d(v, w)
    assert len((d(v, "x") + d(w, "x") + d("x", v)).terms) == 2


def test_an_operator_is_immutable() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        d("x").terms = ()  # type: ignore[misc]


@pytest.mark.parametrize(
    ("op", "text"),
    [
        (d("t") - 0.1 * d("x", "x"), "u_t + -0.1*u_xx"),
        (Operator.identity(), "u"),
        (torch.ones(3) * d("x"), "c*u_x"),
        (Operator.directional(torch.ones(3, 2), 2), "u_vv"),
        (Operator.laplacian(), "0"),
    ],
    ids=["numbers", "identity", "coefficient", "direction", "zero"],
)
def test_an_operator_reads_like_the_equation(op: Operator, text: str) -> None:
    assert str(op) == text


# -- binding -----------------------------------------------------------------------------------------------------------


def test_binding_replaces_names_by_indices_and_keeps_numbers_and_vectors() -> None:
    v, c = torch.ones(3, 2), torch.ones(3)
    bound = (d("t") + 2 * d("x", "t") + c * Operator.directional(v)).bind(("x", "t"))
    numbers, ((direction,), coefficient) = bound.terms[:2], bound.terms[2]
    assert dict(numbers) == {(1,): 1.0, (0, 1): 2.0}
    assert direction is v and isinstance(coefficient, torch.Tensor) and torch.equal(coefficient, c)
    assert d(1, 0).bind(("x", "t")) == d("x", "t").bind(("x", "t"))


def test_binding_merges_terms_that_become_the_same() -> None:
    assert terms((d("x") + d(0)).bind(("x", "y"))) == {(0,): 2.0}


@pytest.mark.parametrize(
    ("op", "message"),
    [
        (d("y"), "There is no coordinate 'y'; known: t, x"),
        (d("x1"), "There is no coordinate 'x1'; did you mean 'x'"),
        (d(2), "Coordinate index 2 is out of range for 2 coordinates"),
        (d(-1), "Coordinate index -1 is out of range"),
    ],
    ids=["unknown", "near", "too high", "negative"],
)
def test_binding_refuses_a_coordinate_that_is_not_there(op: Operator, message: str) -> None:
    with pytest.raises(InputError, match=message):
        op.bind(("x", "t"))


# -- tensors in operators ----------------------------------------------------------------------------------------------


def test_the_tensors_of_an_operator_are_listed_once() -> None:
    v, c = torch.ones(3, 2), torch.ones(3)
    op = Operator.of([((v, v), c), (("x",), c)])
    assert len(op.tensors) == 2 and any(t is v for t in op.tensors) and any(t is c for t in op.tensors)
    assert d("x").tensors == []


def test_tensors_are_replaced_by_identity() -> None:
    v, w, c = torch.ones(3, 2), torch.zeros(3, 2), torch.ones(3)
    op = Operator.of([((v,), c)]).substitute([v, c], [w, c[:1]])
    ((directions, coefficient),) = op.terms
    assert directions[0] is w and isinstance(coefficient, torch.Tensor) and coefficient.shape == (1,)


def test_a_tensor_times_an_operator_is_an_operator_with_a_coefficient_a_point() -> None:
    c = torch.tensor([1.0, 2.0])
    op = c * (2 * d("x"))
    assert isinstance(op, Operator)
    assert torch.equal(terms(op)[("x",)], 2 * c)
    both = c * d("x") + 3 * d("x")
    assert torch.equal(terms(both)[("x",)], c + 3)


def test_tensors_are_substituted_one_for_one() -> None:
    v, w, c = torch.ones(3, 2), torch.zeros(3, 2), torch.ones(3)
    op = Operator.of([((v, "x"), c), ((v, v), 2.0)])
    assert op.substitute([v], [w]) == Operator.of([((w, "x"), c), ((w, w), 2.0)])
    assert op.substitute([], []) == op and op.substitute([w], [v]) == op


def test_tensors_are_repeated_over_the_points_and_kept_where_they_fit() -> None:
    v, one, c = torch.rand(3, 2), torch.rand(2), torch.rand(3)
    op = Operator.of([((v, 0), c), ((one, one), torch.tensor(2.0))]).over(3, 2)
    ((kept, coefficient), (repeated, number)) = op.terms
    assert kept[1] is v and coefficient is c
    assert repeated[0] is repeated[1] and isinstance(repeated[0], torch.Tensor) and torch.equal(repeated[0], one.expand(3, 2))
    assert isinstance(number, torch.Tensor) and number.shape == (3,)


def test_a_tensor_in_anything_but_a_product_is_refused() -> None:
    with pytest.raises(TypeError):
        torch.ones(3) + d("x")  # type: ignore[operator]
    with pytest.raises(TypeError):
        torch.sin(d("x"))  # type: ignore[arg-type]


def test_directional_of_order_zero_is_the_identity() -> None:
    assert Operator.directional(torch.ones(3, 2), 0) == Operator.identity()


def test_varying_coefficients_compose_on_the_left_only() -> None:
    c = torch.rand(3)
    assert torch.equal(terms((c * d("x")) @ d("y"))[("x", "y")], c)
    with pytest.raises(InputError, match="compose it on the left"):
        d("x") @ (c * d("y"))


# -- what the algebra means --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("closed", [True, False], ids=["closed form", "autograd"])
def test_the_algebra_of_operators_is_that_of_their_values(closed: bool) -> None:
    torch.manual_seed(0)
    network = RBFNetwork(2, 1, 6, "gaussian", dtype=torch.float64)
    network.set_coefficients(torch.randn(6, 1, dtype=torch.float64))
    x, c = torch.rand(5, 2, dtype=torch.float64), torch.rand(5, dtype=torch.float64)
    p, q = d(0) + 0.5 * Operator.identity(), d(0, 1) - 2.0 * d(1)

    def of(op: Operator) -> torch.Tensor:
        return apply_operators(network if closed else lambda points: network(points), x, [op])[..., 0]

    def nested(points: torch.Tensor) -> torch.Tensor:
        return apply_operators(network, points, [q])[..., 0]

    torch.testing.assert_close(of(p + q), of(p) + of(q))
    torch.testing.assert_close(of(p - q), of(p) - of(q))
    torch.testing.assert_close(of(3.0 * q), 3.0 * of(q))
    torch.testing.assert_close(of(c * q), c[:, None] * of(q))
    torch.testing.assert_close(of(p @ q), apply_operators(nested, x, [p])[..., 0])
    torch.testing.assert_close(of((c * p) @ q), c[:, None] * of(p @ q))
    assert not of(Operator.laplacian()).any()
