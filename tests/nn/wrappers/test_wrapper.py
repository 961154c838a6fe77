"""All wrappers and nestings of them against the plain composition, differentiated by nested autograd."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.autograd import grad, gradcheck
from torch.func import functional_call, hessian, jacfwd, jacrev, vmap

from rbfnet import InputError, Operator
from rbfnet.kernels import Gaussian, InverseMultiquadric, Matern
from rbfnet.nn import Affine, Ansatz, CoordinateMap, Normalized, Periodic, RBFNetwork, Wrapper
from rbfnet.operators import apply_operators
from rbfnet.operators import hessian as closed_hessian
from rbfnet.operators import jacobian as closed_jacobian

F64 = torch.float64
Plain = Callable[[Tensor], Tensor]
Pair = tuple[Any, Plain]
"""A model, and the same function of x in plain tensors."""


# -- the models, each with its twin ------------------------------------------------------------------------------------


def network(dims: int = 2, kernel: Any = None, **arguments: Any) -> Pair:
    made = RBFNetwork(dims, 2, 12, kernel or Gaussian(), epsilon=1.1, dtype=F64, **{"degree": -1, **arguments})
    made.set_coefficients(torch.randn(made.coefficients.shape, dtype=F64))

    def plain(x: Tensor) -> Tensor:
        s = made.epsilon**2 * (x[:, None] - made.centers).square().sum(-1)
        z = (x - made.basis.shift) / made.basis.scale
        monomials = torch.cat([torch.ones_like(z[:, :1]), z], dim=1)[:, : len(made.tail)]
        return made.kernel(s) @ made.weight + monomials @ made.tail

    return made, plain


def distance(x: Tensor) -> Tensor:
    return x[:, 0] * torch.sin(1.0 + x[:, 1]) + 0.3 * x[:, 1] ** 3


def lift(x: Tensor) -> Tensor:
    return torch.stack([x[:, 0] ** 2 * torch.cos(x[:, 1]), torch.exp(x[:, 1] - x[:, 0])], dim=1)


def ansatz(inner: Pair, g: Plain | None = lift) -> Pair:
    model, plain = inner
    return Ansatz(model, distance, g), lambda x: distance(x)[:, None] * plain(x) + (g(x) if g else 0.0)


def normalized(inner: Pair) -> Pair:
    model, _ = inner

    def plain(x: Tensor) -> Tensor:
        phi = model.kernel(model.epsilon**2 * (x[:, None] - model.centers).square().sum(-1))
        return phi / phi.sum(1, keepdim=True) @ model.weight

    return Normalized(model), plain


def affine(inner: Pair) -> Pair:
    model, plain = inner
    a, b = torch.tensor([0.3, -0.2], dtype=F64), torch.tensor([1.7, 0.6], dtype=F64)
    c, d = torch.tensor([2.0, -1.0], dtype=F64), torch.tensor([3.0, 0.5], dtype=F64)
    return Affine(model, a, b, c, d), lambda x: c.to(x) + d.to(x) * plain((x - a.to(x)) / b.to(x))


def bent(x: Tensor) -> Tensor:
    return torch.stack([torch.sinh(x[:, 0]) + x[:, 1], x[:, 0] * x[:, 1]], dim=1)


def mapped(inner: Pair) -> Pair:
    model, plain = inner
    return CoordinateMap(model, bent), lambda x: plain(bent(x))


def sphere(x: Tensor) -> Tensor:
    return torch.stack([x[:, 0].sin() * x[:, 1].cos(), x[:, 0].sin() * x[:, 1].sin(), x[:, 0].cos()], dim=1)


def on_a_sphere(inner: Pair) -> Pair:
    """From two coordinates to three."""
    model, plain = inner
    return CoordinateMap(model, sphere, in_features=2), lambda x: plain(sphere(x))


def periodic(inner: Pair) -> Pair:
    model, plain = inner
    r = 2.5 / (2 * torch.pi)
    wound = lambda x: torch.stack([r * (x[:, 0] / r).cos(), r * (x[:, 0] / r).sin(), x[:, 1]], dim=1)  # noqa: E731
    return CoordinateMap(model, Periodic([2.5, None])), lambda x: plain(wound(x))


MODELS: dict[str, Callable[[], Pair]] = {
    "ansatz": lambda: ansatz(network()),
    "ansatz of a tail": lambda: ansatz(network(kernel="multiquadric", degree=1)),
    "ansatz without lift": lambda: ansatz(network(), None),
    "normalized": lambda: normalized(network()),
    "normalized imq": lambda: normalized(network(kernel=InverseMultiquadric(), per_center=True)),
    "map": lambda: mapped(network(kernel=Matern(3.5))),
    "map of a tail": lambda: mapped(network(kernel="multiquadric", degree=1)),
    "sphere": lambda: on_a_sphere(network(3)),
    "periodic": lambda: periodic(network(3, Matern(3.5))),
    "affine": lambda: affine(network()),
    "ansatz(normalized)": lambda: ansatz(normalized(network())),
    "ansatz(ansatz)": lambda: ansatz(ansatz(network())),
    "affine(ansatz)": lambda: affine(ansatz(network())),
    "affine(affine)": lambda: affine(affine(network())),
    "map(map)": lambda: mapped(mapped(network())),
    "map(normalized)": lambda: mapped(normalized(network())),
    "map(ansatz)": lambda: mapped(ansatz(network())),
    "ansatz(periodic)": lambda: ansatz(periodic(network(3))),
    "affine(periodic(normalized))": lambda: affine(periodic(normalized(network(3)))),
    "ansatz(affine(periodic))": lambda: ansatz(affine(periodic(network(3)))),
    "map(ansatz(affine))": lambda: mapped(ansatz(affine(network()))),
    "affine(map(ansatz))": lambda: affine(mapped(ansatz(network()))),
    "ansatz(map(normalized))": lambda: ansatz(mapped(normalized(network()))),
}


def make(name: str) -> tuple[Any, Plain, Tensor]:
    """A model, its twin, and points whose first two fall on centres."""
    torch.manual_seed(0)
    model, plain = MODELS[name]()
    x = 0.2 + 0.7 * torch.rand(5, 2, dtype=F64)
    inner, z = model, x
    while isinstance(inner, Wrapper):
        z, _ = inner.inner(z, [Operator.identity()])
        inner = inner.network
    with torch.no_grad():
        inner.layer.centers[:2] = z[:2]
    return model, plain, x


def operators(x: Tensor) -> dict[str, Operator]:
    torch.manual_seed(1)
    c, v, w = (torch.randn(len(x), *shape, dtype=F64).to(x) for shape in ((), (2,), (2,)))
    d = Operator.d
    return {
        "identity": Operator.identity(),
        "zero": Operator.laplacian(),
        "u_x": d(0),
        "u_y": d(1),
        "u_xx": d(0, 0),
        "u_xy": d(0, 1),
        "laplacian": Operator.laplacian(0, 1),
        "u_xxx": d(0, 0, 0),
        "biharmonic": d(0, 0, 0, 0) + 2.0 * d(0, 0, 1, 1) + d(1, 1, 1, 1),
        "directional": Operator.directional(v) - d(v, w, 1),
        "directional twice": Operator.directional(v, 2),
        "variable coefficients": c * Operator.laplacian(0, 1) - 2.0 * d(0) + c * Operator.identity() + c * d(v, 0),
    }


def nested(u: Plain, x: Tensor, op: Operator) -> Tensor:
    """The operator by ``torch.autograd.grad``, one derivative after another, one output after another; (B, O)."""
    x = x.detach().requires_grad_()
    outputs = []
    for o in range(2):
        total = torch.zeros_like(x[:, 0])
        for directions, c in op.terms:
            value = u(x)[:, o]
            for v in directions:
                (slope,) = grad(value.sum(), x, create_graph=True)
                value = (slope * v).sum(1) if isinstance(v, Tensor) else slope[:, int(v)]
            total = total + c * value
        outputs.append(total)
    return torch.stack(outputs, dim=1)


def assert_close(got: Tensor, wanted: Tensor, tolerance: float = 1e-9) -> None:
    torch.testing.assert_close(got, wanted, rtol=tolerance, atol=tolerance * float(wanted.detach().abs().max()))


# -- values and derivatives --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_operators_are_those_of_the_plain_composition(name: str) -> None:
    model, plain, x = make(name)
    ops = operators(x)
    got = apply_operators(model, x, list(ops.values()))
    assert got.shape == (5, 2, len(ops))
    for n, op in enumerate(ops.values()):
        assert_close(got[..., n], nested(plain, x, op))
        # Alone as in company.
        assert_close(model.apply_operator(x, op), got[..., n], 1e-11)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_features_times_coefficients_and_offset(name: str) -> None:
    model, _, x = make(name)
    values = torch.randn(model.coefficients.shape, dtype=F64)
    model.set_coefficients(values)
    assert_close(model.coefficients, values, 1e-14)
    ops = [operators(x)[key] for key in ("identity", "zero", "u_y", "laplacian", "directional twice", "variable coefficients")]
    for op in ops:
        offset = model.offset(x, op)
        got = model.features(x, op) @ values + (0.0 if offset is None else offset)
        assert_close(got, model.apply_operator(x, op), 1e-11)
    model.set_coefficients(torch.zeros_like(values))
    for op in ops:
        offset = model.offset(x, op)
        assert_close(torch.zeros(5, 2, dtype=F64) if offset is None else offset, model.apply_operator(x, op), 1e-11)


@pytest.mark.parametrize("name", MODELS)
def test_float32_is_as_accurate_as_its_rounding(name: str) -> None:
    model, _plain, x = make(name)
    model.float()
    single = x.float()
    # The twin has the same numbers, of which the smaller half of the digits is zero.
    double = copy.deepcopy(model).double()
    ops, wanted = operators(single), operators(single.double())
    for key, tolerance in {"identity": 1e-6, "u_y": 1e-5, "laplacian": 1e-4, "variable coefficients": 1e-4}.items():
        got = model.apply_operator(single, ops[key])
        assert got.dtype == model.features(single, ops[key]).dtype == torch.float32
        assert_close(got.double(), double.apply_operator(single.double(), wanted[key]), tolerance)


@pytest.mark.parametrize("name", MODELS)
def test_any_batch_shape_is_kept(name: str) -> None:
    model, plain, _x = make(name)
    for batch in ((), (4,), (2, 3), (0,), (2, 0, 3)):
        points = torch.rand(*batch, 2, dtype=F64)
        assert model(points).shape == (*batch, 2)
    points = torch.rand(2, 3, 2, dtype=F64)
    assert_close(model(points), plain(points.reshape(6, 2)).reshape(2, 3, 2))


# -- differentiation of what comes out ---------------------------------------------------------------------------------


class Applied(torch.nn.Module):
    """One operator of a model, as a module, so that ``functional_call`` can exchange its parameters."""

    def __init__(self, model: Any, op: Operator) -> None:
        super().__init__()
        self.model, self.op = model, op

    def forward(self, x: Tensor) -> Tensor:
        return self.model.apply_operator(x, self.op)


@pytest.mark.parametrize("key", ["laplacian", "variable coefficients"])
@pytest.mark.parametrize(
    "name", ["ansatz", "normalized", "map", "periodic", "ansatz(affine(periodic))", "affine(periodic(normalized))"]
)
def test_gradients_in_points_and_all_parameters(name: str, key: str) -> None:
    model, _, x = make(name)
    applied = Applied(model, operators(x[:3])[key])
    names = [n for n, p in applied.named_parameters() if p.numel()]
    values = [p.detach().clone().requires_grad_() for p in applied.parameters() if p.numel()]
    assert len(names) == 3

    def of(points: Tensor, *given: Tensor) -> Tensor:
        return functional_call(applied, dict(zip(names, given, strict=True)), (points,))

    assert gradcheck(of, (x[:3].clone().requires_grad_(), *values))


class Slope(torch.nn.Module):
    """x_1 times a number that is trained."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = torch.nn.Parameter(torch.tensor(1.5, dtype=F64))

    def forward(self, x: Tensor) -> Tensor:
        return self.factor * x[:, 0]


