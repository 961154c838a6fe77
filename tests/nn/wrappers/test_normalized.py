"""Normalized: a partition of unity, finite everywhere."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from rbfnet import InputError, Operator
from rbfnet.kernels import Kernel, Matern
from rbfnet.nn import Affine, Normalized, RBFNetwork
from rbfnet.operators import apply_operators, hessian, jacobian

F64 = torch.float64


def make(kernel: Any = "gaussian", dims: int = 2, **arguments: Any) -> Normalized:
    torch.manual_seed(0)
    network = RBFNetwork(dims, 1, 15, kernel, **{"dtype": F64, "epsilon": 2.0, **arguments})
    network.set_coefficients(torch.randn(network.coefficients.shape).to(network.weight))
    return Normalized(network)


@pytest.mark.parametrize("kernel", ["gaussian", "inverse_multiquadric", Matern(3.5)], ids=str)
def test_the_basis_functions_sum_to_one_and_their_derivatives_to_zero(kernel: Any) -> None:
    model = make(kernel)
    x = 3 * torch.rand(20, 2, dtype=F64) - 1
    torch.testing.assert_close(model.features(x, Operator.identity()).sum(1), torch.ones(20, dtype=F64))
    for op in (Operator.d(0), Operator.laplacian(0, 1), Operator.d(0, 0, 1)):
        columns = model.features(x, op)
        assert (columns.sum(1).abs() < 1e-12 * columns.abs().sum(1).clamp(min=1.0)).all()


def test_a_constant_is_reproduced_and_values_stay_between_the_weights() -> None:
    model = make()
    x = 6 * torch.rand(100, 2, dtype=F64) - 2
    values = model(x)
    assert (values <= model.weight.max() + 1e-12).all() and (values >= model.weight.min() - 1e-12).all()
    model.set_coefficients(torch.full((15, 1), 3.5, dtype=F64))
    torch.testing.assert_close(model(x), torch.full((100, 1), 3.5, dtype=F64))


def softmax(model: Normalized, x: Tensor) -> Tensor:
    """The Gaussian case is a softmax, which does not underflow."""
    s = model.epsilon**2 * (x[:, None] - model.centers).square().sum(-1)
    return torch.softmax(-s, dim=1) @ model.weight


@pytest.mark.parametrize(("dtype", "far", "tolerance"), [(F64, 10.3, 1e-9), (torch.float32, 4.2, 1e-3)], ids=str)
def test_far_from_all_centres_it_is_still_exact(dtype: torch.dtype, far: float, tolerance: float) -> None:
    """The sum is 1e-140 or 1e-17 there."""
    model = make(dtype=dtype)
    x = torch.tensor([[far, 0.3], [0.4, -far + 1]], dtype=dtype)
    twin = make()
    twin.load_state_dict({name: value.double() for name, value in model.state_dict().items()})
    ops = [Operator.identity(), Operator.d(0), Operator.laplacian(0, 1)]
    assert model.network.layer(x).sum(1).min() < torch.finfo(dtype).tiny ** 0.42
    got = apply_operators(model, x, ops).double()
    wanted = apply_operators(lambda p: softmax(twin, p), x.double(), ops)
    torch.testing.assert_close(got, wanted, rtol=tolerance, atol=tolerance)


class Bump(Kernel):
    """Wendland's C2 function, of compact support, as far as values and first derivatives."""

    smoothness = 1

    def phi(self, s: Tensor) -> Tensor:
        r = s.clamp(max=1.0).sqrt()
        return (1 - r) ** 4 * (4 * r + 1)

    def derivative(self, s: Tensor, k: int) -> Tensor:
        if k == 0:
            return self.phi(s)
        return -10 * (1 - s.clamp(max=1.0).sqrt()) ** 3


OPS = [Operator.identity(), Operator.d(0), Operator.laplacian(0, 1), Operator.d(0, 0, 0, 0), Operator.d(0, 0, 1, 1)]


