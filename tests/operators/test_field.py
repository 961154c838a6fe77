"""Field: channels by name that read like the equation, and the recorder that learns which ones are used."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.func import jacrev, vmap

from rbfnet import Field, InputError, Operator
from rbfnet.nn import RBFNetwork
from rbfnet.operators import Differentiable, Recorder, apply_operators, default_coords, jacobian

F64 = torch.float64


def two_outputs(x: Tensor) -> Tensor:
    """p = x^2 y, q = sin(x) + y^3."""
    return torch.stack([x[:, 0] ** 2 * x[:, 1], torch.sin(x[:, 0]) + x[:, 1] ** 3], dim=1)


def one_output(x: Tensor) -> Tensor:
    return two_outputs(x)[:, :1]


class Counting(Differentiable):
    """Remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.network = RBFNetwork(2, 1, 5, dtype=F64)
        self.network.set_coefficients(torch.randn(5, 1, dtype=F64))
        self.asked: list[Sequence[Operator]] = []

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x)

    def apply_operators(self, x: Tensor, ops: Sequence[Operator]) -> Tensor:
        self.asked.append(ops)
        return self.network.apply_operators(x, ops)


def two() -> Field:
    return Field(two_outputs, points(), outputs=("p", "q"))


def points() -> Tensor:
    return torch.tensor([[0.3, -1.2], [2.0, 0.5], [-0.7, 0.9]], dtype=F64)


# -- names -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dims", "names"), [(1, ("x",)), (2, ("x", "y")), (3, ("x", "y", "z")), (4, ("x1", "x2", "x3", "x4"))], ids=str
)
def test_coordinates_have_the_usual_names_by_default(dims: int, names: tuple[str, ...]) -> None:
    assert default_coords(dims) == names
    assert Field(lambda x: x[:, :1], torch.zeros(3, dims)).coords == names


def test_channels_and_coordinates_are_found_by_name_and_have_one_number_a_point() -> None:
    x = points()
    u = Field(one_output, x, coords=("s", "t"))
    s, t = x.unbind(1)
    for got, wanted in [
        (u.s, s),
        (u.t, t),
        (u.value, s**2 * t),
        (u.d("s"), 2 * s * t),
        (u.d("s", "t"), 2 * s),
        (u.d("st"), 2 * s),
        (u.d("ts"), 2 * s),
        (u.d("ss"), 2 * t),
        (u.d("ss", "t"), 2 * torch.ones(3, dtype=F64)),
        (u.laplacian(), 2 * t),
        (u.laplacian("t"), torch.zeros(3, dtype=F64)),
        (u.directional(x), 3 * s**2 * t),
        (u.directional(x, order=2), 6 * s**2 * t),
        (u.apply(Operator.d("s") + 2.0 * Operator.d(1)), 2 * s * t + 2 * s**2),
        (u.apply(s * Operator.d("s")), 2 * s**2 * t),
    ]:
        assert got.shape == (3,)
        torch.testing.assert_close(got, wanted)
    assert u.points is x and u.outputs == ("u",)


def test_coordinates_of_several_letters_are_named_one_by_one() -> None:
    x = points()
    u = Field(one_output, x, coords=("x1", "x2"))
    torch.testing.assert_close(u.d("x1", "x1"), 2 * x[:, 1])
    torch.testing.assert_close(u.x2, x[:, 1])
    with pytest.raises(InputError, match="There is no coordinate 'x1x1'; did you mean 'x1'"):
        u.d("x1x1")


def test_a_name_of_several_letters_is_preferred_to_its_letters() -> None:
    x = points()
    u = Field(one_output, x, coords=("xy", "x"))
    torch.testing.assert_close(u.d("xy"), 2 * x[:, 0] * x[:, 1])


# -- arithmetic --------------------------------------------------------------------------------------------------------


