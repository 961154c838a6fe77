"""Neighbour lists give what all pairs give, for all that can be asked of a network, and never miss a pair."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.func import functional_call, grad, hessian, jacfwd, jacrev, jvp, vmap

from rbfnet import Operator
from rbfnet.kernels import Kernel, Product, Wendland
from rbfnet.nn import METRICS, RBFLayer, RBFNetwork, _sums
from rbfnet.nn._metric import Full
from rbfnet.nn.blocks._blockwise import PAIRS
from rbfnet.nn.blocks._neighbours import Neighbours
from rbfnet.nn.blocks._pairs import ListedPairs

F64 = torch.float64
B, M = 150, 40
ALWAYS, NEVER = 2.0, -1.0

KERNELS: dict[str, Kernel] = {
    "wendland": Wendland(4),
    "wendland C6": Wendland(6),
    "product": Product([Wendland(6), "gaussian"]),
    "sum": Wendland(6) + Wendland(4),
}
SHAPES = [(metric, per_center) for metric in METRICS for per_center in (False, True)]


def network(
    kernel: Kernel, metric: str = "isotropic", per_center: bool = False, dims: int = 2, dtype: torch.dtype = F64
) -> RBFNetwork:
    torch.manual_seed(3)
    generator = torch.Generator().manual_seed(3)
    shape = [M] * per_center + ([dims] if metric != "isotropic" else [])
    epsilon = 3.0 + 2.0 * torch.rand(shape, generator=generator, dtype=dtype)
    made = RBFNetwork(dims, 2, M, kernel, "random", epsilon, metric=metric, per_center=per_center, dtype=dtype)
    made.set_coefficients(torch.randn(made.coefficients.shape, generator=generator, dtype=dtype))
    if isinstance(made.metric, Full):
        with torch.no_grad():
            made.metric.raw[..., dims:] = torch.randn(made.metric.raw[..., dims:].shape, generator=generator, dtype=dtype)
    return made


def points(made: RBFNetwork) -> Tensor:
    """Some on centres, one of them twice, and one far from all."""
    generator = torch.Generator().manual_seed(1)
    free = torch.rand(B - 7, made.in_features, generator=generator, dtype=made.centers.dtype)
    centers = made.centers.detach()
    return torch.cat([centers[:5], centers[:1], 0.0 * centers[:1] + 9.0, free])


def operators(made: RBFNetwork, order: int) -> list[Operator]:
    """Every kind of at most this order, with coefficients and directions that go with the points."""
    generator = torch.Generator().manual_seed(2)
    c = torch.rand(B, generator=generator, dtype=made.centers.dtype)
    v = torch.rand(B, made.in_features, generator=generator, dtype=made.centers.dtype)
    every = range(made.in_features)
    listed = [
        Operator.identity(),
        Operator.d(0),
        Operator.laplacian(*every),
        c * Operator.d(0, 1) - Operator.directional(v, 2),
        Operator.of([((0, i, i), 1.0) for i in every]),
        Operator.biharmonic(*every),
        Operator.d(v, 0, 0, 1),
    ]
    return [op for op in listed if op.order <= order]


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of pairs of each list that was made."""
    made: list[int] = []
    listed = Neighbours.pairs

    def pairs(self: Neighbours, x: Tensor) -> ListedPairs:
        found = listed(self, x)
        made.append(len(found.rows))
        return found

    monkeypatch.setattr(Neighbours, "pairs", pairs)
    return made


Both = Callable[..., None]


@pytest.fixture
def both(monkeypatch: pytest.MonkeyPatch, used: list[int]) -> Both:
    """Compare what comes of lists, in blocks of several sizes, with what comes of all pairs."""

    def compare(evaluate: Callable[[], Any], tolerance: float = 1e-12, lists: bool = True) -> None:
        monkeypatch.setattr(_sums, "FILL", NEVER)
        wanted = evaluate()
        assert not used
        monkeypatch.setattr(_sums, "FILL", ALWAYS)
        for pairs in (M, 600, 5000):
            monkeypatch.setattr(_sums, "PAIRS", pairs)
            torch.testing.assert_close(evaluate(), wanted, rtol=tolerance, atol=tolerance * _largest(wanted))
            assert bool(used) == lists
            used.clear()

    return compare