def test_parameters_of_distance_lift_and_map_are_trained_and_saved() -> None:
    inner, _ = network()
    stretched = CoordinateMap(inner, torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Tanh()).double())
    model = Ansatz(stretched, Slope(), torch.nn.Linear(2, 2).double())
    x = torch.rand(3, 2, dtype=F64)
    applied = Applied(model, Operator.laplacian(0, 1) + Operator.d(1))
    names = [n for n, p in applied.named_parameters() if p.numel()]
    assert {"model.distance.factor", "model.lift.weight", "model.network.map.0.bias"} < set(names)
    values = [p.detach().clone().requires_grad_() for p in applied.parameters() if p.numel()]
    assert gradcheck(lambda *given: functional_call(applied, dict(zip(names, given, strict=True)), (x,)), values)
    assert {n.removeprefix("model.") for n in names} < set(model.state_dict())


@pytest.mark.parametrize("name", MODELS)
def test_torch_func_over_single_points(name: str) -> None:
    model, _, x = make(name)
    assert_close(vmap(model)(x), model(x), 1e-11)
    assert_close(vmap(jacrev(model))(x), closed_jacobian(model, x))
    assert_close(vmap(jacfwd(model))(x), closed_jacobian(model, x))
    assert_close(vmap(hessian(model))(x), closed_hessian(model, x))
    assert_close(vmap(lambda p: closed_hessian(model, p[None])[0])(x), closed_hessian(model, x), 1e-11)


