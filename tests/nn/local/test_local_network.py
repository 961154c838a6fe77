"""LocalNetwork against the blend written out, SciPy, autograd, polynomials and PDEs with known solutions."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from scipy.interpolate import RBFInterpolator
from scipy.sparse import vstack
from scipy.sparse.linalg import lsqr, spsolve
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck
from torch.func import functional_call, grad, jacfwd, jacrev, vmap

from rbfnet import InputError, Operator
from rbfnet.nn import Affine, LocalNetwork
from rbfnet.nn.local._patches import Patches
from rbfnet.operators import laplacian
from rbfnet.sampling import halton

F64 = torch.float64
LAPLACIAN = Operator.laplacian(0, 1)


def nodes(count: int, dims: int = 2, seed: int = 0) -> Tensor:
    return torch.rand((count, dims), dtype=F64, generator=torch.Generator().manual_seed(seed))


def smooth(x: Tensor) -> Tensor:
    return torch.stack([torch.sin(2 * x).sum(dim=1), torch.exp(x[:, 0] - x[:, 1] ** 2)], dim=1)


def network(count: int = 60, neighbors: int = 15) -> LocalNetwork:
    net = LocalNetwork(2, 2, nodes(count), "quintic", degree=2, neighbors=neighbors, dtype=F64)
    net.set_coefficients(smooth(net.nodes) + 0.1 * nodes(count, 2, 1))
    return net


def written_out(net: LocalNetwork, x: Tensor) -> Tensor:
    """The blend at one point (D,), by its definition: r^5, quadratics, and Wendland's C4 function."""
    patches = Patches(net.nodes.numpy(), net.neighbors)
    values, top, bottom = net.values.detach(), torch.zeros(2, dtype=F64), torch.zeros((), dtype=F64)

    def monomials(y: Tensor) -> Tensor:
        return torch.stack(
            [torch.ones_like(y[..., 0]), y[..., 0], y[..., 1], y[..., 0] ** 2, y[..., 0] * y[..., 1], y[..., 1] ** 2], -1
        )

    for center, stencil, radius in zip(patches.centers, patches.stencils, patches.radius, strict=True):
        r = (x - net.nodes[center]).norm() / radius
        if r >= 1:
            continue
        own = net.nodes[stencil]
        phi = torch.cdist(own, own, compute_mode="donot_use_mm_for_euclid_dist") ** 5
        p = monomials(own)
        matrix = torch.cat([torch.cat([phi, p], 1), torch.cat([p.T, torch.zeros((6, 6), dtype=F64)], 1)])
        coefficients = torch.linalg.solve(matrix, torch.cat([values[stencil], torch.zeros((6, 2), dtype=F64)]))
        psi = (1 - r) ** 6 * (35 * r**2 + 18 * r + 3)
        top = top + psi * (torch.cat([(x - own).norm(dim=1) ** 5, monomials(x)]) @ coefficients)
        bottom = bottom + psi
    return top / bottom


def test_values_and_derivatives_are_those_of_the_blend_written_out() -> None:
    net, x = network(), 0.1 + 0.8 * nodes(4, seed=5)
    v, c = nodes(4, seed=6), nodes(4, 1, 7)[:, 0]
    ops = [Operator.identity(), Operator.d(1), LAPLACIAN, c * Operator.directional(v, 2) + 3.0 * Operator.d(0)]
    found = net.apply_operators(x, ops).detach()
    for n, at in enumerate(x):
        at = at.clone().requires_grad_()
        for o, value in enumerate(written_out(net, at)):
            (slope,) = torch.autograd.grad(value, at, create_graph=True)
            second = torch.stack([torch.autograd.grad(s, at, retain_graph=True)[0] for s in slope])
            wanted = [value, slope[1], second.trace(), c[n] * v[n] @ second @ v[n] + 3.0 * slope[0]]
            assert torch.allclose(found[n, o], torch.stack(wanted).detach(), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("kernel", "degree"), [("cubic", 1), ("thin_plate_spline", 2), ("quintic", 2), ("gaussian", 0)])