@pytest.mark.parametrize("dtype", [torch.float32, F64], ids=str)
@pytest.mark.parametrize("kernel", ["gaussian", Matern(3.5), Bump()], ids=["gaussian", "matern", "compact"])
@pytest.mark.parametrize("epsilon", [0.5, 30.0])
def test_nothing_is_ever_nan(kernel: Any, dtype: torch.dtype, epsilon: float) -> None:
    """From the centres out to where the sum underflows, beyond, and all gradients on the way."""
    model = make(kernel, dims=2, epsilon=epsilon, dtype=dtype)
    ray = torch.cat([torch.linspace(0, 80, 4001, dtype=F64), torch.logspace(2, 6, 9, dtype=F64)])
    x = torch.stack([0.5 + ray / epsilon, torch.full_like(ray, 0.5)], dim=1).to(dtype).requires_grad_()
    ops = [op for op in OPS if op.order <= model.kernel.smoothness]
    values = apply_operators(model, x, ops)
    assert torch.isfinite(values).all()
    gradients = torch.autograd.grad(values.sum(), [x, *(p for p in model.parameters() if p.numel())], create_graph=True)
    assert all(torch.isfinite(g).all() for g in gradients)
    assert torch.isfinite(model.features(x, ops[-1])).all()


@pytest.mark.parametrize("dtype", [torch.float32, F64], ids=str)
def test_second_derivatives_by_autograd_are_finite_too(dtype: torch.dtype) -> None:
    model = make(epsilon=1.0, dtype=dtype)
    ray = torch.linspace(0, 40, 2001, dtype=dtype)
    x = torch.stack([ray, 0.5 * torch.ones_like(ray)], dim=1).requires_grad_()
    (first,) = torch.autograd.grad(model(x).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    assert torch.isfinite(first).all() and torch.isfinite(second).all()


def test_where_the_sum_underflows_it_is_zero() -> None:
    model = make(dtype=torch.float32)
    x = torch.tensor([[1e3, 0.0], [-20.0, 20.0]])
    assert not model(x).any() and not jacobian(model, x).any() and not hessian(model, x).any()
    assert not model.features(x, Operator.identity()).any()
    assert torch.isnan(model(torch.full((1, 2), float("nan")))).all()


def test_it_fits_data_by_its_features() -> None:
    model = make(epsilon=4.0)
    x = torch.rand(200, 2, dtype=F64)
    with torch.no_grad():
        solution = torch.linalg.lstsq(model.features(x, Operator.identity()), torch.full((200, 1), 2.0, dtype=F64)).solution
    torch.testing.assert_close(solution, torch.full((15, 1), 2.0, dtype=F64), rtol=1e-8, atol=0)


def test_many_points_need_no_array_of_points_by_centres() -> None:
    """The sum over the centres is taken within the blocks."""
    model = make(dtype=torch.float32)
    sizes = []

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            out = func(*args, **(kwargs or {}))
            sizes.append(max((t.numel() for t in torch.utils._pytree.tree_leaves(out) if isinstance(t, Tensor)), default=0))
            return out

    with torch.no_grad(), Watch():
        model(torch.rand(100_000, 2))
    assert max(sizes) < 100_000 * 15 / 2


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (lambda: RBFNetwork(2, 1, 6, degree=1), "Normalized needs a network without a tail, but this one has 3 terms"),
        (lambda: RBFNetwork(2, 1, 6, "multiquadric", degree=-1), "needs a positive definite kernel"),
        (lambda: Normalized(RBFNetwork(2, 1, 6)), r"needs the RBFNetwork itself, but got Normalized"),
        (
            lambda: Affine(RBFNetwork(2, 1, 6), torch.zeros(2), torch.ones(2), torch.zeros(1), torch.ones(1)),
            r"but got Affine; apply the other wrapper afterwards, as in Affine\(Normalized\(network\), ...\)",
        ),
    ],
)
def test_what_cannot_be_normalised_is_refused(network: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Normalized(network())


def test_a_kernel_of_unknown_definiteness_is_refused() -> None:
    unknown = Bump()
    unknown.order = None
    with pytest.raises(InputError, match="needs a positive definite kernel"):
        Normalized(RBFNetwork(2, 1, 6, unknown))