@pytest.mark.parametrize("name", ["ansatz(affine(periodic))", "ansatz(map(normalized))"])
def test_without_gradients_and_in_inference_mode(name: str) -> None:
    model, _, x = make(name)
    op = operators(x)["laplacian"]
    wanted = model.apply_operator(x, op)
    with torch.no_grad():
        torch.testing.assert_close(model.apply_operator(x, op), wanted.detach())
    with torch.inference_mode():
        torch.testing.assert_close(model.apply_operator(x.clone(), op), wanted.detach())


@pytest.mark.parametrize("name", ["ansatz(affine(periodic))", "ansatz(map(normalized))"])
def test_many_points_give_what_few_points_give(name: str) -> None:
    """Evaluated block by block, with what varies from point to point cut into the same blocks."""
    model, _, _ = make(name)
    x = torch.rand(50_000, 2, dtype=F64)
    op = operators(x)["variable coefficients"]
    parameters = [p for p in model.parameters() if p.numel()]
    whole = model.apply_operator(x, op)
    together = grad(whole.square().mean(), parameters)
    parts, apart = [], [torch.zeros_like(p) for p in parameters]
    for start in range(0, 50_000, 10_000):
        rows = slice(start, start + 10_000)
        cut = Operator(
            tuple(
                (tuple(v[rows] if isinstance(v, Tensor) else v for v in ds), c[rows] if isinstance(c, Tensor) else c)
                for ds, c in op.terms
            )
        )
        parts.append(model.apply_operator(x[rows], cut))
        for total, part in zip(apart, grad(parts[-1].square().sum() / whole.numel(), parameters), strict=True):
            total += part
    assert_close(whole, torch.cat(parts), 1e-11)
    for a, b in zip(together, apart, strict=True):
        assert_close(a, b, 1e-9)


