"""Collocation at nodes against closed forms, and its sparse solver against dense algebra."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from scipy import sparse
from torch import Tensor

import rbfnet
from rbfnet import InputError
from rbfnet.domains import Ball, Box, Disc, Domain, Interval, Rectangle, place_nodes
from rbfnet.nn import LocalNetwork, RBFNetwork
from rbfnet.problems import Boundary, Condition, Dirichlet, Integral, Interior, Kovasznay, Mean, Neumann, Periodic, Poisson, Robin
from rbfnet.solvers.sparse import _sparse_solve as sparse_solving
from rbfnet.solvers.sparse import collocate

F64 = torch.float64

PLATE = Rectangle(x=(0, 1), y=(0, 1)) - Disc((0.3, 0.3), 0.1) - Disc((0.7, 0.6), 0.15)


class Given(rbfnet.Problem):
    """A problem of given conditions."""

    def __init__(self, domain: Domain, conditions: list[Condition], outputs: tuple[str, ...] = ("u",)) -> None:
        super().__init__()
        self.domain, self.given, self.outputs = domain, conditions, outputs

    def conditions(self) -> Iterator[Condition]:
        yield from self.given


def solved(problem: rbfnet.Problem, count: int, degree: int) -> LocalNetwork:
    nodes = place_nodes(problem.domain, count=count)
    net = LocalNetwork(nodes.x.shape[1], len(problem.outputs), nodes.x, degree=degree, dtype=F64)
    words = collocate(net, problem, nodes)
    assert "Sparse system" in words[0]
    return net


def off(net: LocalNetwork, domain: Domain, *exact: Callable[..., Tensor]) -> float:
    x = domain.interior(500)
    with torch.no_grad():
        return float((net(x) - torch.stack([u(*x.T) for u in exact], dim=1)).abs().max())


def wave(x: Tensor, y: Tensor) -> Tensor:
    return torch.sin(3 * x + 2 * y)


def along(x: Tensor, y: Tensor) -> Tensor:
    return torch.cos(3 * x + 2 * y)


def plate() -> Given:
    """Dirichlet, Neumann and Robin conditions on parts that meet at corners."""
    return Given(
        PLATE,
        [
            Interior(lambda u: u.laplacian() + 13 * wave(u.x, u.y)),
            Dirichlet(wave, on=["x=low", "hole 1"]),
            Robin(lambda x, y: 3 * along(x, y) + wave(x, y), on="x=high"),
            Neumann(lambda x, y: -2 * along(x, y), on="y=low", name="below"),
            Neumann(lambda x, y: 2 * along(x, y), on="y=high", name="above"),
            Boundary(
                lambda u: u.normal_derivative() - u.normal @ u.normal.new_tensor([3.0, 2.0]) * along(u.x, u.y),
                on="hole 2",
                name="hole",
            ),
        ],
    )


def test_the_error_falls_with_the_order_of_the_polynomials() -> None:
    torch.manual_seed(0)
    coarse, fine = (off(solved(plate(), count, degree=5), PLATE, wave) for count in (700, 2800))
    # Of order h^(m - 1) at least, at half the spacing.
    assert fine < coarse / 2**3.5 and fine < 1e-5


@pytest.mark.parametrize(
    "domain", [Interval(x=(-1, 2)), Rectangle(x=(0, 1), y=(0, 2)) - Disc((0.5, 1), 0.2), Ball((0, 0, 0), 1)], ids=["1", "2", "3"]
)
def test_polynomials_of_the_degree_are_solutions_to_rounding(domain: Domain) -> None:
    def square(*x: Tensor) -> Tensor:
        return (torch.stack(x).sum(dim=0) + 0.5) ** 3

    dims = len(domain.coords)
    equation = Interior(lambda u: u.laplacian() + u.x * u.value - 6 * dims * (sum(u.points.T) + 0.5) - u.x * square(*u.points.T))
    problem = Given(domain, [equation, Dirichlet(square)])
    assert off(solved(problem, 300, degree=3), domain, square) < 1e-9


def test_two_outputs_that_are_coupled_by_equation_and_boundary() -> None:
    def u(x: Tensor, y: Tensor) -> Tensor:
        return x**2 * y - y**3

    def v(x: Tensor, y: Tensor) -> Tensor:
        return x * y + 1

    domain = Disc((0, 0), 1)
    conditions = [
        Interior(
            lambda f: (
                f["u"].laplacian() + f["v"].value + 4 * f.y - v(f.x, f.y),
                f["v"].laplacian() - f["u"].d("x") + 2 * f.x * f.y,
            )
        ),
        Dirichlet(u, output="u"),
        # x v_x + y v_y = 2 x y on the unit circle.
        Boundary(
            lambda f: f["v"].normal_derivative() + f["v"].value + f["u"].value - 3 * f.x * f.y - 1 - u(f.x, f.y), name="mixed"
        ),
    ]
    assert off(solved(Given(domain, conditions, ("u", "v")), 400, degree=3), domain, u, v) < 1e-9


@pytest.mark.parametrize("over", [Mean(0.5), Integral(torch.pi / 2)], ids=["mean", "integral"])
def test_a_constant_that_is_free_is_fixed_by_a_mean(over: Condition) -> None:
    """x^2 + y^2 has the mean 1/2 over the unit disc."""
    disc = Disc((0, 0), 1)
    problem = Given(disc, [Interior(lambda u: u.laplacian() - 4), Neumann(2.0), over])
    assert off(solved(problem, 300, degree=3), disc, lambda x, y: x**2 + y**2) < 1e-9


def test_two_free_constants_and_an_integral_that_is_not_linear() -> None:
    """u = x + 2 and v = y; the mean of u v^2 over the unit disc is 1/2."""
    disc = Disc((0, 0), 1)
    problem = Given(
        disc,
        [
            Interior(lambda f: (f["u"].laplacian(), f["v"].laplacian())),
            Boundary(lambda f: f["u"].normal_derivative() - f.x),
            Boundary(lambda f: f["v"].normal_derivative() - f.y, name="v"),
            Mean(0.5, of=lambda f: f["u"].value * (f["v"].value ** 2 + 0 * f["u"].value)),
            Mean(0.0, of=lambda f: f["v"].value, name="second"),
        ],
        ("u", "v"),
    )
    nodes = place_nodes(disc, count=200)
    net = LocalNetwork(2, 2, nodes.x, degree=3, dtype=F64)
    net.set_coefficients(nodes.x)
    assert "steps of Newton's method" in collocate(net, problem, nodes)[0]
    assert off(net, disc, lambda x, y: x + 2, lambda x, y: y) < 1e-8


def test_newtons_method_finds_a_flow_with_a_pressure() -> None:
    """Kovasznay's flow: convection, a pressure without conditions of its own, and a divergence that vanishes."""
    torch.manual_seed(0)
    problem = Kovasznay()
    nodes = place_nodes(problem.domain, count=800)
    net = LocalNetwork(2, 3, nodes.x, "quintic", degree=6, dtype=F64)
    words = collocate(net, problem, nodes)
    assert "steps of Newton's method" in words[0]
    reference = problem.test_set()
    assert reference is not None
    with torch.no_grad():
        missed = (net(reference.x) - reference.y).norm(dim=0) / reference.y.norm(dim=0)
    assert float(missed[0]) < 2e-3 and float(missed.max()) < 2e-2


