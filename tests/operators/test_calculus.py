"""Every function of (u, x) and every channel of a Field against 50 digits, on centres and off them, by both routes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import mpmath
import pytest
import torch
from torch import Tensor
from torch.func import grad, jacrev, vmap

from rbfnet import Field, InputError, Operator
from rbfnet.kernels import KernelLike, Matern
from rbfnet.nn import Affine, RBFLayer, RBFNetwork
from rbfnet.operators import (
    Recorder,
    advection,
    apply_operators,
    biharmonic,
    curl,
    directional,
    divergence,
    gradient_of_laplacian,
    hessian,
    jacobian,
    laplacian,
    partial,
    second_order,
    symmetric_gradient,
)

F64 = torch.float64
KERNELS: dict[str, KernelLike] = {"gaussian": "gaussian", "matern": Matern(3.5)}
PROFILES: dict[str, Callable[[Any], Any]] = {
    "gaussian": lambda s: mpmath.exp(-s),
    "matern": lambda s: (lambda z: (1 + z + 2 * z**2 / 5 + z**3 / 15) * mpmath.exp(-z))(mpmath.sqrt(7 * s)),
}
C = [[1.0, 2.0, 0.0], [0.5, 0.0, -1.0], [0.0, 1.0, 3.0]]
"""Not symmetric, with zeros."""


@cache
def network(kernel: str, dims: int) -> RBFNetwork:
    """As many outputs as inputs, and a shape parameter for each centre."""
    torch.manual_seed(dims)
    epsilon = 0.8 + torch.rand(5, dtype=F64)
    u = RBFNetwork(dims, dims, 5, KERNELS[kernel], epsilon=epsilon, dtype=F64)
    u.set_coefficients(torch.randn(u.coefficients.shape, dtype=F64))
    return u


@cache
def points(kernel: str, dims: int) -> Tensor:
    """Two on centres, one very near one, two elsewhere."""
    torch.manual_seed(10 + dims)
    centers = network(kernel, dims).centers.detach()
    return torch.cat([centers[:2], centers[:1] + 1e-7, torch.rand(2, dims, dtype=F64)])


def routed(kernel: str, dims: int, route: str) -> Callable[[Tensor], Tensor]:
    u = network(kernel, dims)
    return u if route == "closed form" else lambda x: u(x)


class Twin:
    """The network from its definition, and differences of it, at 50 digits: ``twin(b, o, *axes)`` is a derivative at point b."""

    def __init__(self, kernel: str, dims: int) -> None:
        self.kernel, u = kernel, network(kernel, dims)
        self.points = points(kernel, dims).tolist()
        self.epsilon, self.weight, self.centers = u.epsilon.tolist(), u.weight.tolist(), u.centers.tolist()
        self.known: dict[Any, float] = {}

    def value(self, o: int, *x: Any) -> Any:
        total = mpmath.mpf(0)
        for epsilon, weight, center in zip(self.epsilon, self.weight, self.centers, strict=True):
            r2 = sum((a - mpmath.mpf(c)) ** 2 for a, c in zip(x, center, strict=True))
            total += mpmath.mpf(weight[o]) * PROFILES[self.kernel](mpmath.mpf(epsilon) ** 2 * r2)
        return total

    def __call__(self, b: int, o: int, *axes: int) -> float:
        key = (b, o, *sorted(axes))
        if key not in self.known:
            with mpmath.workdps(50):
                x = tuple(mpmath.mpf(v) for v in self.points[b])
                orders = tuple(axes.count(i) for i in range(len(x)))
                self.known[key] = float(mpmath.diff(lambda *at: self.value(o, *at), x, orders))
        return self.known[key]


TWINS = cache(Twin)


def velocity(x: Tensor) -> Tensor:
    """Some vector for each point."""
    return torch.stack([1.0 + x[:, i] ** (i + 1) for i in range(x.shape[1])], dim=1)


def matrices(x: Tensor) -> Tensor:
    """Some matrix for each point, not symmetric."""
    w = velocity(x)
    return w[:, :, None] * x[:, None, :]


class At:
    """The twin at one point, with what the cases below need."""

    def __init__(self, kernel: str, dims: int, b: int) -> None:
        x = points(kernel, dims)
        self.twin, self.b, self.all = TWINS(kernel, dims), b, range(dims)
        self.w, self.m = velocity(x)[b].tolist(), matrices(x)[b].tolist()

    def __call__(self, o: int, *axes: int) -> float:
        return self.twin(self.b, o, *axes)

    def each(self, f: Callable[[int], Any]) -> list[Any]:
        """f(o) for each output, or f(i) for each input, which are as many."""
        return [f(i) for i in self.all]

    def lap(self, o: int, *axes: int, over: Sequence[int] | None = None) -> float:
        return sum(self(o, *axes, i, i) for i in (self.all if over is None else over))

    def bih(self, o: int, over: Sequence[int] | None = None) -> float:
        return sum(self.lap(o, i, i, over=over) for i in (self.all if over is None else over))


def rotation(d: Callable[[int, int], Any]) -> Any:
    return [d(2, 1) - d(1, 2), d(0, 2) - d(2, 0), d(1, 0) - d(0, 1)]


Case = tuple[Callable[[Callable[[Tensor], Tensor], Tensor], Tensor], Callable[[At], Any]]

CASES: dict[str, Case] = {
    "value": (lambda u, x: partial(u, x, (0,) * x.shape[1]), lambda t: t.each(lambda o: t(o))),
    "jacobian": (jacobian, lambda t: t.each(lambda o: t.each(lambda i: t(o, i)))),
    "hessian": (hessian, lambda t: t.each(lambda o: t.each(lambda i: t.each(lambda j: t(o, i, j))))),
    "laplacian": (laplacian, lambda t: t.each(t.lap)),
    "laplacian in x": (lambda u, x: laplacian(u, x, [0]), lambda t: t.each(lambda o: t(o, 0, 0))),
    "biharmonic": (biharmonic, lambda t: t.each(t.bih)),
    "biharmonic in x": (lambda u, x: biharmonic(u, x, [0]), lambda t: t.each(lambda o: t(o, 0, 0, 0, 0))),
    "biharmonic in x and y": (lambda u, x: biharmonic(u, x, (0, 1)), lambda t: t.each(lambda o: t.bih(o, (0, 1)))),
    "partial xxx": (lambda u, x: partial(u, x, (3, *[0] * (x.shape[1] - 1))), lambda t: t.each(lambda o: t(o, 0, 0, 0))),
    "partial xxyy": (lambda u, x: partial(u, x, (2, 2, *[0] * (x.shape[1] - 2))), lambda t: t.each(lambda o: t(o, 0, 0, 1, 1))),
    "partial xyyy": (lambda u, x: partial(u, x, (1, 3, *[0] * (x.shape[1] - 2))), lambda t: t.each(lambda o: t(o, 0, 1, 1, 1))),
    "directional": (
        lambda u, x: directional(u, x, velocity(x), 2),
        lambda t: t.each(lambda o: sum(t.w[i] * t.w[j] * t(o, i, j) for i in t.all for j in t.all)),
    ),
    "advection": (
        lambda u, x: advection(u, x, velocity(x)),
        lambda t: t.each(lambda o: sum(t.w[i] * t(o, i) for i in t.all)),
    ),
    "advection by one vector": (
        lambda u, x: advection(u, x, torch.tensor([2.0, -1.0, 0.5], dtype=F64)[: x.shape[1]]),
        lambda t: t.each(lambda o: sum((2.0, -1.0, 0.5)[i] * t(o, i) for i in t.all)),
    ),
    "second order by numbers": (
        lambda u, x: second_order(u, x, [row[: x.shape[1]] for row in C[: x.shape[1]]]),
        lambda t: t.each(lambda o: sum(C[i][j] * t(o, i, j) for i in t.all for j in t.all)),
    ),
    "second order by a tensor": (
        lambda u, x: second_order(u, x, torch.tensor(C, dtype=F64)[: x.shape[1], : x.shape[1]]),
        lambda t: t.each(lambda o: sum(C[i][j] * t(o, i, j) for i in t.all for j in t.all)),
    ),
    "second order by point": (
        lambda u, x: second_order(u, x, matrices(x)),
        lambda t: t.each(lambda o: sum(t.m[i][j] * t(o, i, j) for i in t.all for j in t.all)),
    ),
    "gradient of laplacian": (gradient_of_laplacian, lambda t: t.each(lambda o: t.each(lambda j: t.lap(o, j)))),
    "gradient of laplacian in y": (
        lambda u, x: gradient_of_laplacian(u, x, [1]),
        lambda t: t.each(lambda o: t.each(lambda j: t(o, j, 1, 1))),
    ),
    "divergence": (divergence, lambda t: sum(t(i, i) for i in t.all)),
    "curl": (curl, lambda t: rotation(t) if len(t.all) == 3 else t(1, 0) - t(0, 1)),
    "symmetric gradient": (symmetric_gradient, lambda t: t.each(lambda i: t.each(lambda j: (t(i, j) + t(j, i)) / 2))),
}

kernels = pytest.mark.parametrize("kernel", KERNELS)
routes = pytest.mark.parametrize("route", ["closed form", "autograd"])
dimensions = pytest.mark.parametrize("dims", [2, 3])
cases = pytest.mark.parametrize("name", CASES)


def exactly(kernel: str, dims: int, wanted: Callable[[At], Any]) -> Tensor:
    return torch.tensor([wanted(At(kernel, dims, b)) for b in range(len(points(kernel, dims)))], dtype=F64)


@cases
@dimensions
@kernels
@routes
def test_functions_agree_with_fifty_digits(name: str, dims: int, kernel: str, route: str) -> None:
    function, wanted = CASES[name]
    got = function(routed(kernel, dims, route), points(kernel, dims))
    exact = exactly(kernel, dims, wanted)
    assert got.shape == exact.shape and got.dtype == F64
    torch.testing.assert_close(got, exact, rtol=1e-11, atol=1e-12 * max(1.0, float(exact.abs().max())))


# -- fields ------------------------------------------------------------------------------------------------------------

X, Y, T = 0, 1, 2
U, V, P = 0, 1, 2

FIELD_CASES: dict[str, tuple[Callable[[Field], Any], Callable[[At], Any]]] = {
    "value": (lambda f: (f["v"].value,), lambda t: [t(V)]),
    "d": (lambda f: (f["v"].d("xx", "t"),), lambda t: [t(V, X, X, T)]),
    "laplacian": (lambda f: (f["u"].laplacian("x", "y"),), lambda t: [t.lap(U, over=(X, Y))]),
    "biharmonic": (lambda f: (f["p"].biharmonic(),), lambda t: [t.bih(P)]),
    "biharmonic in space": (lambda f: (f["p"].biharmonic("x", "y"),), lambda t: [t.bih(P, (X, Y))]),
    "gradient": (lambda f: f["p"].gradient(), lambda t: [t(P, X), t(P, Y), t(P, T)]),
    "gradient in space": (lambda f: f["p"].gradient("y", "x"), lambda t: [t(P, Y), t(P, X)]),
    "gradient of laplacian": (lambda f: f["u"].gradient_of_laplacian(), lambda t: t.each(lambda j: t.lap(U, j))),
    "gradient of laplacian in space": (
        lambda f: f["u"].gradient_of_laplacian("x", "y"),
        lambda t: [t.lap(U, X, over=(X, Y)), t.lap(U, Y, over=(X, Y))],
    ),
    "directional": (lambda f: (f["u"].directional(velocity(f.points)),), lambda t: [sum(t.w[i] * t(U, i) for i in t.all)]),
    "divergence": (lambda f: (f.divergence("u", "v"),), lambda t: [t(U, X) + t(V, Y)]),
    "divergence along others": (
        lambda f: (f.divergence("p", "u", along=("t", "x")),),
        lambda t: [t(P, T) + t(U, X)],
    ),
    "curl of two": (lambda f: (f.curl("u", "v"),), lambda t: [t(V, X) - t(U, Y)]),
    "curl of two along others": (lambda f: (f.curl("u", "v", along=("y", "t")),), lambda t: [t(V, Y) - t(U, T)]),
    "curl of three": (lambda f: f.curl("u", "v", "p"), rotation),
    "vector laplacian": (
        lambda f: f.vector_laplacian("u", "v"),
        lambda t: [t.lap(U, over=(X, Y)), t.lap(V, over=(X, Y))],
    ),
    "vector laplacian of three in the plane": (
        lambda f: f.vector_laplacian("u", "v", "p", along=("x", "y")),
        lambda t: [t.lap(U, over=(X, Y)), t.lap(V, over=(X, Y)), t.lap(P, over=(X, Y))],
    ),
    "symmetric gradient": (
        lambda f: (e for row in f.symmetric_gradient("u", "v") for e in row),
        lambda t: [t(U, X), (t(U, Y) + t(V, X)) / 2, (t(U, Y) + t(V, X)) / 2, t(V, Y)],
    ),
    "advection by outputs": (lambda f: (f["p"].advection("u", "v"),), lambda t: [t(U) * t(P, X) + t(V) * t(P, Y)]),
    "advection of itself": (lambda f: (f["u"].advection("u", "v"),), lambda t: [t(U) * t(U, X) + t(V) * t(U, Y)]),
    "advection by numbers and fields": (
        lambda f: (f["p"].advection(2.0, f["v"]),),
        lambda t: [2.0 * t(P, X) + t(V) * t(P, Y)],
    ),
    "advection by tensors along others": (
        lambda f: (f["p"].advection(f.x, along=("y",)),),
        lambda t: [t.twin.points[t.b][X] * t(P, Y)],
    ),
    "navier-stokes": (
        lambda f: (f["u"].d("t") + f["u"].advection("u", "v") + f["p"].d("x") - 0.1 * f["u"].laplacian("x", "y"),),
        lambda t: [t(U, T) + t(U) * t(U, X) + t(V) * t(U, Y) + t(P, X) - 0.1 * (t(U, X, X) + t(U, Y, Y))],
    ),
}


def field(kernel: str, route: str) -> Field:
    return Field(routed(kernel, 3, route), points(kernel, 3), coords=("x", "y", "t"), outputs=("u", "v", "p"))


@pytest.mark.parametrize("name", FIELD_CASES)
@kernels
@routes
def test_channels_of_a_field_agree_with_fifty_digits(name: str, kernel: str, route: str) -> None:
    channels, wanted = FIELD_CASES[name]
    got = list(channels(field(kernel, route)))
    exact = exactly(kernel, 3, wanted)
    assert len(got) == exact.shape[1] and all(channel.shape == exact.shape[:1] for channel in got)
    torch.testing.assert_close(torch.stack(got, dim=1), exact, rtol=1e-11, atol=1e-12 * max(1.0, float(exact.abs().max())))


# -- where gradients are off, and torch.func ---------------------------------------------------------------------------


@cases
@routes
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode], ids=["no_grad", "inference_mode"])
def test_functions_work_where_gradients_are_off(
    name: str, route: str, mode: Callable[[], contextlib.AbstractContextManager[None]]
) -> None:
    function, x = CASES[name][0], points("gaussian", 2)
    u = routed("gaussian", 2, route)
    wanted = function(u, x).detach()
    with mode():
        got = function(u, x.clone())
    assert not got.requires_grad
    torch.testing.assert_close(got, wanted)


@cases
@routes
def test_functions_map_over_single_points(name: str, route: str) -> None:
    function, x = CASES[name][0], points("matern", 2)
    u = routed("matern", 2, route)
    torch.testing.assert_close(vmap(lambda p: function(u, p[None])[0])(x), function(u, x), rtol=1e-10, atol=1e-10)


DIFFERENTIATED = ["jacobian", "laplacian", "biharmonic", "second order by point", "divergence", "curl", "gradient of laplacian"]


@pytest.mark.parametrize("name", DIFFERENTIATED)
def test_functions_are_differentiated_in_the_points_by_torch_func(name: str) -> None:
    """Both routes agree, and with differences."""
    function, x = CASES[name][0], points("gaussian", 2)

    def one(u: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        return lambda p: function(u, p[None])[0]

    u = routed("gaussian", 2, "closed form")
    closed = vmap(jacrev(one(u)))(x).detach()
    torch.testing.assert_close(vmap(jacrev(one(routed("gaussian", 2, "autograd"))))(x).detach(), closed, rtol=1e-8, atol=1e-8)
    h, size = 1e-5, float(closed.abs().max())
    for i in range(2):
        step = torch.zeros(2, dtype=F64)
        step[i] = h
        difference = ((function(u, x + step) - function(u, x - step)) / (2 * h)).detach()
        torch.testing.assert_close(closed[..., i], difference, rtol=0.0, atol=1e-7 * size)
    scalar = vmap(grad(lambda p: one(u)(p).sum()))(x).detach()
    torch.testing.assert_close(scalar, closed.reshape(len(x), -1, 2).sum(dim=1))


@routes
def test_the_matrix_of_second_derivatives_may_be_trained(route: str) -> None:
    x, u = points("gaussian", 2), routed("gaussian", 2, route)
    matrix = torch.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=F64, requires_grad=True)
    torch.autograd.backward(second_order(u, x, matrix).sum())
    assert matrix.grad is not None
    torch.testing.assert_close(matrix.grad, hessian(u, x).sum(dim=(0, 1)).detach())


# -- what is asked of a model ------------------------------------------------------------------------------------------


def standardised() -> Affine:
    one, zero = torch.ones(2, dtype=F64), torch.zeros(2, dtype=F64)
    return Affine(network("gaussian", 2), zero + 1.0, one * 2.0, zero - 1.0, one * 3.0)


def hidden(x: Tensor) -> Tensor:
    return network("gaussian", 2)(x)


@pytest.mark.parametrize(
    "make",
    [lambda: network("matern", 2), lambda: RBFLayer(2, 4, dtype=F64), standardised, lambda: hidden, lambda: Recorder(2)],
    ids=["network", "layer", "affine", "function", "recorder"],
)
def test_no_operators_give_no_channels_and_no_terms_give_zero(make: Callable[[], Callable[[Tensor], Tensor]]) -> None:
    x, u, zero = points("gaussian", 2), make(), Operator.of([])
    outputs = apply_operators(u, x, [Operator.identity()]).shape[1]
    assert apply_operators(u, x, []).shape == (len(x), outputs, 0)
    assert zero.order == 0 and str(zero) == "0"
    if not isinstance(u, Recorder):
        got = apply_operators(u, x, [zero, Operator.identity(), zero])
        assert not got[..., 0].any() and got[..., 1].any() and not got[..., 2].any()


@routes
def test_coefficients_that_cancel_and_no_inputs_give_zero(route: str) -> None:
    x, u = points("gaussian", 2), routed("gaussian", 2, route)
    assert second_order(u, x, [[0.0, 1.0], [-1.0, 0.0]]).abs().max() == 0.0
    assert biharmonic(u, x, ()).abs().max() == 0.0 and gradient_of_laplacian(u, x, ()).shape == (len(x), 2, 2)


@cases
@routes
def test_float32_stays_float32(name: str, route: str) -> None:
    u = RBFNetwork(2, 2, 4)
    if "by one" in name or "by a tensor" in name:
        pytest.skip("holds a tensor of float64")
    got = CASES[name][0](u if route == "closed form" else lambda x: u(x), torch.rand(3, 2))
    assert got.dtype == torch.float32


@routes
def test_tensors_in_operators_of_lesser_type_are_welcome_and_of_higher_are_refused(route: str) -> None:
    x, u = points("gaussian", 2), routed("gaussian", 2, route)
    w = torch.tensor([2, -1])
    torch.testing.assert_close(advection(u, x, w), jacobian(u, x) @ w.double())
    mask = x[:, 0] > 0.5
    torch.testing.assert_close(apply_operators(u, x, [mask * Operator.d(0)])[..., 0], jacobian(u, x)[..., 0] * mask[:, None])
    with pytest.raises(InputError, match=r"The points are torch.float32, but the operator u_v holds a tensor of torch.float64"):
        advection(lambda p: p, x.float(), velocity(x))


def test_numbers_leave_out_zeros_and_see_the_laplacian() -> None:
    asked: list[Operator] = []

    class Spy(RBFNetwork):
        def apply_operators(self, x: Tensor, ops: Sequence[Operator]) -> Tensor:
            asked.extend(ops)
            return super().apply_operators(x, ops)

    second_order(Spy(2, 1, 4, dtype=F64), torch.rand(3, 2, dtype=F64), [[1.0, 2.0], [-2.0, 1.0]])
    assert asked == [Operator.laplacian(0, 1)]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda u, x: biharmonic(u, x, [2]), "Coordinate index 2 is out of range for 2 inputs"),
        (lambda u, x: biharmonic(u, x[0]), r"Points have shape \(B, D\), one row a point, but got \(2,\)"),
        (lambda u, x: apply_operators(u, x[0], []), r"Points have shape \(B, D\)"),
        (lambda u, x: gradient_of_laplacian(u, x, [-1]), "Coordinate index -1 is out of range"),
        (lambda u, x: second_order(u, x, torch.eye(3)), r"have shape \(2, 2\) or \(4, 2, 2\), but got \(3, 3\)"),
        (lambda u, x: second_order(u, x, torch.ones(2)), r"have shape \(2, 2\) or \(4, 2, 2\), but got \(2,\)"),
        (lambda u, x: second_order(u, x, torch.ones(3, 2, 2)), r"but got \(3, 2, 2\)"),
        (lambda u, x: second_order(u, x, [[1.0, 0.0], [1.0]]), r"have shape \(2, 2\)"),
        (lambda u, x: advection(u, x, x[:3]), r"A direction has the shape of the points \(4, 2\)"),
        (lambda u, x: divergence(lambda p: p[:, :1], x), "One output is needed for each of the 2 inputs, but the model has 1"),
        (lambda u, x: curl(lambda p: p[:, :1], x), "One output is needed for each of the 2 inputs, but the model has 1"),
        (lambda u, x: symmetric_gradient(lambda p: p[:, 0], x), "One output is needed for each of the 2 inputs"),
        (lambda u, x: curl(lambda p: p, x[:, :1]), "two or three dimensions, but they have 1"),
        (lambda u, x: apply_operators(u, x, [Operator.d("x")]), "needs coordinates from 0 to 1, but names 'x'"),
        (lambda u, x: apply_operators(u, x, [Operator.directional(x[:3])]), r"must have shape \(4, 2\), but got \(3, 2\)"),
        (lambda u, x: jacobian(lambda p: p[None], x), r"A model maps points \(4, 2\) to \(4, O\) or \(4,\), .* gave \(1, 4, 2\)"),
        (lambda u, x: jacobian(lambda p: p.sum(), x), r"A model maps points \(4, 2\) .* gave \(\)"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(call: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call(network("gaussian", 2), torch.rand(4, 2, dtype=F64))
