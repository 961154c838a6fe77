"""All routes to a sum over basis functions agree, and each is taken where it is meant to be."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import functional_call, jacfwd, jacrev, vmap

from rbfnet import Operator
from rbfnet.kernels import GeneralizedMultiquadric
from rbfnet.nn import RBFNetwork
from rbfnet.nn import _sums as routes
from rbfnet.nn.blocks._neighbours import Neighbours

F64 = torch.float64
LAPLACIAN = Operator.laplacian(0, 1)
ROWS, CENTERS = 40, 30


def made(kernel: Any = "wendland", metric: str = "isotropic", per_center: bool = False, epsilon: float = 9.0) -> RBFNetwork:
    torch.manual_seed(0)
    centers = torch.rand(CENTERS, 2, dtype=F64)
    network = RBFNetwork(2, 2, None, kernel, centers, epsilon, degree=-1, metric=metric, per_center=per_center, dtype=F64)
    with torch.no_grad():
        network.metric.raw.add_(0.1 * torch.randn_like(network.metric.raw))
        network.weight.add_(torch.randn_like(network.weight))
    return network


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The routes that are taken, in turn."""
    found: list[str] = []

    def note(name: str, route: str) -> None:
        given = getattr(routes, name)

        def noted(*arguments: Any, **named: Any) -> Any:
            found.append(route)
            return given(*arguments, **named)

        monkeypatch.setattr(routes, name, noted)

    note("CompiledBlock", "compiled")
    note("_radial_sums", "radial")
    # Lists are made to look at the fill, too: that they are used is seen where they are asked for pairs.
    pairs = Neighbours.pairs

    def listed(self: Any, x: Tensor) -> Any:
        found.append("lists")
        return pairs(self, x)

    monkeypatch.setattr(Neighbours, "pairs", listed)
    return found


SPARSE = {"rbfnet.nn._sums.PAIRS": 100, "rbfnet.nn._sums.FILL": 0.5}
"""Under which lists are worth it for few points too."""


def patched(monkeypatch: pytest.MonkeyPatch, values: dict[str, Any]) -> None:
    for name, value in values.items():
        monkeypatch.setattr(name, value)


@pytest.mark.parametrize(
    ("kernel", "metric", "op", "route"),
    [
        ("gaussian", "isotropic", Operator.identity(), ["radial"]),
        ("gaussian", "isotropic", LAPLACIAN - Operator.identity(), ["radial"]),
        ("gaussian", "isotropic", Operator.d(0), []),
        ("gaussian", "diagonal", LAPLACIAN, []),
        ("gaussian", "full", LAPLACIAN, []),
        # Parameters of the kernel get their gradients from autograd.
        (GeneralizedMultiquadric(trainable=True), "isotropic", LAPLACIAN, []),
        ("wendland", "isotropic", LAPLACIAN, ["radial"]),
    ],
    ids=str,
)
def test_few_pairs_are_summed_by_radial_sums_or_all_together(
    kernel: Any, metric: str, op: Operator, route: list[str], taken: list[str]
) -> None:
    made(kernel, metric).apply_operator(torch.rand(ROWS, 2, dtype=F64), op)
    assert taken == route