def _largest(found: Any) -> float:
    return float(found.abs().max()) if isinstance(found, Tensor) else max(_largest(part) for part in found if _full(part))


def _full(part: Any) -> bool:
    return not isinstance(part, Tensor) or part.numel() > 0


# -- the same as all pairs ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("metric", "per_center"), SHAPES)
@pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)
def test_values_of_every_operator_the_kernel_allows(kernel: Kernel, metric: str, per_center: bool, both: Both) -> None:
    made = network(kernel, metric, per_center)
    ops = operators(made, int(kernel.smoothness))
    assert max(op.order for op in ops) == 4
    both(lambda: made.apply_operators(points(made), ops).detach())


@pytest.mark.parametrize(("metric", "per_center"), SHAPES)
@pytest.mark.parametrize("dims", [2, 3])
def test_gradients_in_points_and_all_parameters(dims: int, metric: str, per_center: bool, both: Both) -> None:
    made = network(Wendland(6), metric, per_center, dims)
    x = points(made).requires_grad_()

    def gradients() -> tuple[Tensor, ...]:
        return torch.autograd.grad(made.apply_operators(x, operators(made, 3)).square().sum(), [x, *made.parameters()])

    both(gradients)


@pytest.mark.parametrize(("metric", "per_center"), SHAPES)
def test_gradients_of_gradients(metric: str, per_center: bool, both: Both) -> None:
    made = network(Wendland(6), metric, per_center)
    x = points(made).requires_grad_()
    leaves = [x, *(p for p in made.parameters() if p.numel())]

    def second() -> tuple[Tensor, ...]:
        loss = made.apply_operators(x, operators(made, 2)).square().sum()
        first = torch.autograd.grad(loss, leaves, create_graph=True)
        return torch.autograd.grad(sum(g.square().sum() for g in first), leaves)  # type: ignore[arg-type]

    both(second)


def test_gradients_in_coefficients_and_directions_of_an_operator(both: Both) -> None:
    made = network(Wendland(4))
    c = torch.rand(B, dtype=F64, requires_grad=True)
    v = torch.rand(B, 2, dtype=F64, requires_grad=True)

    def gradients() -> tuple[Tensor, ...]:
        op = c * Operator.directional(v, 2) + c * Operator.d(0)
        return torch.autograd.grad(made.apply_operator(points(made), op).square().sum(), [c, v])

    both(gradients)


@pytest.mark.parametrize("dtype", [torch.float32, F64], ids=str)
def test_the_dtype_is_kept(dtype: torch.dtype, both: Both) -> None:
    made = network(Wendland(4), "diagonal", dtype=dtype)
    x = points(made)
    assert made.apply_operators(x, operators(made, 2)).dtype == dtype
    both(lambda: made.apply_operators(x, operators(made, 2)).detach(), tolerance=1e-5 if dtype == torch.float32 else 1e-12)


TRANSFORMS: dict[str, Callable[[Callable[[Tensor], Tensor], Tensor], Any]] = {
    "jvp": lambda f, x: jvp(f, (x,), (x.cos(),)),
    "grad": lambda f, x: grad(lambda p: f(p).square().sum())(x),
    "vmap": lambda f, x: vmap(f)(torch.stack([x, x.flip(0)])),
    "jacrev": lambda f, x: jacrev(lambda p: f(p).sum(0))(x),
    "jacfwd": lambda f, x: jacfwd(lambda t: f(x + t))(torch.zeros(2, dtype=F64)),
    "hessian": lambda f, x: hessian(lambda t: f(x + t).square().sum())(torch.zeros(2, dtype=F64)),
}


@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
def test_function_transforms_take_all_pairs(transform: Callable[..., Any], both: Both) -> None:
    made = network(Wendland(4)).requires_grad_(False)
    both(lambda: transform(made, points(made)), lists=False)


def test_function_transforms_in_the_parameters_take_all_pairs(both: Both) -> None:
    made = network(Wendland(4))
    x = points(made)

    def gradients() -> list[Tensor]:
        parameters = {name: p.detach() for name, p in made.named_parameters()}
        return list(grad(lambda given: functional_call(made, given, (x,)).square().sum())(parameters).values())

    both(gradients, lists=False)


# -- edges -------------------------------------------------------------------------------------------------------------


