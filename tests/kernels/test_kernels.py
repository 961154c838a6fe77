"""Every shipped kernel against 50-digit arithmetic and the conformance suite, and the suite against wrong kernels."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import mpmath
import pytest
import torch
from torch import Tensor, nn
from torch.func import grad, jvp, vmap

from rbfnet import InputError
from rbfnet.catalogue import catalogue
from rbfnet.kernels import (
    Gaussian,
    GeneralizedMultiquadric,
    Kernel,
    Matern,
    Polyharmonic,
    ThinPlateSpline,
    as_kernel,
    inverse_power,
    ladder,
    rungs,
    safe_log,
    safe_radius,
)
from rbfnet.nn import RBFLayer, RBFNetwork
from rbfnet.operators import Operator, apply_operators, hessian, jacobian, laplacian
from rbfnet.testing import check_kernel
from tests.kernels.one_parameter import OneParameter
from tests.kernels.shipped import ROWS, Row

each_kernel = pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row.kernel))


def test_the_table_holds_every_exported_kernel() -> None:
    # Operators of Python make Sum, Product and Scaled.
    assert {type(row.kernel) for row in ROWS} == set(catalogue("kernels", "Kernel").values())


@each_kernel
def test_a_shipped_kernel_states_what_the_design_says_of_it(row: Row) -> None:
    kernel = row.kernel
    stated = (kernel.smoothness, kernel.order, kernel.max_dims, kernel.compact)
    assert stated == (row.smoothness, row.order, row.max_dims, row.compact)
    if row.compact:
        assert not kernel.derivatives(torch.tensor([1.0, 1.5, 40.0]), [0])[0].any()


@each_kernel
def test_a_shipped_kernel_passes_the_conformance_suite(row: Row) -> None:
    check_kernel(row.kernel, row.phi)


@each_kernel
@pytest.mark.parametrize(
    ("dtype", "tolerance", "points"),
    [
        (torch.float64, 1e-12, (1e-12, 1e-6, 1e-3, 0.1, 0.7, 2.0, 9.5, 40.0)),
        # Poles of high order next to the centre are cut off in float32, before they overflow.
        (torch.float32, 1e-5, (1e-3, 0.1, 0.7, 2.0, 9.5, 40.0)),
    ],
    ids=["float64", "float32"],
)
def test_derivatives_agree_with_fifty_digits(row: Row, dtype: torch.dtype, tolerance: float, points: tuple[float, ...]) -> None:
    s = torch.tensor(points, dtype=dtype)
    for k in range(5):
        with mpmath.workdps(50):
            # At s as the dtype holds it, so that rounding of the input is not counted.
            exact = [float(mpmath.diff(row.phi, mpmath.mpf(float(v)), k)) for v in s]
        wanted = torch.tensor(exact, dtype=torch.float64)
        torch.testing.assert_close(row.kernel.derivative(s, k).double(), wanted, rtol=tolerance, atol=torch.finfo(dtype).tiny)


@each_kernel
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_values_at_the_centre_are_those_of_the_design(row: Row, dtype: torch.dtype) -> None:
    epsilon = 1.7
    for dims in (d for d in (1, 2, 3, 5) if d <= row.max_dims):
        center = torch.full((1, dims), 0.3, dtype=dtype)
        layer = RBFLayer(dims, None, row.kernel, center, epsilon, dtype=dtype)
        once = Operator.laplacian(*range(dims))
        wanted = {once: row.laplacian and row.laplacian * dims * epsilon**2}
        wanted[once @ once] = row.biharmonic and row.biharmonic * dims * (dims + 2) * epsilon**4
        for op, value in wanted.items():
            if value is not None:
                assert layer.apply_operator(center, op).item() == pytest.approx(value, rel=20 * torch.finfo(dtype).eps)
        if row.smoothness >= 1:
            assert not jacobian(layer, center).any()


# -- kernels that must not pass ----------------------------------------------------------------------------------------


class WrongSlope(Gaussian):
    def derivatives(self, s: Tensor, orders: Sequence[int]) -> list[Tensor]:
        return [f * (1.0 + 1e-4 * (k == 2)) for k, f in zip(orders, super().derivatives(s, orders), strict=True)]


class WrongRung(Matern):
    """Wrong in the same way for autograd: only exact arithmetic can tell."""

    def _formulas(self, s: Tensor, orders: Sequence[int]) -> list[Tensor]:
        return [f * (1.0 + 1e-8 * (k >= 1)) for k, f in zip(orders, super()._formulas(s, orders), strict=True)]


class Disconnected(Gaussian):
    def derivatives(self, s: Tensor, orders: Sequence[int]) -> list[Tensor]:
        return [f.detach() if k else f for k, f in zip(orders, super().derivatives(s, orders), strict=True)]


class AnotherPhi(Gaussian):
    def phi(self, s: Tensor) -> Tensor:
        return 1.001 * super().phi(s)


class AnotherRung(Kernel):
    """What is shared is not what is computed alone."""

    smoothness = math.inf

    def phi(self, s: Tensor) -> Tensor:
        return (-s).exp()

    def derivatives(self, s: Tensor, orders: Sequence[int]) -> list[Tensor]:
        return [(-s).exp() for _ in orders]


class WrongNextToTheCentre(Polyharmonic):
    """Right but for a cut-off that comes much too early."""

    def _odd(self, s: Tensor, orders: Sequence[int]) -> list[Tensor]:
        return [torch.where(s > 1e-3, f, 0.0) if k > 1 else f for k, f in zip(orders, super()._odd(s, orders), strict=True)]


class Unheard(Kernel):
    smoothness = math.inf

    def phi(self, s: Tensor) -> Tensor:
        return torch.lgamma(2.0 + s)


class Claims(Matern):
    def __init__(self, nu: float, smoothness: float) -> None:
        super().__init__(nu)
        self.smoothness = smoothness


class SmoothThinPlateSpline(ThinPlateSpline):
    def __init__(self) -> None:
        super().__init__()
        self.smoothness = 2


class NaiveMatern(Kernel):
    smoothness = 2

    def phi(self, s: Tensor) -> Tensor:
        z = (3.0 * s).sqrt()
        return (1.0 + z) * (-z).exp()


class NaiveExponential(Kernel):
    """Its values are right, and its derivatives are wrong where only the gradient of a value uses them."""

    smoothness = 0

    def phi(self, s: Tensor) -> Tensor:
        return (-s.sqrt()).exp()


class Stateless(Kernel):
    def phi(self, s: Tensor) -> Tensor:
        return (-s).exp()


class Doubled(Gaussian):
    def phi(self, s: Tensor) -> Tensor:
        return super().phi(s).double()


class Summed(Gaussian):
    def phi(self, s: Tensor) -> Tensor:
        return super().phi(s).sum()


class Infinite(Matern):
    """A pole without a cut-off, in a rung that only the gradient of an allowed operator uses."""

    def _formulas(self, s: Tensor, orders: Sequence[int]) -> list[Tensor]:
        return [
            2.25 / (3.0 * s).sqrt() * super(Infinite, self)._formulas(s, [1])[0] if k == 3 else f
            for k, f in zip(orders, super()._formulas(s, orders), strict=True)
        ]


class DetachedParameter(OneParameter):
    """The formula of a ladder is not differentiated, so that a parameter in it has no gradient."""

    start = 0.7

    def phi(self, s: Tensor) -> Tensor:
        return self.derivative(s, 0)

    def derivative(self, s: Tensor, k: int) -> Tensor:
        return ladder(lambda s, k: (-self.a) ** k * (-self.a * s).exp(), s, k)


class WrongOrder(Kernel):
    smoothness = math.inf

    def __init__(self, kernel: Kernel, order: Any) -> None:
        super().__init__()
        self.kernel, self.order, self.smoothness = kernel, order, kernel.smoothness

    def phi(self, s: Tensor) -> Tensor:
        return self.kernel.phi(s)

    def derivative(self, s: Tensor, k: int) -> Tensor:
        return self.kernel.derivative(s, k)


@pytest.mark.parametrize(
    ("kernel", "message"),
    [
        (WrongSlope(), r"derivative\(s, 2\) must be the derivative of derivative\(s, 1\)"),
        (WrongRung(2.5), r"derivative\(s, 1\) must be that of phi in exact arithmetic"),
        (WrongNextToTheCentre(5), r"derivative\(s, 2\) must be that of phi in exact arithmetic"),
        (AnotherRung(), r"derivatives\(s, \[0, 1, 2, 3, 4, 5\]\)\[1\] must be derivative\(s, 1\)"),
        (Unheard(), "could not be followed in exact arithmetic .*give it .* exact="),
        (
            NaiveExponential(),
            r"derivative\(s, 1\) must be finite.*`derivative\(s, k\)`, see rbfnet.kernels.ladder and safe_radius",
        ),
        (Disconnected(), r"derivative\(s, 2\) .* torch.autograd.grad"),
        (AnotherPhi(), r"must be phi\(s\)"),
        (Claims(0.5, 1), "smoothness 1 means"),
        (Claims(1.5, 3), "smoothness 3 means"),
        (Claims(1.5, 4), "states smoothness 4"),
        (Claims(3.5, 8), "states smoothness 8"),
        (SmoothThinPlateSpline(), "smoothness 2"),
        (NaiveMatern(), "square root or logarithm .* `derivative.s, k.` .*see rbfnet.kernels.ladder and safe_radius"),
        (Infinite(1.5), r"derivative\(s, 3\) must be finite"),
        (Stateless(), "must state its smoothness"),
        (Doubled(), "must keep shape, dtype and device"),
        (Summed(), "keep the shape"),
        (DetachedParameter(), r"gradients of derivative\(s, 0\) in a"),
        (WrongOrder(Gaussian(), 1), "order 1 means that -phi is positive definite"),
        (WrongOrder(as_kernel("multiquadric"), 0), "order 0 means that phi is positive definite"),
        (WrongOrder(ThinPlateSpline(), 1), "order 1 means"),
        (WrongOrder(ThinPlateSpline(), 0), "order 0 means"),
        (WrongOrder(Gaussian(), -1), "order must be"),
        (WrongOrder(Gaussian(), 0.5), "order must be"),
        ("gausian", "There is no kernel"),
    ],
    ids=lambda value: str(value) if isinstance(value, Kernel) else "",
)
def test_the_conformance_suite_fails_on_a_wrong_kernel(kernel: Any, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_kernel(kernel)


@pytest.mark.parametrize("name", ["shipped", pytest.param("one's own", marks=pytest.mark.slow)])
def test_the_conformance_suite_leaves_the_kernel_and_the_generator_as_they_are(name: str) -> None:
    kernel = GeneralizedMultiquadric(-0.8, trainable=True) if name == "shipped" else Rational()
    state = torch.get_rng_state()
    check_kernel(kernel)
    (parameter,) = kernel.parameters()
    assert parameter.dtype == torch.float32 and parameter.grad is None
    assert torch.equal(state, torch.get_rng_state())


# -- kernels of one's own ----------------------------------------------------------------------------------------------


class Cubic(Kernel):
    smoothness, order = 2, 2

    def phi(self, s: Tensor) -> Tensor:
        return safe_radius(s) ** 3


class Rational(Kernel):
    """(1 + s)^-power with a power that is learnt."""

    smoothness, order = math.inf, 0

    def __init__(self) -> None:
        super().__init__()
        self.power = nn.Parameter(torch.tensor(0.8))

    def phi(self, s: Tensor) -> Tensor:
        return (1.0 + s) ** -self.power


def test_a_kernel_of_four_lines_passes_the_conformance_suite() -> None:
    check_kernel(Cubic())


def test_a_kernel_of_four_lines_has_the_derivatives_of_its_formula() -> None:
    # phi = r^3: the gradient is 3 r d, the Laplacian in D = 2 is 9 r.
    center = torch.tensor([[0.2, -0.1]], dtype=torch.float64)
    layer = RBFLayer(2, None, Cubic(), center, 1.0, dtype=torch.float64)
    x = center + torch.tensor([[0.0, 0.0], [3e-9, 4e-9], [0.3, 0.4]], dtype=torch.float64)
    r = (x - center).norm(dim=1)
    torch.testing.assert_close(jacobian(layer, x)[:, 0], 3.0 * r[:, None] * (x - center))
    torch.testing.assert_close(laplacian(layer, x)[:, 0], 9.0 * r)


def test_a_plain_function_of_s_is_a_kernel() -> None:
    kernel = as_kernel(lambda s: 1.0 / (1.0 + s))
    s = torch.tensor([0.0, 0.5, 3.0], dtype=torch.float64)
    for k in range(5):
        torch.testing.assert_close(kernel.derivative(s, k), (-1) ** k * math.factorial(k) * (1.0 + s) ** (-1 - k))
    assert kernel.smoothness == math.inf and kernel.order is None
    network = RBFNetwork(2, 1, 4, kernel=lambda s: 1.0 / (1.0 + s))
    assert network(torch.rand(3, 2)).shape == (3, 1)


@pytest.mark.parametrize("given", ["matern", Matern, Matern(2.5)], ids=["name", "class", "instance"])
def test_a_kernel_is_given_by_name_class_or_instance(given: Any) -> None:
    kernel = as_kernel(given)
    assert isinstance(kernel, Matern) and kernel.nu == 2.5


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("gausian", "did you mean 'gaussian'"),
        ("thin_plate", "did you mean 'thin_plate_spline'"),
        ("zzz", "known: cubic, gaussian, generalized_multiquadric"),
        (3, "but got 3"),
        (Stateless, "must state its smoothness"),
        (NaiveMatern, "derivative number 1 in s is nan at s = 0 .*see rbfnet.kernels.ladder and safe_radius"),
        (lambda s: (-(s.sqrt())).exp(), "square root or logarithm of s"),
        (lambda s: (-safe_radius(s)).exp(), "square root or logarithm of s"),
        (lambda s: s**1.5, "derivative number 2 in s is inf"),
        (lambda s: s * torch.log(s), "is nan at s = 0"),
        (lambda s: (-s).exp().sum(), "must keep the shape of s"),
    ],
)
def test_what_is_no_kernel_is_refused_at_construction_with_advice(given: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        RBFLayer(2, 4, kernel=given)


@pytest.mark.parametrize("nu", [0.0, 1.0, -0.5, math.inf, "five halves", True])
def test_matern_names_the_nu_it_has(nu: Any) -> None:
    with pytest.raises(InputError, match=r"0.5, 1.5, 2.5, ... .a half-integer., but got"):
        Matern(nu)


@pytest.mark.parametrize("pairs", [2**17, 12], ids=["small", "blockwise"])
@pytest.mark.parametrize(
    "op",
    [Operator.identity(), Operator.d(0), Operator.laplacian(0, 1), Operator.d(0, 0, 1)],
    ids=str,
)
def test_the_gradient_in_a_learnable_parameter_agrees_with_differences(
    op: Operator, pairs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rbfnet.nn._layer.PAIRS", pairs)
    torch.manual_seed(0)
    network = RBFNetwork(2, 1, 4, Rational(), epsilon=1.5, dtype=torch.float64)
    kernel = network.kernel
    assert isinstance(kernel, Rational)
    network.set_coefficients(torch.randn(4, 1, dtype=torch.float64))
    # Some points on centres; 23 rows of 3 each are more than the four blocks that are held as a whole.
    x = torch.cat([network.centers.detach(), torch.rand(19, 2, dtype=torch.float64)])

    def loss(power: float) -> Tensor:
        with torch.no_grad():
            kernel.power.fill_(power)
        return network.apply_operator(x, op).square().sum()

    h = 1e-3
    steps = [loss(0.8 + j * h).item() for j in (-2, -1, 1, 2)]
    wanted = (steps[0] - 8.0 * steps[1] + 8.0 * steps[2] - steps[3]) / (12.0 * h)
    torch.autograd.backward(loss(0.8))
    assert kernel.power.grad is not None
    assert kernel.power.grad.item() == pytest.approx(wanted, rel=1e-8)


# -- the ladder and the safe functions ---------------------------------------------------------------------------------


def _sine(s: Tensor, k: int) -> Tensor:
    return torch.sin(s + 0.5 * math.pi * k)


S = torch.tensor([0.0, 0.4, 1.1, 2.9], dtype=torch.float64)


def test_nested_forward_mode_climbs_the_ladder() -> None:
    def climb(f: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        return lambda s: jvp(f, (s,), (torch.ones_like(s),))[1]

    rungs = [lambda s: ladder(_sine, s, 0)]
    for k in range(6):
        torch.testing.assert_close(rungs[k](S), _sine(S, k))
        rungs.append(climb(rungs[k]))


def test_nested_forward_mode_through_a_composition_has_all_cross_terms() -> None:
    # Tangents that themselves depend on the point: (sin(s^2))'' = 2 cos(s^2) - 4 s^2 sin(s^2).
    def once(s: Tensor) -> Tensor:
        return jvp(lambda t: ladder(_sine, t * t, 0), (s,), (torch.ones_like(s),))[1]

    twice = jvp(once, (S,), (torch.ones_like(S),))[1]
    torch.testing.assert_close(twice, 2.0 * torch.cos(S * S) - 4.0 * S * S * torch.sin(S * S))


@pytest.mark.parametrize("outer", ["forward", "reverse"])
@pytest.mark.parametrize("inner", ["forward", "reverse"])
def test_forward_and_reverse_mode_mix_on_the_ladder(outer: str, inner: str) -> None:
    def differentiate(how: str, f: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        if how == "reverse":
            return grad(f)
        return lambda s: jvp(f, (s,), (torch.ones_like(s),))[1]

    twice = differentiate(outer, differentiate(inner, lambda s: ladder(_sine, s, 0)))
    torch.testing.assert_close(vmap(twice)(S), _sine(S, 2))


def test_reverse_mode_climbs_the_ladder_to_any_order() -> None:
    s = S.clone().requires_grad_()
    value = ladder(_sine, s, 0)
    for k in range(1, 6):
        (value,) = torch.autograd.grad(value.sum(), s, create_graph=True)
        torch.testing.assert_close(value, _sine(S, k))


def _sines(s: Tensor, orders: Sequence[int]) -> list[Tensor]:
    return [_sine(s, k) for k in orders]


def _mixed(s: Tensor) -> Tensor:
    """Several rungs at once: sin''(s) s^2 + sin(s) + 3 sin'(s)."""
    second, value, first = rungs(_sines, s, [2, 0, 1])
    return second * s * s + value + 3.0 * first