def test_compact_kernels_are_listed_where_few_pairs_are_within_reach(taken: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    patched(monkeypatch, SPARSE)
    x = torch.rand(ROWS, 2, dtype=F64)
    made().apply_operator(x, LAPLACIAN)
    assert set(taken) == {"lists"}
    taken.clear()
    made(epsilon=1.0).apply_operator(x, LAPLACIAN)
    made("gaussian").apply_operator(x, LAPLACIAN)
    made().apply_operator(x[:3], LAPLACIAN)
    assert taken == ["radial"] * 3
    taken.clear()
    # Under transforms there are no numbers to make lists of.
    network = made()
    vmap(lambda p: network.apply_operator(p, LAPLACIAN))(torch.stack([x, -x]))
    assert "lists" not in taken


def test_transforms_in_what_lists_do_not_depend_on_agree(taken: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    network, x = made(), torch.rand(ROWS, 2, dtype=F64)

    def of_weight(weight: Tensor) -> Tensor:
        return functional_call(network, {"weight": weight}, (x,))

    def of_coefficient(c: Tensor) -> Tensor:
        return network.apply_operator(x, c * LAPLACIAN)

    weight, c = network.weight.detach(), torch.rand(ROWS, dtype=F64)

    def evaluate() -> list[Tensor]:
        return [
            vmap(of_weight)(torch.stack([weight, -weight])),
            jacrev(of_weight)(weight),
            jacfwd(of_weight)(weight),
            vmap(of_coefficient)(torch.stack([c, -c])),
            jacrev(of_coefficient)(c),
        ]

    plain = evaluate()
    patched(monkeypatch, SPARSE)
    for got, wanted in zip(evaluate(), plain, strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-10, atol=1e-9)
    assert "lists" in taken


OPS = [
    Operator.identity(),
    Operator.d(0),
    LAPLACIAN,
    Operator.d(0, 1) - Operator.d(1),
    torch.rand(ROWS, dtype=F64) * LAPLACIAN + Operator.directional(torch.rand(ROWS, 2, dtype=F64)),
]


def gradients(network: RBFNetwork, x: Tensor, ops: list[Operator]) -> list[Tensor]:
    x = x.clone().requires_grad_()
    values = network.apply_operators(x, ops)
    return [values, *torch.autograd.grad(values.square().sum(), [x, *(p for p in network.parameters() if p.numel())])]


@pytest.mark.parametrize("per_center", [False, True], ids=["", "per centre"])
@pytest.mark.parametrize("metric", ["isotropic", "diagonal", "full"])
@pytest.mark.parametrize("ops", [OPS, [LAPLACIAN], [Operator.identity(), LAPLACIAN]], ids=["all", "Laplacian", "radial"])
def test_all_routes_agree(
    metric: str, per_center: bool, ops: list[Operator], taken: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    network, x = made(metric=metric, per_center=per_center), torch.rand(ROWS, 2, dtype=F64)
    together = gradients(network, x, ops)
    with monkeypatch.context() as patch:
        patched(patch, SPARSE)
        taken.clear()
        listed = gradients(network, x, ops)
        assert set(taken) == {"lists"}
    with monkeypatch.context() as patch:
        patched(patch, {"rbfnet.nn._sums._powers": lambda layer, ops: None, "rbfnet.nn._layer.PAIRS": 3 * CENTERS})
        blocked = gradients(network, x, ops)
    features = torch.stack([network.features(x, op) @ network.weight for op in ops], dim=-1)
    torch.testing.assert_close(together[0], features, rtol=1e-10, atol=1e-9)
    for one, two, three in zip(together, listed, blocked, strict=True):
        scale = float(one.detach().abs().max())
        torch.testing.assert_close(one, two, rtol=1e-10, atol=1e-12 * scale)
        torch.testing.assert_close(one, three, rtol=1e-10, atol=1e-12 * scale)


def test_no_operators_and_no_points_give_arrays_of_their_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    patched(monkeypatch, SPARSE)
    for network in (made(), made("gaussian"), made("gaussian", "full")):
        assert network.apply_operators(torch.rand(ROWS, 2, dtype=F64), []).shape == (ROWS, 2, 0)
        assert network.apply_operators(torch.rand(0, 2, dtype=F64), OPS[:4]).shape == (0, 2, 4)


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda n: pickle.loads(pickle.dumps(n))], ids=["copied", "pickled"])
def test_a_network_can_be_copied_and_sent_elsewhere(clone: Callable[[RBFNetwork], RBFNetwork]) -> None:
    network, x = made("gaussian", "full", per_center=True), torch.rand(ROWS, 2, dtype=F64)
    other = clone(network)
    assert torch.equal(other.apply_operator(x, LAPLACIAN), network.apply_operator(x, LAPLACIAN))