# -- modules -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_state_is_saved_once_and_loaded(name: str) -> None:
    model, _, x = make(name)
    other = copy.deepcopy(model)
    for tensor in other.state_dict().values():
        tensor.fill_(0.7)
    state = model.state_dict()
    assert len({t.data_ptr() for t in state.values() if t.numel()}) == sum(1 for t in state.values() if t.numel())
    other.load_state_dict(state)
    assert torch.equal(other(x), model(x))


@pytest.mark.parametrize("name", MODELS)
def test_attributes_are_those_of_the_network_in_the_coordinates_of_the_user(name: str) -> None:
    model, _, _ = make(name)
    inner = model
    while isinstance(inner, Wrapper):
        inner = inner.network
    assert (model.in_features, model.out_features, model.num_centers) == (2, 2, 12)
    assert model.kernel is inner.kernel and model.tail.shape == inner.tail.shape and model.weight.shape == (12, 2)
    assert torch.isfinite(model.epsilon).all()
    assert model.coefficients.shape == inner.coefficients.shape


@pytest.mark.parametrize("name", ["affine", "affine(affine)"])
def test_a_model_of_scalings_follows_from_its_attributes(name: str) -> None:
    model, _, x = make(name)
    assert model.epsilon.shape == (2,)
    s = (model.epsilon * (x[:, None] - model.centers)).square().sum(-1)
    offset = model.offset(x, Operator.identity())
    assert_close((-s).exp() @ model.weight + offset, model(x), 1e-11)