EXPRESSIONS: dict[str, Callable[[Any, Tensor], Any]] = {
    "u + y": lambda u, y: u + y,
    "y + u": lambda u, y: y + u,
    "u - 1": lambda u, y: u - 1,
    "1 - u": lambda u, y: 1 - u,
    "y - u": lambda u, y: y - u,
    "u * u": lambda u, y: u * u,
    "2 * u": lambda u, y: 2 * u,
    "y * u": lambda u, y: y * u,
    "u / y": lambda u, y: u / y,
    "y / u": lambda u, y: y / u,
    "1 / u": lambda u, y: 1 / u,
    "u ** 3": lambda u, y: u**3,
    "y ** u": lambda u, y: y.abs() ** u,
    "2 ** u": lambda u, y: 2**u,
    "u ** u": lambda u, y: (u * u) ** u,
    "-u": lambda u, y: -u,
    "sin": lambda u, y: torch.sin(u),
    "exp and maximum": lambda u, y: torch.maximum(torch.exp(u), y),
    "where": lambda u, y: torch.where(y > 0, u, 2 * u),
    "stack": lambda u, y: torch.stack([u, y, u], dim=-1),
    "keyword": lambda u, y: torch.clamp(input=u, max=y),
    "atan2": lambda u, y: torch.atan2(u, u + y),
    "abs": lambda u, y: abs(u) + (+u),
    "comparisons": lambda u, y: torch.stack([u < y, y <= u, u > 0, u >= u, 0.1 > u, u == y, u != u]),
    "remainder": lambda u, y: u % 0.5 + 2.0 % u,
    "scalar of numpy": lambda u, y: np.float64(2.0) * u + u * np.float64(3.0),
    "mask": lambda u, y: (u > 0) * u,
}