def test_a_single_patch_is_scipys_interpolant(kernel: str, degree: int) -> None:
    at, x = nodes(30), 1.4 * nodes(50, seed=1) - 0.2
    net = LocalNetwork(2, 2, at, kernel, degree=degree, neighbors=30, epsilon=0.4, dtype=F64)
    net.set_coefficients(smooth(at))
    distances = torch.cdist(at, at).fill_diagonal_(torch.inf).amin(dim=1)
    scipy = RBFInterpolator(at, smooth(at), kernel=kernel, degree=degree, epsilon=0.4 / np.median(distances))
    assert torch.allclose(net(x).detach(), torch.from_numpy(scipy(x)), atol=1e-8)


@pytest.mark.parametrize(("dims", "degree"), [(1, 5), (2, 4), (3, 3)])
def test_polynomials_are_reproduced(dims: int, degree: int) -> None:
    at, x = 100.0 + nodes(150, dims), 100.0 + nodes(40, dims, 1)
    net = LocalNetwork(dims, 1, at, dtype=F64)
    assert net.degree == degree and net.neighbors == 2 * math.comb(dims + degree, degree)
    net.set_coefficients(((at - 100.0).sum(dim=1, keepdim=True) - 0.3) ** degree)
    base = (x - 100.0).sum(dim=1, keepdim=True) - 0.3
    assert torch.allclose(net(x), base**degree, rtol=0, atol=1e-10)
    wanted = dims * degree * (degree - 1) * base ** (degree - 2)
    assert torch.allclose(laplacian(net, x), wanted, rtol=0, atol=1e-5)


@pytest.mark.parametrize("blend", [True, False])
def test_derivatives_converge_with_the_order_of_the_polynomials(blend: bool) -> None:
    x = 0.05 + 0.9 * nodes(400, seed=1)
    for op, wanted, k in [
        (Operator.identity(), torch.sin(3 * x[:, 0]) * torch.cos(2 * x[:, 1]), 0),
        (LAPLACIAN, -13 * torch.sin(3 * x[:, 0]) * torch.cos(2 * x[:, 1]), 2),
    ]:
        errors = []
        for count in (600, 5400):
            at = halton(torch.tensor([[0.0, 0.0], [1.0, 1.0]], dtype=F64), count)
            net = LocalNetwork(2, 1, at, degree=3, dtype=F64)
            rows = net.sparse_features(x, op, blend=blend)
            values = torch.sin(3 * at[:, 0]) * torch.cos(2 * at[:, 1])
            errors.append(np.sqrt(np.mean((rows @ values.numpy() - wanted.numpy()) ** 2)))
        assert math.log(errors[0] / errors[1], 3) > 4 - k - 0.5


def test_the_nodal_values_are_taken_and_the_rows_are_sparse() -> None:
    net = network(200, 15)
    assert torch.allclose(net(net.nodes), net.values, rtol=0, atol=1e-10)
    x, op = nodes(50, seed=2), LAPLACIAN + Operator.d(0)
    rows = net.sparse_features(x, op)
    assert np.allclose(rows @ net.values.detach().numpy(), net.apply_operator(x, op).detach(), atol=1e-6)
    assert np.allclose(rows.toarray(), net.features(x, op), atol=1e-9) and rows.nnz < 50 * 45
    moved = x.clone().requires_grad_()
    assert torch.allclose(net.features(moved, op), net.features(x, op), atol=1e-6)
    assert (np.diff(net.sparse_features(x, op, blend=False).indptr) == 15).all()
    assert net.sparse_features(x, Operator.of([])).nnz == 0 and not net.apply_operator(x, Operator.of([])).any()


def test_few_points_and_many_get_the_same_results() -> None:
    """Interpolants of few patches are computed as they are needed, those of many once."""
    net, x = network(300), nodes(500, seed=3)
    one = net(x[:1])
    assert torch.equal(one, net(x)[:1]) or torch.allclose(one, net(x)[:1], atol=1e-12)
    net.set_coefficients(2.0 * net.values)
    assert torch.allclose(net(x)[:1], 2.0 * one, atol=1e-12)
    assert net(x[:0]).shape == (0, 2) and net.sparse_features(x[:0], LAPLACIAN).shape == (0, 300)


