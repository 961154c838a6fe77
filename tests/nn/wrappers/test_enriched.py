"""Enriched: singular functions in the basis, and what they are good for."""

from __future__ import annotations

import math
from collections.abc import Iterable

import mpmath
import pytest
import torch
from torch import Tensor

import rbfnet
from rbfnet import InputError, Operator
from rbfnet.domains import Domain, Rectangle, SpaceTime
from rbfnet.nn import CornerSingularity, Enriched, RBFNetwork
from rbfnet.operators import apply_operators, laplacian
from rbfnet.problems import Condition, Dirichlet, Equations, Interior

F64 = torch.float64
OPS = [
    Operator.identity(),
    Operator.d(0),
    Operator.d(1),
    Operator.d(0, 1),
    Operator.laplacian(0, 1),
    Operator.d(1, 1, 1),
]
L_SHAPE = Rectangle(x=(-1, 1), y=(-1, 1)) - Rectangle(x=(0, 1), y=(-1, 0))


@pytest.mark.parametrize("sides", ["dirichlet", "neumann", "mixed"])
def test_derivatives_at_a_corner_are_those_of_the_formula_in_mpmath(sides: str) -> None:
    corner = CornerSingularity((0.3, -0.2), start=90, angle=240, sides=sides, terms=2, powers=2)
    found = apply_operators(corner, torch.tensor([[-0.1, 0.3]], dtype=F64), OPS)[0]
    mpmath.mp.dps = 30

    def formula(term: int, power: int, x: float, y: float) -> mpmath.mpf:
        dx, dy = x - mpmath.mpf("0.3"), y + mpmath.mpf("0.2")
        a = (term + (0.5 if sides == "mixed" else 1)) * mpmath.pi / (mpmath.pi * 4 / 3)
        theta = mpmath.atan2(dy, dx) - mpmath.pi / 2
        of_angle = mpmath.cos(a * theta) if sides == "neumann" else mpmath.sin(a * theta)
        return mpmath.hypot(dx, dy) ** (a + 2 * power) * of_angle

    for column, (term, power) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)]):
        at = (mpmath.mpf("-0.1"), mpmath.mpf("0.3"))

        def d(i: int, j: int, term: int = term, power: int = power, at: tuple[mpmath.mpf, mpmath.mpf] = at) -> float:
            return float(mpmath.diff(lambda x, y: formula(term, power, x, y), at, (i, j)))

        expected = [float(formula(term, power, *at)), d(1, 0), d(0, 1), d(1, 1), d(2, 0) + d(0, 2), d(0, 3)]
        assert found[column].tolist() == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_the_functions_vanish_on_both_sides_and_at_the_corner() -> None:
    corner = CornerSingularity((0.0, 0.0), start=0, angle=270)
    sides = torch.tensor([[0.0, 0.0], [0.5, 0.0], [0.0, -0.5]], dtype=F64)
    assert corner(sides).abs().max() < 1e-15


def test_features_are_those_of_the_network_and_of_the_functions() -> None:
    torch.manual_seed(0)
    network = RBFNetwork(2, 1, 20, dtype=F64)
    model = Enriched(network, [lambda x: torch.exp(-3 * x[:, 0]), CornerSingularity((-1.0, -1.0), 0, 90, terms=2)])
    model.set_coefficients(torch.randn(23, 1, dtype=F64))
    x = torch.rand(7, 2, dtype=F64)
    for op in OPS:
        expected = apply_operators(network, x, [op])[..., 0] + model.features(x, op)[:, 20:] @ model.amplitude
        assert torch.allclose(apply_operators(model, x, [op])[..., 0], expected)
        assert torch.allclose(model.features(x, op) @ model.coefficients, expected)
    assert torch.allclose(model.features(x, Operator.d(0))[:, 20], -3 * torch.exp(-3 * x[:, 0]))
    # The second function is r^2 sin(2 theta), here 2 (x + 1) (y + 1).
    assert torch.allclose(model.features(x, Operator.identity())[:, 21], 2 * (x + 1).prod(dim=1))


class Reentrant(rbfnet.Problem):
    """Harmonic, with the singularity of the corner and a smooth part."""

    domain: Domain = L_SHAPE

    def conditions(self) -> Iterable[Condition]:
        yield Interior(lambda u: u.laplacian())
        yield Dirichlet(self.exact)

    def exact(self, x: Tensor, y: Tensor) -> Tensor:
        theta = torch.atan2(y, x)
        theta = torch.where(theta < -1e-9, theta + 2 * math.pi, theta)
        return torch.hypot(x, y) ** (2 / 3) * torch.sin(2 * theta / 3) + torch.exp(x) * torch.sin(y)


class WithSingularity(Reentrant):
    enrichment = (CornerSingularity((0.0, 0.0), start=0, angle=270, terms=2),)


def test_a_reentrant_corner_is_resolved_with_its_singular_function() -> None:
    without = rbfnet.solve(Reentrant(), num_centers=150, allow_unsolved=True)
    solution = rbfnet.solve(WithSingularity(), num_centers=150)
    assert without.errors and without.errors["rel_l2"] > 1e-3
    assert solution.errors and solution.errors["rel_l2"] < 1e-8
    assert isinstance(solution.model, Enriched)
    # The stress intensity factor: 1 for the first exponent, 0 for the second.
    assert solution.model.amplitude[:, 0].tolist() == pytest.approx([1, 0], abs=1e-6)


def test_enrichment_as_text() -> None:
    problem = Equations(
        Rectangle(x=(0, 1), y=(0, 1)),
        "0.01*lap(u) + u_x",
        [{"dirichlet": "exp(-100*x) + 1"}],
        enrichment="exp(-100*x)",
        exact="exp(-100*x) + 1",
    )
    solution = rbfnet.solve(problem, num_centers=60)
    assert solution.errors and solution.errors["rel_l2"] < 1e-9
    assert laplacian(solution.model, torch.full((1, 2), 0.01, dtype=F64)).item() == pytest.approx(1e4 / math.e, rel=1e-6)


def test_bad_input_gets_a_sentence() -> None:
    network = RBFNetwork(2, 1, 9, dtype=F64)
    with pytest.raises(InputError, match="at least one function"):
        Enriched(network, [])
    with pytest.raises(InputError, match="must be a function"):
        Enriched(network, [3])  # type: ignore[list-item]
    with pytest.raises(InputError, match="dirichlet, neumann, mixed"):
        CornerSingularity((0, 0), 0, 270, sides="robin")
    with pytest.raises(InputError, match=r"in \(0, 360\] degrees"):
        CornerSingularity((0, 0), 0, 400)

    class InTime(WithSingularity):
        domain = SpaceTime(L_SHAPE, t=(0, 1))

        def conditions(self) -> Iterable[Condition]:
            yield Interior(lambda u: u.d("t") - u.laplacian())
            yield Dirichlet(0.0)
            yield rbfnet.problems.Initial(0.0)

    with pytest.raises(InputError, match="evolve does not take the enrichment"):
        rbfnet.solve(InTime(), solver="evolve")
