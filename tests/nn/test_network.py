"""RBFLayer and RBFNetwork: shapes, attributes, tails, what is trained, what is refused, and that nothing is ever NaN."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rbfnet import InputError, Operator
from rbfnet.kernels import Gaussian, Kernel, Matern, Multiquadric, ThinPlateSpline
from rbfnet.nn import RBFLayer, RBFNetwork
from rbfnet.operators import apply_operators, hessian, jacobian, laplacian, partial
from tests.kernels.shipped import FEW

F64 = torch.float64
NAN = float("nan")


def make_network(kernel: Any = "gaussian", dims: int = 2, outputs: int = 1, centers: int = 12, **arguments: Any) -> RBFNetwork:
    torch.manual_seed(0)
    network = RBFNetwork(dims, outputs, centers, kernel, dtype=F64, **arguments)
    network.set_coefficients(torch.randn(network.coefficients.shape, dtype=F64))
    return network


# -- shapes and attributes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [(), (1,), (7,), (3, 4), (0,), (2, 0, 3)], ids=str)
def test_any_batch_shape_is_kept(batch: tuple[int, ...]) -> None:
    network, x = make_network(outputs=3), torch.rand(*batch, 2, dtype=F64)
    assert network(x).shape == (*batch, 3)
    torch.testing.assert_close(network(x).reshape(-1, 3), network(x.reshape(-1, 2)))


@pytest.mark.parametrize("batch", [(), (7,), (3, 4), (0,)], ids=str)
def test_a_layer_gives_one_number_a_centre(batch: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    layer, x = RBFLayer(2, 5, epsilon=1.7, dtype=F64), torch.rand(*batch, 2, dtype=F64)
    wanted = torch.exp(-(1.7**2) * (x[..., None, :] - layer.centers).square().sum(-1))
    assert layer(x).shape == (*batch, 5)
    torch.testing.assert_close(layer(x), wanted)
    assert layer.apply_operators(x.reshape(-1, 2), [Operator.d(0), Operator.laplacian(0, 1)]).shape == (math.prod(batch), 5, 2)


def test_a_layer_differentiates_each_basis_function() -> None:
    torch.manual_seed(0)
    layer, x = RBFLayer(2, 5, "multiquadric", dtype=F64), torch.rand(4, 2, dtype=F64)
    torch.testing.assert_close(hessian(layer, x), hessian(lambda p: layer(p), x))


def test_the_value_is_the_sum_of_kernels_and_tail() -> None:
    network, x = make_network("thin_plate_spline", outputs=2, epsilon=1.3), torch.rand(7, 2, dtype=F64)
    s = 1.3**2 * (x[:, None] - network.centers).square().sum(-1)
    low, high = network.centers.amin(0), network.centers.amax(0)
    z = (2.0 * x - low - high) / (high - low)
    wanted = (0.5 * s * s.log()) @ network.weight + torch.cat([torch.ones_like(z[:, :1]), z], 1) @ network.tail
    torch.testing.assert_close(network(x), wanted)


@pytest.mark.parametrize("per_center", [True, False], ids=["per centre", "one for all"])
def test_attributes_have_the_shapes_of_the_design(per_center: bool) -> None:
    network = make_network("multiquadric", dims=3, outputs=2, degree=1, per_center=per_center)
    assert network.centers.shape == (12, 3) and network.weight.shape == (12, 2) and network.tail.shape == (4, 2)
    assert network.epsilon.shape == ((12,) if per_center else ()) and (network.epsilon > 0).all()
    assert (network.in_features, network.out_features, network.num_centers) == (3, 2, 12)
    assert isinstance(network.kernel, Multiquadric)
    assert network.coefficients.shape == (16, 2)
    moments = network.moments()
    assert moments.shape == (16, 4) and not moments[12:].any() and (moments[:12, 0] == 1).all()


def test_each_centre_can_have_its_own_shape_parameter() -> None:
    epsilon = torch.linspace(0.5, 2.0, 12, dtype=F64)
    network, x = make_network(epsilon=epsilon), torch.rand(5, 2, dtype=F64)
    torch.testing.assert_close(network.epsilon, epsilon)
    wanted = torch.exp(-(epsilon**2) * (x[:, None] - network.centers).square().sum(-1)) @ network.weight
    torch.testing.assert_close(network(x), wanted)
    torch.testing.assert_close(hessian(network, x), hessian(lambda p: network(p), x))


def test_weights_start_at_zero() -> None:
    network = RBFNetwork(2, 3, 8, "thin_plate_spline")
    assert not network.weight.any() and not network.tail.any()


@pytest.mark.parametrize("dtype", [torch.float32, F64, None], ids=str)
def test_dtype_is_kept_everywhere(dtype: torch.dtype | None) -> None:
    wanted = dtype or torch.get_default_dtype()
    # Points and centres of another dtype are taken to that of the network.
    network = RBFNetwork(2, 1, 6, Matern(3.5), points=torch.rand(9, 2, dtype=F64), degree=1, dtype=dtype)
    x = torch.rand(4, 2, dtype=wanted)
    assert {t.dtype for t in network.state_dict().values()} == {wanted}
    for value in (network(x), hessian(network, x), network.features(x, Operator.d(0)), network.moments(), network.epsilon):
        assert value.dtype == wanted
    assert RBFLayer(2, None, centers=torch.zeros(1, 2, dtype=torch.int64), epsilon=1, dtype=dtype).centers.dtype == wanted


@pytest.mark.parametrize(
    "op", [Operator.identity(), Operator.d(1), Operator.laplacian(0, 1), Operator.d(0) - 2 * Operator.d(1, 1)], ids=str
)
@pytest.mark.parametrize("kernel", ["gaussian", "multiquadric"])
def test_a_network_is_linear_in_its_coefficients(kernel: str, op: Operator) -> None:
    network, x = make_network(kernel, outputs=2, degree=2), torch.rand(7, 2, dtype=F64)
    columns = network.features(x, op)
    assert columns.shape == (7, 12 + 6) and network.offset(x, op) is None
    torch.testing.assert_close(columns @ network.coefficients, network.apply_operator(x, op))


def test_coefficients_are_set_in_place() -> None:
    network = make_network("multiquadric", outputs=2)
    weight, values = network.weight, torch.randn(13, 2, dtype=F64)
    network.set_coefficients(values)
    assert torch.equal(network.coefficients, values) and network.weight is weight and weight.requires_grad


# -- the tail ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kernel", "degree", "terms"),
    [
        ("gaussian", None, 0),
        ("multiquadric", None, 1),
        ("thin_plate_spline", None, 3),
        pytest.param(lambda s: 1 / (1 + s), None, 0, id="a function"),
        ("thin_plate_spline", -1, 0),
        ("gaussian", 0, 1),
        ("gaussian", 3, 10),
    ],
    ids=str,
)
def test_the_tail_has_the_least_degree_the_kernel_needs_or_the_one_given(kernel: Any, degree: int | None, terms: int) -> None:
    assert make_network(kernel, degree=degree).tail.shape == (terms, 1)


def test_the_terms_of_a_tail_are_the_monomials_up_to_its_degree() -> None:
    network = make_network(degree=2)
    assert network.basis.powers == [(0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2)]
    assert len(make_network(dims=3, centers=20, degree=3).basis) == math.comb(6, 3)
    # Centres are taken to [-1, 1].
    z = network.basis.features(network.centers.detach(), Operator.identity())[:, 1:3]
    torch.testing.assert_close(z.aminmax(dim=0).min, -torch.ones(2, dtype=F64))
    torch.testing.assert_close(z.aminmax(dim=0).max, torch.ones(2, dtype=F64))


def test_a_tail_of_centres_in_a_line_or_a_point_stays_finite() -> None:
    centers = torch.tensor([[0.5, 1.0], [0.5, 2.0], [0.5, 4.0]], dtype=F64)
    network = RBFNetwork(2, 1, None, "gaussian", centers, 1.0, degree=1, dtype=F64)
    assert torch.isfinite(network.features(torch.rand(4, 2, dtype=F64), Operator.d(0))).all()


def test_a_tail_reproduces_polynomials_and_their_derivatives_anywhere() -> None:
    # Far from the origin, where unscaled monomials would lose their digits.
    offset = torch.tensor([1e3, -2e3], dtype=F64)
    torch.manual_seed(0)
    x = offset + torch.rand(15, 2, dtype=F64)
    network = RBFNetwork(2, 1, 12, points=x, degree=3, dtype=F64)
    z = x - offset
    wanted = 1.0 - z[:, 0] + 2.0 * z[:, 0] * z[:, 1] ** 2
    columns = network.basis.features(x, Operator.identity())
    with torch.no_grad():
        network.tail.copy_(torch.linalg.lstsq(columns, wanted[:, None]).solution)
    torch.testing.assert_close(network(x)[:, 0], wanted, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(partial(network, x, (1, 1))[:, 0], 4.0 * z[:, 1], rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(partial(network, x, (1, 2))[:, 0], torch.full((15,), 4.0, dtype=F64), rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(partial(network, x, (0, 3))[:, 0], torch.zeros(15, dtype=F64), rtol=0, atol=1e-8)


def test_derivatives_of_a_tail_agree_with_autograd_for_any_operator() -> None:
    network = make_network("thin_plate_spline", degree=3)
    network.weight.data.zero_()
    x, v, c = torch.rand(5, 2, dtype=F64), torch.randn(5, 2, dtype=F64), torch.rand(5, dtype=F64)
    tail = network.basis
    ops = [
        Operator.d(0),
        Operator.d(0, 1) + 3 * Operator.identity(),
        Operator.laplacian(0, 1),
        c * Operator.directional(v, 2),
        Operator.d(v, 0, 1),
        Operator.d(0, 0, 1, 1),
        Operator.laplacian(),
    ]
    got = torch.stack([tail.features(x, op) @ network.tail for op in ops], dim=-1)
    wanted = apply_operators(lambda p: tail.features(p, Operator.identity()) @ network.tail, x, ops)
    torch.testing.assert_close(got, wanted)


# -- training and saving -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("centers", [True, False])
@pytest.mark.parametrize("epsilon", [True, False])
def test_centres_and_shapes_are_parameters_or_buffers(centers: bool, epsilon: bool) -> None:
    network = make_network(trainable_centers=centers, trainable_epsilon=epsilon)
    parameters, buffers = (dict(found).keys() for found in (network.named_parameters(), network.named_buffers()))
    assert ("layer.centers" in parameters, "layer.centers" in buffers) == (centers, not centers)
    assert ("layer.metric.raw" in parameters, "layer.metric.raw" in buffers) == (epsilon, not epsilon)
    torch.autograd.backward(laplacian(network, torch.rand(5, 2, dtype=F64)).square().sum())
    # Parameters without an element, of a network without a tail, need no gradient.
    assert all(p.grad is not None and p.grad.any() for p in network.parameters() if p.numel())


def test_centres_that_are_given_are_copied() -> None:
    centers = torch.rand(4, 2)
    network = RBFNetwork(2, 1, None, centers=centers)
    with torch.no_grad():
        network.centers.add_(1.0)
    assert not torch.equal(network.centers, centers)


@pytest.mark.parametrize("steps", [-50.0, 50.0])
def test_the_shape_parameter_stays_positive_whatever_the_step(steps: float) -> None:
    network = make_network()
    network.layer.metric.raw.data += steps
    assert network.epsilon > 0


@pytest.mark.parametrize("trainable", [True, False])
def test_a_state_dict_brings_a_network_back(trainable: bool) -> None:
    class Stretched(Gaussian):
        def __init__(self) -> None:
            super().__init__()
            self.stretch = torch.nn.Parameter(torch.rand(()))

        def phi(self, s: Tensor) -> Tensor:
            return super().phi(s * self.stretch)

        def derivative(self, s: Tensor, k: int) -> Tensor:
            return Kernel.derivative(self, s, k)

    def build(seed: int, trainable: bool) -> RBFNetwork:
        torch.manual_seed(seed)
        return RBFNetwork(
            2, 2, 6, Stretched(), degree=1, trainable_centers=trainable, trainable_epsilon=trainable, per_center=True, dtype=F64
        )

    one, other, x = build(0, True), build(1, trainable), torch.rand(5, 2, dtype=F64)
    one.set_coefficients(torch.randn(9, 2, dtype=F64))
    assert not torch.allclose(one(x), other(x))
    # Also into a frozen network: the names are the same.
    other.load_state_dict(one.state_dict())
    assert torch.equal(one(x), other(x)) and torch.equal(hessian(one, x), hessian(other, x))


# -- errors ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: RBFLayer(2, 5, epsilon=-1.0), "epsilon must be positive and finite, but got -1.0"),
        (lambda: RBFLayer(2, 5, epsilon=0.0), "epsilon must be positive and finite"),
        (lambda: RBFLayer(2, 5, epsilon=NAN), "epsilon must be positive and finite, but got nan"),
        (lambda: RBFLayer(2, 5, epsilon=math.inf), "epsilon must be positive and finite"),
        (lambda: RBFLayer(2, 5, epsilon=torch.tensor([1.0, 1.0, -1.0, 1.0, 1.0])), "epsilon must be positive"),
        (
            lambda: RBFLayer(2, 5, epsilon=torch.ones(4)),
            r"epsilon has shape \(\) or \(5,\) for a metric that is isotropic, but got \(4,\)",
        ),
        (lambda: RBFLayer(2, 5, epsilon="wide"), "or 'auto', but got 'wide'"),
        (lambda: RBFLayer(2, 5, centers=torch.zeros(5, 3)), r"centres must have shape \(5, 2\), but got \(5, 3\)"),
        (lambda: RBFLayer(2, 5, centers=torch.zeros(4, 2)), r"centres must have shape \(5, 2\), but got \(4, 2\)"),
        (lambda: RBFLayer(2, None, centers=torch.zeros(4)), r"centres must have shape \(M, 2\), but got \(4,\)"),
        (lambda: RBFLayer(2, None, centers=torch.full((4, 2), NAN)), "must be finite"),
        (lambda: RBFLayer(2, None, centers=torch.zeros(0, 2)), "num_centers must be a whole number of at least 1, but got 0"),
        (lambda: RBFLayer(2, None, centers=torch.zeros(4, 2)), "All 4 centres coincide"),
        (lambda: RBFLayer(2, None), "num_centers must be given to place centres by 'halton'"),
        (lambda: RBFLayer(2, 0), "num_centers must be a whole number of at least 1, but got 0"),
        (lambda: RBFLayer(2, 2.5), "num_centers must be a whole number"),  # type: ignore[arg-type]
        (lambda: RBFLayer(0, 5), "in_features must be a whole number"),
        (lambda: RBFLayer(True, 5), "in_features must be a whole number"),
        (lambda: RBFLayer(2, 5, centers="haltom"), "There is no initialiser of centres 'haltom'; did you mean 'halton'"),
        (lambda: RBFLayer(2, 5, kernel="gauss"), "There is no kernel 'gauss'; did you mean 'gaussian'"),
        (lambda: RBFNetwork(2, 0, 5), "out_features must be a whole number"),
        (lambda: RBFNetwork(2, 1, 5, degree=-2), "degree of the polynomial tail must be -1 .no tail., 0, 1, ..., but got -2"),
        (lambda: RBFNetwork(2, 1, 5, degree=1.5), "degree"),  # type: ignore[arg-type]
        (
            lambda: RBFNetwork(2, 1, 2, "thin_plate_spline"),
            "degree 1 in 2 dimensions has 3 terms, more than the 2 centres; use at least 3",
        ),
        (
            lambda: RBFNetwork(2, 1, 5, degree=2),
            "has 6 terms, more than the 5 centres; use at least 6 centres, or a degree of at most 1",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(build: Callable[[], Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        build()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"overlap": -1.0}, "overlap"),
        ({"overlap": 0.0}, "overlap"),
        ({"overlap": NAN}, "overlap"),
        ({"points": torch.eye(9, 3)}, "points"),
        ({"centers": "points", "points": torch.arange(27.0).reshape(9, 3)}, "points"),
    ],
    ids=["negative", "zero", "NaN", "box of another dimension", "points of another dimension"],
)
def test_what_places_and_widens_kernels_is_looked_at(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        RBFLayer(2, 5, **arguments)


def test_a_second_network_of_another_dtype_leaves_the_first_alone() -> None:
    class Scaled(Kernel):
        smoothness = math.inf

        def __init__(self) -> None:
            super().__init__()
            self.rate = torch.nn.Parameter(torch.tensor(1.0))

        def phi(self, s: Tensor) -> Tensor:
            return (-self.rate * s).exp()

    kernel = Scaled()
    first = RBFNetwork(2, 1, 4, kernel, dtype=F64)
    RBFNetwork(2, 1, 4, kernel, dtype=torch.float32)
    assert {p.dtype for p in first.parameters()} == {F64}


@pytest.mark.parametrize("shape", [(5, 3), (5, 1), (3,), (4, 5, 3)], ids=str)
def test_points_of_another_dimension_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"The points must have shape \(B, 2\)"):
        make_network()(torch.zeros(shape, dtype=F64))


def test_operators_take_points_in_rows_only() -> None:
    with pytest.raises(InputError, match=r"The points must have shape \(B, 2\), but got \(4, 5, 2\)"):
        make_network().apply_operator(torch.zeros(4, 5, 2, dtype=F64), Operator.d(0))


def test_a_negative_index_is_refused_or_counts_from_the_end() -> None:
    network, x = make_network(), torch.rand(3, 2, dtype=F64)
    try:
        value = network.apply_operator(x, Operator.d(-1, 1))
    except InputError:
        return
    torch.testing.assert_close(value, network.apply_operator(x, Operator.d(1, 1)))


@pytest.mark.parametrize(
    ("kernel", "order", "advice"),
    [
        (Matern(0.5), 1, "gaussian or matern with nu=3.5"),
        (ThinPlateSpline(), 2, "gaussian or matern with nu=3.5"),
        (Matern(1.5), 3, "gaussian or matern with nu=3.5"),
        (Matern(3.5), 7, "gaussian"),
    ],
    ids=str,
)
def test_an_operator_beyond_the_smoothness_names_operator_kernel_and_remedy(kernel: Kernel, order: int, advice: str) -> None:
    network, op = make_network(kernel), Operator.d(*[0] * order)
    x = torch.rand(3, 2, dtype=F64)
    for refuse in (network.apply_operator, network.features):
        with pytest.raises(InputError) as caught:
            refuse(x, op)
        message = str(caught.value)
        assert all(
            part in message for part in (str(op), f"order {order}", str(kernel), f"{kernel.smoothness:g}", f"such as {advice}.")
        )
    network.apply_operator(x, Operator.d(*[0] * (order - 1)))


# -- never NaN ---------------------------------------------------------------------------------------------------------


OPERATORS = [
    Operator.identity(),
    Operator.d(0),
    Operator.d(0, 1),
    Operator.laplacian(0, 1),
    Operator.d(0, 0, 1),
    Operator.laplacian(0, 1) @ Operator.laplacian(0, 1),
    Operator.d(0, 0, 0, 1, 1, 1),
]


@given(
    kernel=st.sampled_from(FEW),
    dtype=st.sampled_from([torch.float32, F64]),
    # In float32 the powers of epsilon^2 r that a sixth derivative has overflow beyond.
    epsilon=st.floats(1e-2, 1e1),
    offsets=st.lists(
        st.tuples(st.sampled_from([0.0, 1e-30, 1e-20, 1e-12, 1e-8, 1e-6, 1e-3, 0.1, 1.0, 30.0, 1e3]), st.floats(0.0, 6.3)),
        min_size=1,
        max_size=6,
    ),
    data=st.data(),
)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_no_allowed_operator_is_ever_nan(
    kernel: Kernel, dtype: torch.dtype, epsilon: float, offsets: list[tuple[float, float]], data: st.DataObject
) -> None:
    # One centre at the origin, where the nearest points are not rounded away, and one elsewhere.
    centers = torch.tensor([[0.0, 0.0], [0.4, -0.3]], dtype=dtype)
    x = torch.tensor([[r * math.cos(a), r * math.sin(a)] for r, a in offsets], dtype=dtype)
    layer = RBFLayer(2, None, kernel, centers, epsilon, dtype=dtype)
    op = data.draw(st.sampled_from([op for op in OPERATORS if op.order <= kernel.smoothness]))
    value = layer.apply_operator(x, op)
    assert torch.isfinite(value).all()
    # One order more is needed for these, and allowed.
    gradients = torch.autograd.grad(value.sum(), list(layer.parameters()))
    assert all(torch.isfinite(g).all() for g in gradients)


@pytest.mark.parametrize("kernel", [k for k in FEW if k.smoothness >= 1], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, F64], ids=str)
def test_derivatives_go_to_their_value_at_a_centre(kernel: Kernel, dtype: torch.dtype) -> None:
    layer = RBFLayer(2, None, kernel, torch.zeros(1, 2, dtype=dtype), 1.3, dtype=dtype)
    direction = torch.tensor([0.6, 0.8], dtype=dtype)
    near = torch.stack([r * direction for r in (0.0, 1e-30, 1e-20, 1e-12, 1e-9, 1e-7)])
    gradient = jacobian(layer, near)
    assert (gradient.abs() < 1e-5).all()
    if kernel.smoothness >= 2:
        second = hessian(layer, near)
        torch.testing.assert_close(second, second[:1].expand_as(second), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("points", [torch.rand(3, 2, dtype=F64), torch.ones(3, 2, dtype=torch.long)], ids=["float64", "integers"])
def test_points_of_another_dtype_are_refused_rather_than_truncated(points: Tensor) -> None:
    with pytest.raises(InputError, match="convert one"):
        RBFNetwork(2, 1, 5, dtype=torch.float32)(points)


@pytest.mark.parametrize("rows", [5, 100_000])
def test_coefficients_and_directions_are_repeated_where_they_are_the_same_at_all_points(rows: int) -> None:
    network, x = make_network(), torch.rand(rows, 2, dtype=F64)
    half = torch.tensor(0.5, dtype=F64)
    with torch.no_grad():
        torch.testing.assert_close(
            network.apply_operator(x, half * Operator.d(0)), 0.5 * network.apply_operator(x, Operator.d(0))
        )
        v = torch.tensor([[1.0, 0.0]], dtype=F64)
        torch.testing.assert_close(network.apply_operator(x, Operator.directional(v)), network.apply_operator(x, Operator.d(0)))