def test_leave_one_out_errors_are_those_of_scipy_without_each_point() -> None:
    at = nodes(25)
    net = LocalNetwork(2, 2, at, degree=1, neighbors=25, dtype=F64)
    found = net.left_out(smooth(at))
    known = (~torch.isnan(found[:, 0])).nonzero()[:, 0].tolist()
    assert len(known) == 24  # the last node of the patch is on its edge
    for j in known:
        rest = torch.arange(25) != j
        without = RBFInterpolator(at[rest], smooth(at)[rest], kernel="cubic", degree=1)(at[j : j + 1])[0]
        assert np.allclose(found[j].numpy(), smooth(at)[j].numpy() - without, atol=1e-9)
    net = LocalNetwork(2, 1, nodes(3), degree=1, dtype=F64)
    assert net.left_out(smooth(nodes(3))[:, :1]).isnan().all()


def test_units_pass_through() -> None:
    """In units of its own the same values are found where nodes and points are scaled alike."""
    net, x = network(), nodes(10, seed=3)
    shift, scale, zero, two = (torch.tensor(v, dtype=F64) for v in ([3.0, -1.0], [10.0, 10.0], [1.0, 1.0], [2.0, 2.0]))
    affine = Affine(net, shift, scale, zero, two)
    at = shift + scale * x
    assert torch.allclose(affine(at), 2 * net(x) + 1) and torch.allclose(affine.centers, shift + scale * net.nodes)
    assert torch.allclose(laplacian(affine, at), 2 * laplacian(net, x) / 100, atol=1e-8)
    affine.set_coefficients(torch.ones(60, 2, dtype=F64))
    assert torch.allclose(net.values, torch.full((60, 2), 0.5, dtype=F64)) and affine.num_centers == 60


def test_gradients_and_transforms() -> None:
    net, x = network(16, 8), nodes(3, seed=4).requires_grad_()
    values = net.values.detach().clone().requires_grad_()

    def u(values: Tensor, x: Tensor) -> Tensor:
        return functional_call(net, {"values": values}, (x,))

    assert gradcheck(u, (values, x), fast_mode=True) and gradgradcheck(u, (values, x), fast_mode=True)
    assert gradcheck(lambda x: net.apply_operator(x, LAPLACIAN) / 100, (x,), fast_mode=True)
    at = x.detach()
    slopes = net.apply_operators(at, [Operator.d(0), Operator.d(1)]).detach()
    assert torch.allclose(vmap(grad(lambda p: net(p[None])[0, 0]))(at), slopes[:, 0])
    for jacobian in (jacrev, jacfwd):
        full = jacobian(net)(at)
        assert torch.allclose(torch.stack([full[i, :, i] for i in range(3)]), slopes)
        by_values = jacobian(u)(values.detach(), at)
        assert torch.allclose(by_values[:, 0, :, 0], net.features(at, Operator.identity()))
    mixed = jacrev(lambda values: jacfwd(lambda p: u(values, p[None])[0, 0])(at[1]))(values.detach())
    assert torch.allclose(mixed[0, :, 0], net.features(at, Operator.d(0))[1], atol=1e-7)
    many = vmap(u, (0, 0))(torch.stack([values, 2 * values]), torch.stack([at, at]))
    assert torch.allclose(many[1], 2 * many[0])


def test_degenerate_nodes_have_their_interpolants() -> None:
    t = torch.linspace(0, 6, 60, dtype=F64)
    sets = {
        "line": torch.stack([t, 2 * t], dim=1),
        "circle": torch.stack([t.cos(), t.sin()], dim=1),
        "lattice": torch.cartesian_prod(*[torch.arange(8.0, dtype=F64)] * 2),
        "cluster": torch.cat([1e-3 * nodes(60), 1 + nodes(60)]),
    }
    for name, at in sets.items():
        for kernel in ("cubic", "gaussian"):
            net = LocalNetwork(2, 1, at, kernel, dtype=F64)
            net.set_coefficients(at.sin().sum(dim=1, keepdim=True))
            assert torch.allclose(net(at), net.values, rtol=0, atol=1e-8), (name, kernel)
    net = LocalNetwork(2, 1, sets["line"], dtype=F64)
    net.set_coefficients(sets["line"][:, :1].sin())
    x = torch.tensor([[1.23, 2.46], [4.5, 9.0]], dtype=F64)
    assert torch.allclose(net(x), x[:, :1].sin(), atol=1e-6)