def test_rows_are_those_of_dense_features() -> None:
    """The values satisfy the equations at all nodes, by the derivatives of the nearest patch."""
    problem = Poisson()
    nodes = place_nodes(problem.domain, count=300)
    net = LocalNetwork(2, 1, nodes.x, degree=4, dtype=F64)
    collocate(net, problem, nodes)
    op = rbfnet.operators.Operator.laplacian(0, 1)
    on, values = len(nodes.boundary), net.coefficients.detach().numpy()
    x, y = nodes.interior.numpy().T
    left = net.sparse_features(nodes.interior, op, blend=False) @ values[:, 0]
    assert np.allclose(left, -2 * np.pi**2 * np.sin(np.pi * x) * np.sin(np.pi * y), atol=1e-9)
    assert np.abs(values[:on]).max() < 1e-12


def test_the_iteration_finds_what_lu_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = Given(Box(x=(0, 1), y=(0, 1), z=(0, 1)), [Interior(lambda u: u.laplacian() - 1), Dirichlet(lambda x, y, z: x * y)])
    nodes = place_nodes(problem.domain, count=700)
    values = []
    for most in (0.0, 1e9):
        monkeypatch.setattr(sparse_solving, "MOST_ENTRIES", most)
        net = LocalNetwork(3, 1, nodes.x, degree=2, dtype=F64)
        (words,) = collocate(net, problem, nodes)
        assert ("GMRES" in words) == (most == 0.0)
        values.append(net.coefficients.detach())
    first, second = values
    assert torch.allclose(first, second, atol=1e-9)


def test_the_sparse_solver_solves() -> None:
    rng = np.random.default_rng(0)
    matrix = sparse.random_array((200, 200), density=0.05, rng=rng) + 3 * sparse.eye_array(200)
    right = rng.standard_normal(200)
    found = sparse_solving.sparse_solve(matrix.tocsr(), right, filling=False)
    assert np.allclose(found.unknowns, np.linalg.solve(matrix.toarray(), right), atol=1e-12)


def square_of(*conditions: Condition) -> Given:
    return Given(Rectangle(x=(0, 1), y=(0, 1)), list(conditions))


LAPLACE = Interior(lambda u: u.laplacian())


@pytest.mark.parametrize(
    ("problem", "what"),
    [
        (square_of(LAPLACE, Neumann(0.0)), "boundary condition is missing"),
        (square_of(LAPLACE, Periodic("x"), Dirichlet(0.0)), "points of its own"),
        (square_of(Interior(lambda u: u.laplacian(), where=lambda x, y: x < 0.5), Dirichlet(0.0)), "0 equations for 1 outputs"),
        (
            square_of(Interior(lambda u: u.laplacian() + 100 * (1 + u.value**2)), Dirichlet(0.0)),
            "does not converge|not converged",
        ),
    ],
)
def test_what_it_cannot_solve_is_said_in_one_sentence(problem: Given, what: str) -> None:
    nodes = place_nodes(problem.domain, count=200)
    with pytest.raises(InputError, match=what):
        collocate(LocalNetwork(2, 1, nodes.x, degree=4, dtype=F64), problem, nodes)


def test_a_model_without_sparse_rows_or_on_other_nodes_is_refused() -> None:
    nodes = place_nodes(Poisson().domain, count=100)
    others: list[tuple[Any, str]] = [
        (RBFNetwork(2, 1, 20, dtype=F64), "sparse rows"),
        (LocalNetwork(2, 1, nodes.x[:-1], degree=2, dtype=F64), "nodes.x"),
    ]
    for model, what in others:
        with pytest.raises(InputError, match=what):
            collocate(model, Poisson(), nodes)