def test_points_without_neighbours_have_zeros_and_pass_on_no_gradient(both: Both, used: list[int]) -> None:
    made = network(Wendland(4), "full", True)
    far = torch.full((B, 2), 50.0, dtype=F64, requires_grad=True)

    def evaluate() -> tuple[Tensor, ...]:
        value = made.apply_operators(far, operators(made, 2))
        return value.detach(), *torch.autograd.grad((value + 1.0).square().sum(), [far, *made.parameters()])

    both(evaluate)
    assert not any(part.any() for part in evaluate())
    assert used and not any(used)


def test_results_repeat_bit_for_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_sums, "FILL", ALWAYS)
    monkeypatch.setattr(_sums, "PAIRS", 600)

    def evaluate() -> list[Tensor]:
        made = network(Wendland(4), "full", True)
        x = points(made).requires_grad_()
        value = made.apply_operators(x, operators(made, 2))
        return [value, *torch.autograd.grad(value.square().sum(), [x, *made.parameters()])]

    for first, again in zip(evaluate(), evaluate(), strict=True):
        assert torch.equal(first, again)


def test_lists_are_for_compact_kernels_with_few_pairs_within_reach(used: list[int]) -> None:
    x = torch.rand(20_000, 2, dtype=F64)
    for kernel, epsilon, lists in (("gaussian", 9.0, False), ("wendland", 9.0, True), ("wendland", 2.0, False)):
        used.clear()
        RBFNetwork(2, 1, 100, kernel, epsilon=epsilon, dtype=F64)(x)
        assert bool(used) == lists


def test_crowded_points_make_small_blocks(used: list[int]) -> None:
    # Half of the points are at all the centres at once, and no centre is near the others.
    made = RBFNetwork(2, 1, None, "wendland", 0.01 * torch.rand(1000, 2, dtype=F64), epsilon=1.0, dtype=F64)
    crowded, alone = 0.01 * torch.rand(500, 2, dtype=F64), 5.0 + torch.rand(20_000, 2, dtype=F64)
    made(torch.cat([crowded, alone]))
    assert sum(used) == 500 * 1000 and max(used) <= 2 * PAIRS


# -- no pair is missed -------------------------------------------------------------------------------------------------

sizes = st.floats(1e-3, 1e3)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10**6),
    st.sampled_from(SHAPES),
    st.integers(1, 3),
    sizes,
    st.floats(-1e3, 1e3),
    st.sampled_from([torch.float32, F64]),
)
def test_every_pair_with_s_below_one_is_listed(
    seed: int, shape: tuple[str, bool], dims: int, size: float, shift: float, dtype: torch.dtype
) -> None:
    metric, per_center = shape
    generator = torch.Generator().manual_seed(seed)

    def rand(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator, dtype=dtype)

    centers = size * rand(30, dims) + shift
    spread = [30] * per_center + ([dims] if metric != "isotropic" else [])
    layer = RBFLayer(
        dims, None, "wendland", centers, (0.5 + 4.0 * rand(*spread)) / size, metric=metric, per_center=per_center, dtype=dtype
    )
    if isinstance(layer.metric, Full):
        with torch.no_grad():
            layer.metric.raw[..., dims:] = (rand(*layer.metric.raw[..., dims:].shape) - 0.5) / size
    # Points all over, on centres, and on the edge of the reach of one, where it is widest.
    matrix = layer.metric.matrix(dims).detach().double().expand(30, dims, dims)
    values, vectors = torch.linalg.eigh(matrix)
    edge = centers.double() + (1.0 - 1e-7) * vectors[:, :, 0] / values[:, :1].sqrt()
    x = torch.cat([size * rand(60, dims) + shift, centers, edge.to(dtype)])
    pairs = Neighbours(layer.centers, layer.metric.reach(dims)).pairs(x)
    listed = torch.zeros(len(x), 30, dtype=torch.bool)
    listed[pairs.rows, pairs.columns] = True
    assert int(listed.sum()) == len(pairs.rows), "a pair is listed twice"
    d = x[:, None] - centers
    within = torch.einsum("bmi,mij,bmj->bm", d.double(), matrix, d.double()) < 1.0
    assert not (within & ~listed).any()
    # And no more than a box around the reach would hold.
    assert metric != "isotropic" or per_center or abs(int(listed.sum()) - int(within.sum())) <= 60