def test_points_outside_of_all_patches_take_the_nearest() -> None:
    at = nodes(200)
    net = LocalNetwork(2, 1, at, degree=1, neighbors=10, dtype=F64)
    net.set_coefficients(at @ torch.tensor([[2.0], [-1.0]], dtype=F64) + 3.0)
    x = torch.tensor([[5.0, 5.0], [-3.0, 0.5], [torch.nan, 0.0]], dtype=F64)
    assert torch.allclose(net(x)[:2, 0], torch.tensor([8.0, -3.5], dtype=F64), atol=1e-8)
    assert net(x)[2].isnan().all() and not net(x)[:2].isnan().any()


def test_a_state_brings_its_nodes_and_a_network_keeps_its_dtype() -> None:
    net, x = network(), nodes(20, seed=8)
    other = LocalNetwork(2, 2, nodes(60, seed=9), "quintic", degree=2, neighbors=15, dtype=F64)
    other(x)
    other.load_state_dict(net.state_dict())
    assert torch.equal(other(x), net(x)) and torch.equal(copy.deepcopy(net)(x), net(x))
    single = copy.deepcopy(net).float()
    assert single(x.float()).dtype == torch.float32
    assert torch.allclose(single(x.float()).double(), net(x), atol=1e-3)


@pytest.mark.parametrize("blend", [True, False])
def test_poisson_by_sparse_rows(blend: bool) -> None:
    """-Lap u = f on the unit square: square with one row per node, and overdetermined."""
    side = torch.linspace(0, 1, 21, dtype=F64)
    at = torch.cartesian_prod(side, side)
    edge = ((at == 0) | (at == 1)).any(dim=1)
    net = LocalNetwork(2, 1, at, dtype=F64)

    def exact(x: Tensor) -> Tensor:
        return torch.sin(2 * x[:, 0]) * torch.exp(x[:, 1])

    inner = at[~edge] if not blend else torch.cat([at[~edge], 0.02 + 0.96 * nodes(400)])
    rows = vstack(
        [net.sparse_features(inner, LAPLACIAN, blend), 100.0 * net.sparse_features(at[edge], Operator.identity())]
    ).tocsr()
    right = np.concatenate([-3 * exact(inner).numpy(), 100.0 * exact(at[edge]).numpy()])
    solved = lsqr(rows, right, atol=1e-12, btol=1e-12, iter_lim=1500)[0] if blend else spsolve(rows, right)
    assert np.abs(solved - exact(at).numpy()).max() < 1e-4


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"nodes": torch.zeros(5)}, r"must be a tensor \(N, 2\), but got \(5,\)"),
        ({"nodes": torch.full((9, 2), torch.nan)}, "must be finite"),
        ({"nodes": torch.rand(8, 2)[[0, 1, 2, 3, 4, 5, 6, 7, 3]]}, "only 8 of 9 are"),
        ({"nodes": torch.rand(2, 2)}, "have 3 terms, more than the 2 nodes; use at least 3 nodes"),
        ({"degree": 0}, "needs polynomials of degree 1 at least"),
        ({"degree": 7}, "have 36 terms, more than the 30 nodes"),
        ({"neighbors": 4}, "neighbors must be at least 15"),
        ({"epsilon": -1.0}, "epsilon must be positive"),
    ],
)
def test_wrong_input(change: dict[str, object], sentence: str) -> None:
    given = {"nodes": nodes(30), **change}
    with pytest.raises(InputError, match=sentence):
        LocalNetwork(2, 1, **given)  # type: ignore[arg-type]


def test_operators_beyond_the_smoothness_are_refused() -> None:
    net = LocalNetwork(2, 1, nodes(30), dtype=F64)
    with pytest.raises(InputError, match="has only 2 continuous derivatives"):
        net.apply_operator(nodes(3), Operator.d(0, 0, 0))
    with pytest.raises(InputError, match="convert one"):
        net(nodes(3).float())


@pytest.mark.slow
def test_a_hundred_thousand_points_are_fitted_better_than_by_scipys_neighbours() -> None:
    at, x = nodes(100_000), 0.02 + 0.96 * nodes(2_000, seed=1)
    net = LocalNetwork(2, 2, at, neighbors=50, dtype=F64)
    net.set_coefficients(smooth(5 * at))
    scipy = RBFInterpolator(at, smooth(5 * at), neighbors=50, kernel="cubic", degree=1)
    ours = float((net(x).detach() - smooth(5 * x)).square().mean().sqrt())
    theirs = float(np.sqrt(np.mean((scipy(x) - smooth(5 * x).numpy()) ** 2)))
    assert ours < 0.1 * theirs