@pytest.mark.parametrize("expression", EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_in_an_expression_a_field_is_its_value(expression: Callable[[Any, Tensor], Any]) -> None:
    x = points()
    got = expression(Field(one_output, x), x[:, 1])
    torch.testing.assert_close(got, expression(one_output(x)[:, 0], x[:, 1]))


def test_burgers_equation_reads_like_the_equation() -> None:
    torch.manual_seed(0)
    network = RBFNetwork(2, 1, 8, dtype=F64)
    network.set_coefficients(torch.randn(8, 1, dtype=F64))
    x = torch.rand(6, 2, dtype=F64)
    u = Field(network, x, coords=("x", "t"))
    got = u.d("t") + u * u.d("x") - 0.01 / math.pi * u.d("xx")
    value = network(x)[:, 0]
    gradient = jacobian(network, x)[:, 0]
    (second,) = (jacobian(lambda p: jacobian(network, p)[:, 0], x)[:, 0, 0],)
    torch.testing.assert_close(got, gradient[:, 1] + value * gradient[:, 0] - 0.01 / math.pi * second)
    assert got.shape == (6,)


def test_values_of_a_field_can_be_differentiated_in_the_parameters() -> None:
    network = RBFNetwork(2, 1, 8, dtype=F64)
    u = Field(network, torch.rand(6, 2, dtype=F64))
    torch.autograd.backward((u.laplacian() - u).square().mean())
    assert network.weight.grad is not None


def test_fields_are_mapped_over_single_points_and_differentiated() -> None:
    network, x = Counting().network, points()
    got = vmap(jacrev(lambda p: Field(network, p[None]).laplacian()[0]))(x)
    torch.testing.assert_close(got, torch.stack(Field(network, x).gradient_of_laplacian(), dim=1))


# -- several outputs ---------------------------------------------------------------------------------------------------


def test_outputs_are_indexed_by_name_first() -> None:
    x = points()
    u = Field(two_outputs, x, outputs=("p", "q"))
    torch.testing.assert_close(u["p"].d("x"), 2 * x[:, 0] * x[:, 1])
    torch.testing.assert_close(u["q"].d("yy"), 6 * x[:, 1])
    torch.testing.assert_close(u["p"] + u["q"] * 2, two_outputs(x) @ torch.tensor([1.0, 2.0], dtype=F64))
    torch.testing.assert_close(u["q"].x, u.x)
    assert u.outputs == ("p", "q")


@pytest.mark.parametrize(
    "use",
    [lambda u: u.value, lambda u: u + 1, lambda u: u.d("x"), lambda u: torch.sin(u), lambda u: u.laplacian()],
    ids=["value", "arithmetic", "derivative", "torch function", "laplacian"],
)
def test_a_field_of_several_outputs_is_not_used_as_if_it_had_one(use: Callable[[Field], Any]) -> None:
    with pytest.raises(InputError, match=r"has the outputs p, q: choose one, as in u\['p'\]"):
        use(Field(two_outputs, points(), outputs=("p", "q")))


# -- errors ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda: Field(one_output, points(), coords=("x",)), "The points have 2 columns, but the coordinates are named"),
        (lambda: Field(one_output, points(), coords=("x", "x")), "The points have 2 columns, but the coordinates"),
        (lambda: Field(one_output, points()).d("t"), "There is no coordinate 't'"),
        (lambda: Field(one_output, points()).d("xt"), "There is no coordinate 't'"),
        (lambda: Field(one_output, points()).z, "There is no coordinate 'z'"),
        (lambda: Field(one_output, points()).laplacian("z"), "There is no coordinate 'z'"),
        (lambda: Field(one_output, points()).apply(Operator.d(2)), "Coordinate index 2 is out of range"),
        (lambda: Field(two_outputs, points(), outputs=("p", "q"))["pp"], "There is no output 'pp'; did you mean 'p'"),
        (lambda: Field(two_outputs, points()).value, "The model has 2 outputs, but 1 are named: u"),
        (lambda: Field(one_output, points(), ahead=[Operator.d("t")]), "There is no coordinate 't'"),
        (lambda: Field(one_output, points()[0]), r"Points must have shape \(B, D\), one row per point, but got \(2,\)"),
        (lambda: Field(two_outputs, points(), outputs=("p", "p")), r"The outputs need different names, .* \('p', 'p'\)"),
        (lambda: Field(two_outputs, points(), outputs=()), "The outputs need different names"),
        (lambda: two()["p"].directional(points(), -1), "The order of a derivative must be 0, 1, 2, ..., but got -1"),
        (lambda: two()["p"].directional(points()[:2]), r"must have shape \(3, 2\), but got \(2, 2\)"),
        (lambda: two().divergence(), "A vector needs its components: name them"),
        (lambda: two().divergence("p", "r"), "There is no output 'r'"),
        (lambda: two().divergence("p", "q", along=("x", "z")), "There is no coordinate 'z'"),
        (lambda: two().divergence("p", "q", along=("x",)), "2 components were given for the 1 coordinates x"),
        (lambda: two().symmetric_gradient("p", "q", "p"), "3 components were given for the 2 coordinates x, y"),
        (lambda: two().curl("p"), "The curl needs the names of two or three outputs, but got 1"),
        (lambda: two().vector_laplacian("p", along=()), "1 components were given for the 0 coordinates"),
        (lambda: two().vector_laplacian("r"), "There is no output 'r'"),
        (lambda: two().advection("p", "q"), "has the outputs p, q: choose one"),
        (lambda: two()["p"].advection("p", "r"), "There is no output 'r'"),
        (lambda: two()["p"].advection(1.0, 2.0, 3.0), "3 components were given for the 2 coordinates x, y"),
        (lambda: two()["p"].advection(points()[:, :1], 1.0), r"a number or of shape \(3,\), but got \(3, 1\)"),
        (lambda: two()["p"].gradient("z"), "There is no coordinate 'z'"),
    ],
)
def test_names_that_do_not_fit_are_refused(use: Callable[[], Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        use()


def test_an_unknown_coordinate_is_an_attribute_error_too() -> None:
    u = Field(one_output, points())
    assert not hasattr(u, "z") and not hasattr(u, "_hidden")
    with pytest.raises(AttributeError):
        _ = u.z


# -- what is evaluated when --------------------------------------------------------------------------------------------


def test_each_channel_is_evaluated_once() -> None:
    model = Counting()
    u = Field(model, points())
    for _ in range(2):
        _ = u.d("xy") + u.d("yx") + u + u.value
    assert [len(ops) for ops in model.asked] == [1, 1]


def test_operators_known_ahead_are_evaluated_together_and_not_again() -> None:
    model, x = Counting(), points()
    v = torch.rand(3, 2, dtype=F64)
    u = Field(model, x, ahead=[Operator.identity(), Operator.d("x"), Operator.laplacian("x", "y"), Operator.directional(v)])
    assert [len(ops) for ops in model.asked] == [4]
    torch.testing.assert_close(u.d("x") + u, jacobian(model.network, x)[:, 0, 0] + model.network(x)[:, 0])
    _ = u.laplacian() + u.directional(v)
    assert len(model.asked) == 1
    _ = u.d("y")
    assert len(model.asked) == 2


def test_what_is_needed_together_is_evaluated_together() -> None:
    x = points()
    for use, most in [
        (lambda f: f.divergence("p", "q"), 2),
        (lambda f: f.curl("p", "q"), 2),
        (lambda f: f.symmetric_gradient("p", "q"), 2),
        (lambda f: f.vector_laplacian("p", "q"), 1),
        (lambda f: f["p"].gradient(), 2),
        (lambda f: f["p"].gradient_of_laplacian(), 2),
        (lambda f: f["q"].advection("p", "q"), 3),
        (lambda f: f["q"].advection(1.0, f.x), 2),
    ]:
        asked: list[int] = []

        class Spy(Differentiable):
            def apply_operators(self, x: Tensor, ops: Sequence[Operator], asked: list[int] = asked) -> Tensor:
                asked.append(len(ops))
                return apply_operators(two_outputs, x, ops)

        f = Field(Spy(), x, outputs=("p", "q"))
        use(f)
        use(f)
        assert asked == [most]


def test_one_channel_serves_all_that_is_made_of_it() -> None:
    model = Counting()
    u = Field(model, points())
    k = torch.rand(3, dtype=F64)
    for _ in range(2):
        _ = u.gradient(), u.d("x"), u.d("y"), u.advection(1.0, 2.0), u.apply(k * Operator.d("x"))
    assert [len(ops) for ops in model.asked] == [2, 1]


def test_outputs_share_what_has_been_evaluated() -> None:
    calls = []

    def model(x: Tensor) -> Tensor:
        calls.append(1)
        return two_outputs(x)

    u = Field(model, points(), outputs=("p", "q"))
    _ = u["p"].value + u["q"].value
    assert len(calls) == 1


# -- the recorder ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("with_values", [True, False], ids=["values of a model", "random"])
def test_a_recorder_remembers_the_channels_an_expression_used_as_leaves(with_values: bool) -> None:
    model, x = Counting(), points()
    recorder = Recorder(1, model if with_values else None)
    u = Field(recorder, x)
    residual = u.d("x") * u + u.laplacian() + u.x
    value, first, second = Operator.identity(), Operator.d(0), Operator.laplacian(0, 1)
    assert set(recorder.channels) == {value, first, second}
    assert all(leaf.is_leaf and leaf.requires_grad and leaf.shape == (3, 1) for leaf in recorder.channels.values())
    gradients = torch.autograd.grad(residual.sum(), [recorder.channels[op] for op in (value, first, second)])
    torch.testing.assert_close(gradients[0][:, 0], u.d("x"))
    torch.testing.assert_close(gradients[1][:, 0], u.value)
    assert (gradients[2] == 1).all()
    if with_values:
        torch.testing.assert_close(recorder.channels[first].detach(), jacobian(model.network, x)[..., 0].detach())


def test_a_coordinate_may_bear_the_name_of_an_attribute_of_the_field() -> None:
    u = Field(lambda p: p[:, 0] * p[:, 1], points(), coords=("x", "value"))
    torch.testing.assert_close(u.d("value"), u.x)