def _mixed_by_hand(s: Tensor) -> Tensor:
    return -torch.sin(s) * s * s + torch.sin(s) + 3.0 * torch.cos(s)


def _slope(how: str, f: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    if how == "forward":
        return lambda s: jvp(f, (s,), (torch.ones_like(s),))[1]
    if how == "reverse":
        return lambda s: grad(lambda t: f(t).sum())(s)
    if how == "each":
        return vmap(grad(f))

    def autograd(s: Tensor) -> Tensor:
        leaf = s if s.requires_grad else s.clone().requires_grad_()
        return torch.autograd.grad(f(leaf).sum(), leaf, create_graph=True)[0]

    return autograd


@pytest.mark.parametrize("ways", list(itertools.product(["forward", "reverse"], repeat=3)), ids="-".join)
def test_several_rungs_at_once_are_climbed_in_any_mix_of_modes(ways: tuple[str, ...]) -> None:
    ours: Callable[[Tensor], Tensor] = _mixed
    by_hand: Callable[[Tensor], Tensor] = _mixed_by_hand
    for way in ways:
        ours, by_hand = _slope(way, ours), _slope(way, by_hand)
        torch.testing.assert_close(ours(S), by_hand(S))


@pytest.mark.parametrize("way", ["autograd", "each"])
def test_several_rungs_at_once_are_climbed_by_autograd_and_under_vmap(way: str) -> None:
    once, by_hand = _slope(way, _mixed), _slope(way, _mixed_by_hand)
    torch.testing.assert_close(once(S), by_hand(S))
    if way == "autograd":
        twice, by_hand = _slope(way, once), _slope(way, by_hand)
        torch.testing.assert_close(twice(S), by_hand(S))


def test_a_rung_that_is_not_used_costs_no_gradient() -> None:
    s = S.clone().requires_grad_()
    _, first = rungs(_sines, s, [0, 1])
    torch.testing.assert_close(torch.autograd.grad(first.sum(), s)[0], _sine(S, 2))


@each_kernel
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_shared_work_gives_what_each_derivative_gives_alone_and_leaves_s_alone(row: Row, dtype: torch.dtype) -> None:
    s = torch.tensor([[0.0, 1e-3, 0.4], [0.9, 1.0, 7.0]], dtype=dtype)
    for orders in ([0], [1, 2], [2, 3, 4], [4, 0, 2], [3], (0, 1, 2, 3, 4, 5)):
        given = s.clone()
        found = row.kernel.derivatives(given, orders)
        assert torch.equal(given, s)
        for k, f in zip(orders, found, strict=True):
            assert f.dtype == dtype
            torch.testing.assert_close(f, row.kernel.derivative(s, k), rtol=50 * torch.finfo(dtype).eps, atol=1e-30)


def test_the_safe_radius_is_a_square_root_with_derivatives_zero_at_zero() -> None:
    s = torch.tensor([0.0, 0.25, 4.0], dtype=torch.float64, requires_grad=True)
    value = safe_radius(s)
    torch.testing.assert_close(value.detach(), torch.tensor([0.0, 0.5, 2.0], dtype=torch.float64))
    (first,) = torch.autograd.grad(value.sum(), s, create_graph=True)
    torch.testing.assert_close(first.detach(), torch.tensor([0.0, 1.0, 0.25], dtype=torch.float64))
    (second,) = torch.autograd.grad(first.sum(), s)
    torch.testing.assert_close(second, torch.tensor([0.0, -2.0, -1 / 32], dtype=torch.float64))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("power", [1, 3, 7])
def test_an_inverse_power_is_zero_before_it_overflows(dtype: torch.dtype, power: int) -> None:
    r = torch.logspace(-300 if dtype == torch.float64 else -37, 3, 1000, dtype=dtype)
    value = inverse_power(torch.cat([r.new_zeros(1), r]), power)
    assert torch.isfinite(value).all() and value[0] == 0.0
    near = r > 2.0 * (1e6 * torch.finfo(dtype).tiny) ** (1.0 / power)
    torch.testing.assert_close(value[1:][near], r[near] ** -power)
    assert torch.equal(inverse_power(r, -2), r**2)


def test_the_safe_logarithm_is_zero_at_zero() -> None:
    r = torch.tensor([0.0, 1.0, math.e], dtype=torch.float64)
    torch.testing.assert_close(safe_log(r), torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64))


def test_an_operator_beyond_the_smoothness_is_refused_with_a_kernel_that_would_do() -> None:
    network = RBFNetwork(2, 1, 4, "thin_plate_spline")
    with pytest.raises(InputError, match=r"order 2, but ThinPlateSpline.* has only 1 .* gaussian or matern with nu=3.5"):
        hessian(network, torch.rand(3, 2))
    with pytest.raises(InputError, match=r"use a smoother kernel, such as gaussian\.$"):
        apply_operators(RBFNetwork(1, 1, 4, Matern(3.5)), torch.rand(3, 1), [Operator.d(*[0] * 7)])