# -- what is refused ---------------------------------------------------------------------------------------------------

TOO_ROUGH: dict[str, Callable[[Any], Wrapper]] = {
    "ansatz": lambda n: Ansatz(n, lambda x: x[:, 0]),
    "normalized": Normalized,
    "map": lambda n: CoordinateMap(n, torch.tanh),
    "ansatz(map)": lambda n: Ansatz(CoordinateMap(n, torch.tanh), lambda x: x[:, 0]),
}


@pytest.mark.parametrize("name", TOO_ROUGH)
def test_an_operator_the_kernel_is_not_smooth_enough_for_is_refused_in_the_users_terms(name: str) -> None:
    model = TOO_ROUGH[name](RBFNetwork(2, 1, 6, Matern(1.5)))
    x = torch.rand(3, 2)
    op = 2.0 * Operator.d(0, 1, 1)
    for call in (model.apply_operator, model.features, model.offset):
        with pytest.raises(InputError, match=r"The operator 2\*u_011 has order 3, but Matern"):
            call(x, op)
    assert model.apply_operator(x, Operator.laplacian(0, 1)).shape == (3, 1)


@pytest.mark.parametrize("name", ["ansatz", "map", "sphere", "periodic", "affine", "normalized"])
def test_points_and_operators_that_do_not_fit_are_refused(name: str) -> None:
    model, _, x = make(name)
    for wrong in (torch.rand(3, 4, dtype=F64), torch.rand(3, 1, dtype=F64)):
        with pytest.raises(InputError, match=r"The points must have shape \(B, 2\), but got \(3, "):
            model(wrong)
    with pytest.raises(InputError, match="needs coordinates from 0 to 1, but names 2"):
        model.apply_operator(x, Operator.d(2))
    with pytest.raises(InputError, match=r"must have shape \(5,\), but got \(4,\)"):
        model.features(x, torch.ones(4, dtype=F64) * Operator.identity())


@pytest.mark.parametrize("given", [torch.nn.Linear(2, 1), lambda x: x, None])
def test_what_is_no_network_is_refused(given: Any) -> None:
    for make_one in TOO_ROUGH.values():
        with pytest.raises(InputError, match="takes as its first argument an RBFNetwork or a wrapper of one, but got"):
            make_one(given)
