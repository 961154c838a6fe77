"""Affine: trained in standardised units, used in the user's."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import vmap

from rbfnet import InputError, Operator
from rbfnet.kernels import Matern
from rbfnet.nn import Affine, RBFNetwork
from rbfnet.operators import apply_operators, directional, hessian, jacobian, laplacian, partial

F64 = torch.float64


def make_affine(kernel: Any = "multiquadric", **arguments: Any) -> Affine:
    """Kilometres and millikelvins in, pascals out: nothing is of order one."""
    torch.manual_seed(0)
    network = RBFNetwork(2, 2, 8, kernel, epsilon=1.2, dtype=F64, **arguments)
    network.set_coefficients(torch.randn(network.coefficients.shape, dtype=F64))
    return Affine(
        network,
        torch.tensor([3000.0, -0.02], dtype=F64),
        torch.tensor([500.0, 0.004], dtype=F64),
        torch.tensor([1e5, -7.0], dtype=F64),
        torch.tensor([2e4, 0.3], dtype=F64),
    )


def points(affine: Affine) -> Tensor:
    """With some of them on centres."""
    torch.manual_seed(1)
    return torch.cat([affine.centers[:2].detach(), affine.input_shift + affine.input_scale * torch.rand(5, 2, dtype=F64)])


def operators(x: Tensor) -> list[Operator]:
    torch.manual_seed(2)
    c, v = torch.rand(len(x), dtype=F64), torch.randn(len(x), 2, dtype=F64)
    return [
        Operator.identity(),
        Operator.d(0),
        Operator.d(1),
        Operator.laplacian(0, 1),
        Operator.d(0, 0, 1),
        2.0 * Operator.d(0) + c * Operator.identity(),
        c * Operator.directional(v, 2) - Operator.d(v, 0),
        Operator.laplacian(),
    ]


def test_the_value_is_the_network_between_two_affine_maps() -> None:
    affine = make_affine()
    x = points(affine)
    inner = (x - torch.tensor([3000.0, -0.02], dtype=F64)) / torch.tensor([500.0, 0.004], dtype=F64)
    wanted = torch.tensor([1e5, -7.0], dtype=F64) + torch.tensor([2e4, 0.3], dtype=F64) * affine.network(inner)
    torch.testing.assert_close(affine(x), wanted)
    torch.testing.assert_close(affine(x.reshape(1, 7, 2)), wanted[None])
    assert affine(x[0]).shape == (2,)


@pytest.mark.parametrize("kernel", ["multiquadric", "gaussian", Matern(3.5)], ids=str)
def test_derivatives_are_in_the_units_of_the_user(kernel: Any) -> None:
    affine = make_affine(kernel, degree=2)
    x = points(affine)
    ops = operators(x)
    got = apply_operators(affine, x, ops)
    wanted = apply_operators(lambda p: affine(p), x, ops)
    for a, b in zip(got.unbind(-1), wanted.unbind(-1), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9 * float(b.abs().max().detach()))


def test_every_function_of_the_calculus_passes_through() -> None:
    affine = make_affine()
    x = points(affine)
    v = affine.input_scale * torch.randn(7, 2, dtype=F64)
    for got, wanted in [
        (jacobian(affine, x), jacobian(lambda p: affine(p), x)),
        (hessian(affine, x), hessian(lambda p: affine(p), x)),
        (laplacian(affine, x, [1]), laplacian(lambda p: affine(p), x, [1])),
        (partial(affine, x, (2, 1)), partial(lambda p: affine(p), x, (2, 1))),
        (directional(affine, x, v, 3), directional(lambda p: affine(p), x, v, 3)),
    ]:
        torch.testing.assert_close(got, wanted, rtol=1e-9, atol=1e-9 * float(wanted.abs().max().detach()))
    torch.testing.assert_close(vmap(lambda p: jacobian(affine, p))(x[None])[0], jacobian(affine, x))


@pytest.mark.parametrize("op", range(8))
def test_features_times_coefficients_and_offset_are_the_model(op: int) -> None:
    affine = make_affine(degree=1)
    x = points(affine)
    operator = operators(x)[op]
    wanted = apply_operators(affine, x, [operator])[..., 0]
    got = affine.features(x, operator) @ affine.coefficients + affine.offset(x, operator)
    torch.testing.assert_close(got, wanted, rtol=1e-10, atol=1e-10 * float(wanted.abs().max().detach()))


def test_the_offset_is_what_is_left_without_coefficients() -> None:
    affine = make_affine()
    x = points(affine)
    ops = operators(x)
    affine.set_coefficients(torch.zeros_like(affine.coefficients))
    for op, value in zip(ops, apply_operators(affine, x, ops).unbind(-1), strict=True):
        torch.testing.assert_close(affine.offset(x, op), value)
    assert not affine.offset(x, Operator.d(0)).any()


def test_coefficients_are_written_as_they_are_read() -> None:
    affine = make_affine()
    values = torch.randn(9, 2, dtype=F64)
    affine.set_coefficients(values)
    torch.testing.assert_close(affine.coefficients.detach(), values)
    torch.testing.assert_close(affine.weight.detach(), values[:8])
    torch.testing.assert_close(affine.tail.detach(), values[8:])


@pytest.mark.parametrize("per_center", [True, False], ids=["per centre", "one for all"])
def test_attributes_are_in_the_units_of_the_user(per_center: bool) -> None:
    affine = make_affine("gaussian", per_center=per_center)
    x = points(affine)
    assert affine.centers.shape == (8, 2) and affine.weight.shape == (8, 2) and affine.tail.shape == (0, 2)
    assert affine.epsilon.shape == ((8, 2) if per_center else (2,))
    assert (affine.in_features, affine.out_features, affine.num_centers) == (2, 2, 8)
    assert affine.kernel is affine.network.kernel and affine.moments() is not None
    # The model follows from them alone.
    s = (affine.epsilon * (x[:, None] - affine.centers)).square().sum(-1)
    torch.testing.assert_close((-s).exp() @ affine.weight + affine.output_shift, affine(x))


def test_parameters_get_gradients_through_derivatives() -> None:
    affine = make_affine(Matern(2.5))
    torch.autograd.backward(laplacian(affine, points(affine)).square().mean())
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in affine.parameters() if p.numel())


def test_scales_are_buffers_of_the_dtype_of_the_network_and_are_saved() -> None:
    affine = make_affine()
    network = RBFNetwork(2, 1, 4)
    scales = torch.ones(2, dtype=F64), torch.ones(1, dtype=F64)
    other = Affine(network, 0 * scales[0], scales[0], 0 * scales[1], scales[1])
    assert {t.dtype for t in other.state_dict().values()} == {torch.float32}
    assert not [name for name, _ in affine.named_parameters() if "shift" in name or name.endswith("_scale")]
    copy = make_affine()
    for buffer in copy.buffers():
        buffer.fill_(1.0)
    x = points(affine)
    copy.load_state_dict(affine.state_dict())
    assert torch.equal(copy(x), affine(x))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"input_shift": torch.zeros(3)}, r"input_shift must have shape \(2,\), but got \(3,\)"),
        ({"input_scale": torch.tensor(1.0)}, r"input_scale must have shape \(2,\), but got \(\)"),
        ({"output_shift": torch.zeros(2)}, r"output_shift must have shape \(1,\), but got \(2,\)"),
        ({"input_scale": torch.tensor([1.0, 0.0])}, "input_scale must be positive and finite, but got"),
        ({"input_scale": torch.tensor([1.0, float("nan")])}, "input_scale must be positive and finite"),
        ({"output_scale": torch.tensor([-1.0])}, "output_scale must be positive and finite"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, Tensor], message: str) -> None:
    given = {
        "input_shift": torch.zeros(2),
        "input_scale": torch.ones(2),
        "output_shift": torch.zeros(1),
        "output_scale": torch.ones(1),
    }
    with pytest.raises(InputError, match=message):
        Affine(RBFNetwork(2, 1, 4), **(given | change))


def test_points_and_operators_that_do_not_fit_are_refused_as_by_the_network() -> None:
    affine = make_affine("thin_plate_spline")
    with pytest.raises(InputError, match="has order 2, but ThinPlateSpline"):
        laplacian(affine, points(affine))
