"""jacobian, hessian, laplacian and their kin: closed form, autograd and 50 digits agree."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import mpmath
import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, jacfwd, jacrev, vmap

from rbfnet import InputError
from rbfnet.kernels import KernelLike, Matern
from rbfnet.nn import RBFNetwork
from rbfnet.operators import Operator, apply_operators, directional, hessian, jacobian, laplacian, partial, quadratic_form
from tests.operators.reverse_mode import by_reverse_mode

F64 = torch.float64


def make_network(kernel: KernelLike = "gaussian", outputs: int = 2, **arguments: Any) -> RBFNetwork:
    torch.manual_seed(0)
    network = RBFNetwork(2, outputs, 6, kernel, epsilon=1.4, dtype=F64, **arguments)
    network.set_coefficients(torch.randn(network.coefficients.shape, dtype=F64))
    return network


def on_and_off_centers(network: RBFNetwork) -> Tensor:
    torch.manual_seed(1)
    centers = network.centers.detach()
    return torch.cat([centers[:2], centers[:1] + 1e-9, torch.rand(4, 2, dtype=F64)])


def same_network(network: RBFNetwork, route: str) -> Callable[[Tensor], Tensor]:
    """The network with its closed form, or hidden behind a function so that it has none."""
    return network if route == "closed form" else lambda x: network(x)


def smooth_mlp() -> nn.Module:
    torch.manual_seed(2)
    return nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 3)).double()


routes = pytest.mark.parametrize("route", ["closed form", "autograd"])
kernels = pytest.mark.parametrize("kernel", ["gaussian", Matern(3.5), "multiquadric", "inverse_multiquadric"], ids=str)


# -- shapes ------------------------------------------------------------------------------------------------------------


@routes
def test_shapes_are_per_point_and_per_output(route: str) -> None:
    u, x = same_network(make_network(outputs=3), route), torch.rand(7, 2, dtype=F64)
    v = torch.rand(7, 2, dtype=F64)
    assert jacobian(u, x).shape == (7, 3, 2)
    assert hessian(u, x).shape == (7, 3, 2, 2)
    for value in (laplacian(u, x), laplacian(u, x, dims=[0]), partial(u, x, (1, 1)), directional(u, x, v)):
        assert value.shape == (7, 3) and value.dtype == F64
    assert apply_operators(u, x, [Operator.d(0), Operator.d(1), Operator.identity()]).shape == (7, 3, 3)
    assert quadratic_form(x, torch.rand(2, 2, dtype=F64)).shape == (7,)


@routes
def test_no_points_give_no_rows(route: str) -> None:
    u, x = same_network(make_network(), route), torch.zeros(0, 2, dtype=F64)
    assert hessian(u, x).shape == (0, 2, 2, 2) and laplacian(u, x).shape == (0, 2)


def test_a_function_with_one_output_may_drop_its_axis() -> None:
    x = torch.rand(5, 2, dtype=F64)
    # u = x^2 y
    torch.testing.assert_close(
        jacobian(lambda p: p[:, 0] ** 2 * p[:, 1], x)[:, 0], torch.stack([2 * x[:, 0] * x[:, 1], x[:, 0] ** 2], 1)
    )
    assert laplacian(lambda p: p[:, 0] ** 2 * p[:, 1], x).shape == (5, 1)


@routes
def test_float32_stays_float32(route: str) -> None:
    network = RBFNetwork(2, 1, 4)
    assert laplacian(same_network(network, route), torch.rand(3, 2)).dtype == torch.float32


# -- values ------------------------------------------------------------------------------------------------------------


@kernels
def test_closed_form_and_autograd_agree_on_centres_and_off_them(kernel: KernelLike) -> None:
    network = make_network(kernel, degree=2)
    x = on_and_off_centers(network)
    v = torch.randn(len(x), 2, dtype=F64)
    functions: list[Callable[[Callable[[Tensor], Tensor]], Tensor]] = [
        lambda u: jacobian(u, x),
        lambda u: hessian(u, x),
        lambda u: laplacian(u, x),
        lambda u: laplacian(u, x, dims=[1]),
        lambda u: partial(u, x, (2, 1)),
        lambda u: partial(u, x, (2, 2)),
        lambda u: directional(u, x, v),
        lambda u: directional(u, x, v, order=2),
        lambda u: directional(u, x, v, order=3),
    ]
    for f in functions:
        torch.testing.assert_close(f(network), f(lambda p: network(p)), rtol=1e-9, atol=1e-9)


@routes
@kernels
def test_both_routes_agree_with_reverse_mode(kernel: KernelLike, route: str) -> None:
    network = make_network(kernel)
    x = on_and_off_centers(network)
    u = same_network(network, route)
    torch.testing.assert_close(jacobian(u, x), by_reverse_mode(network, x, 1), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(hessian(u, x), by_reverse_mode(network, x, 2), rtol=1e-9, atol=1e-9)
    thirds = by_reverse_mode(network, x, 3)
    torch.testing.assert_close(partial(u, x, (1, 2)), thirds[:, :, 0, 1, 1], rtol=1e-9, atol=1e-9)


TWINS: dict[str, Callable[[Any], Any]] = {
    "gaussian": lambda s: mpmath.exp(-s),
    "multiquadric": lambda s: mpmath.sqrt(1 + s),
    "inverse_multiquadric": lambda s: 1 / mpmath.sqrt(1 + s),
    "matern": lambda s: (1 + mpmath.sqrt(5 * s) + 5 * s / 3) * mpmath.exp(-mpmath.sqrt(5 * s)),
    "thin_plate_spline": lambda s: s * mpmath.log(s) / 2,
}
"""phi(s) by the names of kernels; Matern has nu = 5/2 unless told otherwise."""


def brute_force(network: RBFNetwork, name: str) -> Callable[[Any, Any], Any]:
    """The network in two dimensions at 50 digits, straight from its definition."""

    def exact(tensor: Tensor) -> list[Any]:
        return [[mpmath.mpf(v) for v in row] for row in tensor.tolist()]

    epsilon = mpmath.mpf(network.epsilon.item())
    tail: list[Callable[[Any, Any], Any]] = [lambda x, y: 1, lambda x, y: x, lambda x, y: y][: len(network.basis)]
    shift, scale = exact(torch.stack([network.basis.shift, network.basis.scale]))

    def u(x: Any, y: Any) -> Any:
        total = mpmath.mpf(0)
        for (cx, cy), (w,) in zip(exact(network.centers), exact(network.weight), strict=True):
            total += w * TWINS[name](epsilon**2 * ((x - cx) ** 2 + (y - cy) ** 2))
        for monomial, (a,) in zip(tail, exact(network.tail), strict=True):
            total += a * monomial((x - shift[0]) / scale[0], (y - shift[1]) / scale[1])
        return total

    return u


@pytest.mark.parametrize("name", TWINS)
def test_derivatives_agree_with_fifty_digits(name: str) -> None:
    network = make_network(name, outputs=1)
    x = torch.tensor([[0.31, 0.77], [-1.2, 0.45], [3.0, -2.0]], dtype=F64)
    smoothness = network.kernel.smoothness
    orders = [index for index in ((0, 0), (1, 0), (0, 1), (1, 1), (2, 0), (2, 1), (2, 2), (4, 0)) if sum(index) <= smoothness]
    for index in orders:
        with mpmath.workdps(50):
            twin = brute_force(network, name)
            wanted = [float(mpmath.diff(twin, tuple(mpmath.mpf(v) for v in point), index)) for point in x.tolist()]
        torch.testing.assert_close(partial(network, x, index)[:, 0], torch.tensor(wanted, dtype=F64), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("order", [1, 2, 3])
@routes
def test_directional_derivatives_agree_with_fifty_digits_along_a_line(route: str, order: int) -> None:
    network = make_network("inverse_multiquadric", outputs=1)
    x = torch.tensor([[0.31, 0.77], [-1.2, 0.45]], dtype=F64)
    v = torch.tensor([[1.0, -2.0], [0.3, 0.4]], dtype=F64)
    wanted = []
    with mpmath.workdps(50):
        twin = brute_force(network, "inverse_multiquadric")
        for (px, py), (vx, vy) in zip(x.tolist(), v.tolist(), strict=True):

            def line(t: Any, px: float = px, py: float = py, vx: float = vx, vy: float = vy) -> Any:
                return twin(px + t * vx, py + t * vy)

            wanted.append(float(mpmath.diff(line, 0, order)))
    got = directional(same_network(network, route), x, v, order)[:, 0]
    torch.testing.assert_close(got, torch.tensor(wanted, dtype=F64), rtol=1e-11, atol=1e-12)


@routes
def test_directional_derivatives_are_contractions_of_the_full_ones(route: str) -> None:
    network = make_network(Matern(3.5))
    u, x = same_network(network, route), on_and_off_centers(network)
    v = torch.randn(len(x), 2, dtype=F64)
    torch.testing.assert_close(directional(u, x, v), torch.einsum("boi,bi->bo", jacobian(network, x), v))
    torch.testing.assert_close(directional(u, x, v, 2), torch.einsum("bi,boij,bj->bo", v, hessian(network, x), v))
    third = torch.einsum("boijk,bi,bj,bk->bo", by_reverse_mode(network, x, 3), v, v, v)
    torch.testing.assert_close(directional(u, x, v, 3), third, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(directional(u, x, v, 0), network(x))
    torch.testing.assert_close(directional(u, x, v[0]), directional(u, x, v[:1].expand_as(x)))


@routes
def test_different_directions_mix_with_each_other_and_with_axes(route: str) -> None:
    network = make_network()
    u, x = same_network(network, route), on_and_off_centers(network)
    v, w = torch.randn(2, len(x), 2, dtype=F64)
    second, third = by_reverse_mode(network, x, 2), by_reverse_mode(network, x, 3)
    got = apply_operators(u, x, [Operator.d(v, w), Operator.d(v, 1), Operator.d(0, w, v), Operator.d(v, v, w)]).unbind(-1)
    torch.testing.assert_close(got[0], torch.einsum("boij,bi,bj->bo", second, v, w))
    torch.testing.assert_close(got[1], torch.einsum("boi,bi->bo", second[..., 1], v))
    torch.testing.assert_close(got[2], torch.einsum("boij,bi,bj->bo", third[:, :, 0], w, v), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(got[3], torch.einsum("boijk,bi,bj,bk->bo", third, v, v, w), rtol=1e-9, atol=1e-9)


@routes
def test_the_laplacian_over_some_inputs_leaves_the_others_out(route: str) -> None:
    network = make_network()
    u, x = same_network(network, route), on_and_off_centers(network)
    h = hessian(network, x)
    for dims, wanted in {(0,): h[..., 0, 0], (1,): h[..., 1, 1], (0, 1): h[..., 0, 0] + h[..., 1, 1]}.items():
        torch.testing.assert_close(laplacian(u, x, dims), wanted)
    torch.testing.assert_close(laplacian(u, x), laplacian(u, x, (0, 1)))
    assert not laplacian(u, x, ()).any()


@routes
def test_coefficients_per_point_and_laplacians_inside_a_longer_operator(route: str) -> None:
    network = make_network()
    u, x = same_network(network, route), on_and_off_centers(network)
    c, k = torch.randn(2, len(x), dtype=F64)
    j, h = jacobian(network, x), hessian(network, x)
    operators = {
        c * Operator.laplacian(0, 1): c[:, None] * (h[..., 0, 0] + h[..., 1, 1]),
        c * Operator.d(0, 0) + k * Operator.d(1, 1): c[:, None] * h[..., 0, 0] + k[:, None] * h[..., 1, 1],
        2.5 * Operator.laplacian(0, 1) + k * Operator.d(1): 2.5 * (h[..., 0, 0] + h[..., 1, 1]) + k[:, None] * j[..., 1],
        c * Operator.identity() - 3 * Operator.d(0): c[:, None] * network(x) - 3 * j[..., 0],
        # Not the Laplacian: the coefficients differ.
        Operator.d(0, 0) + 2 * Operator.d(1, 1): h[..., 0, 0] + 2 * h[..., 1, 1],
    }
    got = apply_operators(u, x, list(operators))
    for channel, wanted in zip(got.unbind(-1), operators.values(), strict=True):
        torch.testing.assert_close(channel, wanted, rtol=1e-10, atol=1e-10)


@routes
def test_rows_do_not_see_each_other(route: str) -> None:
    network = make_network()
    u, x = same_network(network, route), on_and_off_centers(network)
    together = hessian(u, x)
    for b in range(len(x)):
        torch.testing.assert_close(together[b : b + 1], hessian(u, x[b : b + 1]))


# -- any other model ---------------------------------------------------------------------------------------------------


def test_a_plain_module_agrees_with_torch_autograd() -> None:
    mlp, x = smooth_mlp(), torch.randn(6, 2, dtype=F64)
    v = torch.randn(6, 2, dtype=F64)
    first, second, third = (by_reverse_mode(mlp, x, order) for order in (1, 2, 3))
    torch.testing.assert_close(jacobian(mlp, x), first)
    torch.testing.assert_close(hessian(mlp, x), second)
    torch.testing.assert_close(laplacian(mlp, x), second.diagonal(dim1=-2, dim2=-1).sum(-1))
    torch.testing.assert_close(partial(mlp, x, (2, 1)), third[:, :, 0, 0, 1])
    torch.testing.assert_close(directional(mlp, x, v, 3), torch.einsum("boijk,bi,bj,bk->bo", third, v, v, v))


def test_parameters_of_a_plain_module_get_gradients_through_its_derivatives() -> None:
    mlp, x = smooth_mlp(), torch.randn(6, 2, dtype=F64)
    torch.autograd.backward(laplacian(mlp, x).square().sum())
    got = [p.grad.clone() for p in mlp.parameters() if p.grad is not None]

    leaf = x.clone().requires_grad_()
    total = torch.zeros((), dtype=F64)
    for o in range(3):
        (g,) = torch.autograd.grad(mlp(leaf)[:, o].sum(), leaf, create_graph=True)
        parts = [torch.autograd.grad(g[:, i].sum(), leaf, create_graph=True)[0][:, i] for i in range(2)]
        total = total + (parts[0] + parts[1]).square().sum()
    wanted = torch.autograd.grad(total, list(mlp.parameters()), allow_unused=True, materialize_grads=True)
    # The last bias is in no derivative.
    for a, b in zip(got, wanted[: len(got)], strict=True):
        torch.testing.assert_close(a, b)
    assert len(got) >= len(wanted) - 1


# -- modes and transforms ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode], ids=["no_grad", "inference_mode"])
@pytest.mark.parametrize("model", ["closed form", "autograd", "mlp"])
def test_derivatives_work_where_gradients_are_off(
    mode: Callable[[], contextlib.AbstractContextManager[None]], model: str
) -> None:
    u = smooth_mlp() if model == "mlp" else same_network(make_network(), model)
    points, c = torch.rand(5, 2, dtype=F64), torch.rand(5, dtype=F64)
    op = c * Operator.d(0, 1) + Operator.laplacian(0, 1)
    wanted = hessian(u, points), apply_operators(u, points, [op]), directional(u, points, points, 2)
    with mode():
        # Made inside, so that in inference mode points, coefficients and directions are inference tensors.
        x, k = points.clone(), c.clone()
        got = hessian(u, x), apply_operators(u, x, [k * Operator.d(0, 1) + Operator.laplacian(0, 1)]), directional(u, x, x, 2)
    for a, b in zip(got, wanted, strict=True):
        assert not a.requires_grad
        torch.testing.assert_close(a, b.detach())


@routes
def test_vmap_over_sets_of_points(route: str) -> None:
    u, x = same_network(make_network(), route), torch.rand(3, 5, 2, dtype=F64)
    functions: Sequence[Callable[..., Tensor]] = (jacobian, hessian, laplacian)
    for function in functions:
        torch.testing.assert_close(vmap(lambda p, f=function: f(u, p))(x), torch.stack([function(u, p) for p in x]))
    v = torch.rand(3, 5, 2, dtype=F64)
    got = vmap(lambda p, q: directional(u, p, q, 2))(x, v)
    torch.testing.assert_close(got, torch.stack([directional(u, p, q, 2) for p, q in zip(x, v, strict=True)]))


@routes
def test_vmap_over_an_ensemble_of_parameters(route: str) -> None:
    network, x = make_network(), torch.rand(5, 2, dtype=F64)
    weights = torch.randn(3, *network.weight.shape, dtype=F64)

    class Laplacian(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, x: Tensor) -> Tensor:
            return laplacian(same_network(self.network, route), x)

    got = vmap(lambda w: functional_call(Laplacian(), {"network.weight": w}, (x,)))(weights)
    for w, one in zip(weights, got, strict=True):
        with torch.no_grad():
            network.weight.copy_(w)
        torch.testing.assert_close(one, laplacian(network, x))


@routes
@pytest.mark.parametrize("jac", [jacrev, jacfwd], ids=["jacrev", "jacfwd"])
def test_functional_jacobians_differentiate_once_more(route: str, jac: Any) -> None:
    network = make_network(Matern(3.5))
    u, x = same_network(network, route), on_and_off_centers(network)
    thirds = by_reverse_mode(network, x, 3)

    def traces(p: Tensor) -> Tensor:
        return laplacian(u, p[None])[0]

    got = vmap(jac(traces))(x)
    torch.testing.assert_close(got, thirds[:, :, :, 0, 0] + thirds[:, :, :, 1, 1], rtol=1e-8, atol=1e-8)


@routes
def test_points_that_require_a_gradient_get_it(route: str) -> None:
    network = make_network(outputs=1)
    x = on_and_off_centers(network).requires_grad_()
    (got,) = torch.autograd.grad(laplacian(same_network(network, route), x).sum(), x)
    thirds = by_reverse_mode(network, x, 3)[:, 0]
    torch.testing.assert_close(got, thirds[..., 0, 0] + thirds[..., 1, 1], rtol=1e-8, atol=1e-8)


@routes
def test_coefficients_and_directions_that_require_a_gradient_get_it(route: str) -> None:
    network = make_network(outputs=1)
    u, x = same_network(network, route), torch.rand(5, 2, dtype=F64)
    c = torch.rand(5, dtype=F64, requires_grad=True)
    v = torch.rand(5, 2, dtype=F64, requires_grad=True)
    value = apply_operators(u, x, [c * Operator.directional(v, 2)])
    got = torch.autograd.grad(value.sum(), (c, v))
    h = hessian(network, x)[:, 0].detach()
    torch.testing.assert_close(got[0], torch.einsum("bi,bij,bj->b", v, h, v).detach())
    torch.testing.assert_close(got[1], (2.0 * c[:, None] * torch.einsum("bij,bj->bi", h, v)).detach())


# -- errors ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda u, x: jacobian(u, x[0]), r"Points must have shape \(B, D\), one row per point, but got \(2,\)"),
        (lambda u, x: hessian(u, x[None]), r"Points must have shape \(B, D\)"),
        (lambda u, x: laplacian(u, x, [2]), "Coordinate index 2 is out of range for 2"),
        (lambda u, x: laplacian(u, x, [-1]), "Coordinate index -1 is out of range"),
        (lambda u, x: partial(u, x, (1,)), r"one non-negative number for each of the 2 inputs, but got \(1,\)"),
        (lambda u, x: partial(u, x, (1, -1)), "non-negative"),
        (lambda u, x: directional(u, x, x[:2]), r"A direction must have the shape of the points, \(4, 2\)"),
        (lambda u, x: directional(u, x, x[:, 0]), "A direction must have the shape"),
        (lambda u, x: directional(u, x, x, -1), "0, 1, 2, ..., but got -1"),
    ],
)
@routes
def test_what_does_not_fit_is_refused_in_one_sentence(call: Any, message: str, route: str) -> None:
    with pytest.raises(InputError, match=message):
        call(same_network(make_network(), route), torch.rand(4, 2, dtype=F64))
