"""Every operator of every order, for every metric, against brute force: 50-digit differences, and nested autograd."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mpmath
import pytest
import torch
from torch import Tensor, nn
from torch.autograd import gradcheck, gradgradcheck
from torch.func import functional_call

from rbfnet import Operator
from rbfnet.kernels import Gaussian, Kernel, Matern
from rbfnet.nn import RBFNetwork
from rbfnet.nn.blocks._columns import _matchings

F64 = torch.float64
CENTERS = 3
METRICS = [(metric, per_center) for metric in ("isotropic", "diagonal", "full") for per_center in (False, True)]

each_metric = pytest.mark.parametrize(("metric", "per_center"), METRICS, ids=lambda v: v if isinstance(v, str) else str(v))


def made(metric: str, per_center: bool, kernel: Kernel | None = None, degree: int = -1, seed: int = 0) -> RBFNetwork:
    """A network of two outputs in three dimensions whose metric, centres and weights have nothing special about them."""
    torch.manual_seed(seed)
    centers = torch.rand(CENTERS + (degree >= 0) * 2, 3, dtype=F64)
    network = RBFNetwork(
        3, 2, None, kernel or Gaussian(), centers, 1.1, degree=degree, metric=metric, per_center=per_center, dtype=F64
    )
    with torch.no_grad():
        network.metric.raw.add_(0.4 * torch.randn_like(network.metric.raw))
        network.set_coefficients(torch.randn(network.coefficients.shape, dtype=F64))
    return network


def factor(metric: str, raw: Tensor) -> Tensor:
    """L (M, 3, 3) with A = L L^T, from what ``raw`` is said to be."""
    full = metric == "full"
    per_center = raw.ndim == (1 if metric == "isotropic" else 2)
    rows = raw.reshape(CENTERS if per_center else 1, -1).expand(CENTERS, -1)
    zero = torch.zeros_like(rows[:, 0])
    diagonal = rows[:, :1].exp().expand(CENTERS, 3) if metric == "isotropic" else rows[:, :3].exp()
    below = {(1, 0): 3, (2, 0): 4, (2, 1): 5}
    entries = [
        [diagonal[:, i] if i == j else rows[:, below[i, j]] if full and j < i else zero for j in range(3)] for i in range(3)
    ]
    return torch.stack([torch.stack(row, dim=-1) for row in entries], dim=-2)


def plain_matern(s: Tensor) -> Tensor:
    z = (7.0 * s).sqrt()
    return (1 + z + 2 * z**2 / 5 + z**3 / 15) * (-z).exp()


def exact_matern(s: Any) -> Any:
    z = mpmath.sqrt(7 * s)
    return (1 + z + 2 * z**2 / 5 + z**3 / 15) * mpmath.exp(-z)


KERNELS: dict[str, tuple[Kernel, Callable[[Tensor], Tensor], Callable[[Any], Any]]] = {
    "gaussian": (Gaussian(), lambda s: (-s).exp(), lambda s: mpmath.exp(-s)),
    "matern": (Matern(3.5), plain_matern, exact_matern),
}


def operators(x: Tensor) -> dict[str, Operator]:
    """Every kind there is; directions and coefficients with a row a point among them."""
    generator = torch.Generator().manual_seed(1)
    v, w = (torch.randn(len(x), 3, dtype=F64, generator=generator) for _ in range(2))
    c, e = (torch.randn(len(x), dtype=F64, generator=generator) for _ in range(2))
    d, laplacian, biharmonic = Operator.d, Operator.laplacian, Operator.biharmonic
    return {
        "value": Operator.identity(),
        "gradient": d(1),
        "Hessian, diagonal": d(2, 2),
        "Hessian, mixed": d(0, 2),
        "Laplacian": laplacian(0, 1, 2),
        "Laplacian over a subset": laplacian(0, 2),
        "biharmonic": biharmonic(0, 1, 2),
        "biharmonic over a subset": biharmonic(1, 2),
        "gradient of the Laplacian": d(1) @ laplacian(0, 1, 2),
        "gradient of the Laplacian over a subset, inside": d(2) @ laplacian(1, 2),
        "gradient of the Laplacian over a subset, outside": d(0) @ laplacian(1, 2),
        "KdV": d(0, 0, 0) + 6.0 * d(0) + d(2),
        "beam": d(1, 1, 1, 1) + d(2, 2),
        "third, mixed": d(0, 1, 2) + 0.5 * d(0, 0, 2),
        "fourth, mixed": d(0, 0, 1, 2),
        "fourth, in pairs": d(0, 0, 1, 1),
        "fifth, mixed": d(0, 0, 1, 1, 2),
        "sixth": d(1, 1, 1, 1, 1, 1),
        "sixth, mixed": d(0, 0, 1, 1, 2, 2),
        "directional": Operator.directional(v),
        "directional, second": Operator.directional(v, 2),
        "directional, third": Operator.directional(v, 3),
        "two directions": d(v, w),
        "two directions and an axis": d(v, w, 1),
        "a direction twice and an axis": d(v, v, 0) - d(0, v),
        "variable coefficients": c * d(0, 0) + e * d(1, 1) - 2.0 * d(0, 1) + e * d(0),
        "one coefficient of several terms": c * laplacian(0, 1) + c * d(2) + c * Operator.identity() - d(2, 2),
        "a coefficient of all": c * biharmonic(0, 1, 2) + e * laplacian(0, 1, 2),
    }


# -- 50 digits ---------------------------------------------------------------------------------------------------------


def fifty_digits(network: RBFNetwork, metric: str, phi: Callable[[Any], Any], x: Tensor, op: Operator) -> Tensor:
    """The operator by differences of phi(|L^T (x - c)|^2) along its directions, with 50 digits; (B, O)."""

    def numbers(tensor: Tensor) -> Any:
        return [numbers(t) for t in tensor] if tensor.ndim else mpmath.mpf(tensor.item())

    lower = numbers(factor(metric, network.metric.raw.detach()))
    centers, weight = numbers(network.centers.detach()), numbers(network.weight.detach())

    def basis(point: list[Any], j: int) -> Any:
        d = [a - b for a, b in zip(point, centers[j], strict=True)]
        return phi(sum(sum(lower[j][i][k] * d[i] for i in range(3)) ** 2 for k in range(3)))

    def derivative(b: int, j: int, directions: tuple[Any, ...]) -> Any:
        start = numbers(x[b])
        along: list[list[Any]] = []
        times: list[int] = []
        for v in directions:
            vector = numbers(v[b]) if isinstance(v, Tensor) else [mpmath.mpf(i == v) for i in range(3)]
            if vector in along:
                times[along.index(vector)] += 1
            else:
                along.append(vector)
                times.append(1)

        def moved(*steps: Any) -> Any:
            return basis([start[i] + sum(t * v[i] for t, v in zip(steps, along, strict=True)) for i in range(3)], j)

        return mpmath.diff(moved, (0,) * len(along), tuple(times)) if along else moved()

    with mpmath.workdps(50):
        rows = []
        for b in range(len(x)):
            total = [mpmath.mpf(0)] * network.out_features
            for j in range(CENTERS):
                found = sum(
                    (numbers(c[b]) if isinstance(c, Tensor) else mpmath.mpf(c)) * derivative(b, j, directions)
                    for directions, c in op.terms
                )
                total = [t + found * w for t, w in zip(total, weight[j], strict=True)]
            rows.append([float(t) for t in total])
    return torch.tensor(rows, dtype=F64)


@pytest.mark.parametrize("kernel", KERNELS)
@each_metric
def test_operators_agree_with_fifty_digits_on_centres_and_off(metric: str, per_center: bool, kernel: str) -> None:
    shipped, _, phi = KERNELS[kernel]
    network = made(metric, per_center, shipped)
    x = torch.cat([network.centers.detach()[:1], network.centers.detach()[1:2] + 0.3])
    for name, op in operators(x).items():
        got, wanted = network.apply_operator(x, op).detach(), fifty_digits(network, metric, phi, x, op)
        torch.testing.assert_close(got, wanted, rtol=1e-11, atol=1e-12 * float(wanted.abs().max()), msg=lambda m: f"{name}: {m}")  # noqa: B023


# -- nested autograd ---------------------------------------------------------------------------------------------------


def nested(u: Callable[[Tensor], Tensor], x: Tensor, op: Operator) -> Tensor:
    """The operator by nested ``torch.autograd.grad`` of a plain function; (B, O)."""

    def derivative(value: Tensor, directions: tuple[Any, ...]) -> Tensor:
        for v in directions:
            (slope,) = torch.autograd.grad(value.sum(), x, create_graph=True)
            value = (slope * v).sum(dim=1) if isinstance(v, Tensor) else slope[:, v]
        return value

    columns = [sum(c * derivative(value, directions) for directions, c in op.terms) for value in u(x).unbind(dim=1)]
    return torch.stack(columns, dim=1)  # type: ignore[arg-type]


def plain(network: RBFNetwork, metric: str, phi: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    lower = factor(metric, network.metric.raw)

    def u(x: Tensor) -> Tensor:
        z = torch.einsum("bmi,mik->bmk", x[:, None] - network.centers, lower)
        return phi(z.square().sum(dim=-1)) @ network.weight

    return u


@pytest.mark.parametrize("kernel", KERNELS)
@each_metric
def test_operators_agree_with_nested_autograd(metric: str, per_center: bool, kernel: str) -> None:
    shipped, phi, _ = KERNELS[kernel]
    network = made(metric, per_center, shipped)
    x = torch.rand(5, 3, dtype=F64, requires_grad=True)
    found = operators(x)
    together = network.apply_operators(x, list(found.values())).unbind(-1)
    for (name, op), got in zip(found.items(), together, strict=True):
        wanted = nested(plain(network, metric, phi), x, op)
        torch.testing.assert_close(got, wanted, rtol=1e-9, atol=1e-9, msg=lambda m: f"{name}: {m}")  # noqa: B023
        torch.testing.assert_close(network.features(x, op) @ network.weight, got, rtol=1e-10, atol=1e-10)


@each_metric
def test_gradients_in_everything_agree_with_nested_autograd(metric: str, per_center: bool) -> None:
    network = made(metric, per_center)
    x = torch.rand(4, 3, dtype=F64, requires_grad=True)
    leaves = [x, network.centers, network.metric.raw, network.weight]
    upstream = torch.rand(4, 2, dtype=F64)
    u = plain(network, metric, lambda s: (-s).exp())
    for name, op in operators(x).items():
        if op.order > 4:
            continue
        tensors = [t.requires_grad_() for t in op.tensors]
        got, wanted = (
            torch.autograd.grad(value, leaves + tensors, upstream, retain_graph=True)
            for value in (network.apply_operator(x, op), nested(u, x, op))
        )
        for one, other in zip(got, wanted, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9, msg=lambda m: f"{name}: {m}")  # noqa: B023


class Applied(nn.Module):
    def __init__(self, network: RBFNetwork, ops: list[Operator]) -> None:
        super().__init__()
        self.network, self.ops = network, ops

    def forward(self, x: Tensor) -> Tensor:
        return self.network.apply_operators(x, self.ops)


@each_metric
def test_gradients_agree_with_differences_on_centres_and_with_a_tail(metric: str, per_center: bool) -> None:
    network = made(metric, per_center, degree=1)
    x = torch.cat([network.centers.detach()[:1], torch.rand(1, 3, dtype=F64)])
    known = operators(x)
    first = ["value", "gradient", "Laplacian over a subset", "KdV", "biharmonic", "variable coefficients", "two directions"]
    given = [x, *(p.detach() for p in network.parameters())]
    for check, names in ((gradcheck, first), (gradgradcheck, ["value", "Laplacian"])):
        applied = Applied(network, [known[name] for name in names])

        def f(x: Tensor, *parameters: Tensor, applied: nn.Module = applied) -> Tensor:
            return functional_call(applied, dict(zip(dict(applied.named_parameters()), parameters, strict=True)), (x,))

        if check is gradcheck or (metric == "full" and per_center):
            assert check(f, [t.clone().requires_grad_() for t in given], atol=1e-4)


# -- the formula -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", range(7))
def test_matchings_are_counted_as_hermite_polynomials_count_them(n: int) -> None:
    # Of n alike there are n! / (m! (n - 2m)! 2^m) with m pairs.
    counts = {len(pairs): count for count, pairs, singles in _matchings((0,) * n)}
    assert counts == {m: math.factorial(n) // (math.factorial(m) * math.factorial(n - 2 * m) * 2**m) for m in range(n // 2 + 1)}
    # Of n different ones all are listed, once each.
    different = _matchings(tuple(range(n)))
    assert {count for count, _, _ in different} == {1} and len(different) == sum(counts.values())
    assert all(sorted([*sum(pairs, ()), *singles]) == list(range(n)) for _, pairs, singles in different)


@each_metric
def test_no_terms_are_zero_and_constants_reach_all_pairs(metric: str, per_center: bool) -> None:
    network, x = made(metric, per_center), torch.rand(4, 3, dtype=F64)
    values = network.layer.apply_operators(x, [Operator.of([]), 0.0 * Operator.laplacian(0, 1), Operator.identity()])
    assert values.shape == (4, CENTERS, 3) and not values[..., :2].any() and values[..., 2].all()
    assert not network.apply_operator(x, Operator.of([])).any()
    assert network.apply_operators(x, []).shape == (4, 2, 0)
