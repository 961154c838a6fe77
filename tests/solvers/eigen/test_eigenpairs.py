"""Eigenvalues and eigenfunctions beside closed forms."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, cast

import numpy as np
import pytest
import torch
from scipy.special import jn_zeros, jnp_zeros

import rbfnet
from rbfnet import InputError, NotSolvedWarning
from rbfnet.domains import Disc, Domain, Interval, Rectangle, SpaceTime
from rbfnet.nn import CornerSingularity
from rbfnet.problems import Boundary, Condition, Dirichlet, Eigen, Neumann


class Drum(rbfnet.Problem):
    domain: Domain = Disc((0.0, 0.0), 1.0)

    def conditions(self) -> Iterable[Condition]:
        yield Eigen(lambda u: -u.laplacian())
        yield Dirichlet(0.0)


class FreeDrum(Drum):
    def conditions(self) -> Iterable[Condition]:
        yield Eigen(lambda u: -u.laplacian())
        yield Neumann(0.0)


class LShape(Drum):
    domain = Rectangle(x=(-1, 1), y=(-1, 1)) - Rectangle(x=(0, 1), y=(-1, 0))


class LShapeWithCorner(LShape):
    enrichment = (CornerSingularity((0.0, 0.0), start=0, angle=270, terms=6, powers=4),)


class Oscillator(rbfnet.Problem):
    """-u''/2 + x^2 u / 2 = lambda u, with lambda = n + 1/2."""

    domain = Interval(x=(-8, 8))

    def conditions(self) -> Iterable[Condition]:
        yield Eigen(lambda u: -0.5 * u.d("xx") + 0.5 * u.x**2 * u.value)
        yield Dirichlet(0.0)


class Transport(rbfnet.Problem):
    """-u'' + 4 u' = lambda u, which is not self-adjoint: lambda = (k pi)^2 + 4."""

    domain = Interval(x=(0, 1))

    def conditions(self) -> Iterable[Condition]:
        yield Eigen(lambda u: -u.d("xx") + 4 * u.d("x"))
        yield Dirichlet(0.0)


def bessel(zeros: list[np.ndarray]) -> np.ndarray:
    """The squares of zeros, for each order m; twice but for m = 0."""
    return np.sort(np.concatenate([np.repeat(z**2, 1 if m == 0 else 2) for m, z in enumerate(zeros)]))


def right(pairs: rbfnet.Eigenpairs, exact: np.ndarray, tolerance: float) -> None:
    """Values to a tolerance, with errors that are not underestimated more than three times."""
    missed = np.abs(pairs.values - exact)
    assert pairs.verdict == "solved"
    assert (missed < tolerance * np.maximum(np.abs(exact), 1)).all()
    assert (missed < 3 * pairs.errors + 1e-11).all()


def test_a_drum_has_the_frequencies_of_bessel() -> None:
    pairs = rbfnet.eigenpairs(Drum, 6, num_centers=120)
    right(pairs, bessel([jn_zeros(m, 4) for m in range(6)])[:6], 1e-6)
    x, weights = Drum.domain.quadrature(2000)
    functions = torch.as_tensor(pairs.predict(x))
    gram = functions.T @ (weights[:, None] * functions)
    assert torch.allclose(gram.diagonal(), torch.ones(6, dtype=torch.float64), atol=1e-6)
    assert torch.allclose(gram[0, 1:], torch.zeros(5, dtype=torch.float64), atol=1e-5)
    first = pairs[0].predict([[0.3, 0.4], [0.0, 0.0]])
    assert "drum: gaussian, 120 centres" in str(pairs[0]) and pairs[0].residuals == []
    zero = float(jn_zeros(0, 1)[0])
    assert first[0] / first[1] == pytest.approx(float(torch.special.bessel_j0(torch.tensor(0.5 * zero))), rel=1e-5)


@pytest.mark.slow
def test_ten_values_of_a_drum_to_ten_digits() -> None:
    right(rbfnet.eigenpairs(Drum, 10), bessel([jn_zeros(m, 6) for m in range(8)])[:10], 1e-10)


def test_a_free_drum_has_the_eigenvalue_zero() -> None:
    exact = np.concatenate([[0.0], bessel([jnp_zeros(m, 4) for m in range(5)])])[:4]
    right(rbfnet.eigenpairs(FreeDrum, 4, num_centers=120), exact, 1e-5)


def test_an_oscillator() -> None:
    right(rbfnet.eigenpairs(Oscillator, 5, num_centers=80), np.arange(5) + 0.5, 1e-6)


def test_a_problem_that_is_not_self_adjoint() -> None:
    right(rbfnet.eigenpairs(Transport, 4, num_centers=50), (np.arange(1, 5) * math.pi) ** 2 + 4, 1e-5)


def test_values_near_a_number() -> None:
    near = rbfnet.eigenpairs(Transport, 1, near=100.0, num_centers=50).values
    assert near == pytest.approx([9 * math.pi**2 + 4], rel=1e-5)


def test_a_plate_with_two_conditions() -> None:
    class Plate(rbfnet.Problem):
        domain = Rectangle(x=(0, 1), y=(0, 1))

        def conditions(self) -> Iterable[Condition]:
            yield Eigen(lambda u: u.biharmonic())
            yield Dirichlet(0.0)
            yield Boundary(lambda u: u.laplacian())

    right(rbfnet.eigenpairs(Plate, 3, num_centers=120), np.array([4, 25, 25]) * math.pi**4, 1e-5)


def test_a_corner_without_its_singularity_is_not_solved() -> None:
    with pytest.warns(NotSolvedWarning, match="re-entrant corners"):
        pairs = rbfnet.eigenpairs(LShape, 3, num_centers=80)
    assert pairs.verdict == "not solved"


@pytest.mark.slow
def test_the_membrane_of_l_shape() -> None:
    # Trefethen and Betcke, Computed eigenmodes of planar regions (2006).
    exact = [9.6397238440219, 15.1972519264544, 2 * math.pi**2, 29.5214811141506]
    pairs = rbfnet.eigenpairs(LShapeWithCorner, 4)
    assert np.abs(pairs.values / exact - 1).max() < 2e-8


def test_bad_input_gets_a_sentence() -> None:
    with pytest.raises(InputError, match=r"use rbfnet.eigenpairs"):
        rbfnet.solve(Drum(), num_centers=30, solver="least_squares")
    with pytest.raises(InputError, match="has 0"):
        rbfnet.eigenpairs(rbfnet.problems.Poisson())
    with pytest.raises(InputError, match="count must be"):
        rbfnet.eigenpairs(Drum, 0)
    with pytest.raises(InputError, match="eigenpairs takes a Problem, but got 'drum'"):
        rbfnet.eigenpairs(cast(Any, "drum"))

    class Pushed(Drum):
        def conditions(self) -> Iterable[Condition]:
            yield Eigen(lambda u: -u.laplacian())
            yield Dirichlet(1.0)

    with pytest.raises(InputError, match="homogeneous, but 'dirichlet'"):
        rbfnet.eigenpairs(Pushed, 2, num_centers=30)

    class Forced(Drum):
        def conditions(self) -> Iterable[Condition]:
            yield Eigen(lambda u: -u.laplacian() + 1)
            yield Dirichlet(0.0)

    with pytest.raises(InputError, match="linear in u"):
        rbfnet.eigenpairs(Forced, 2, num_centers=30)

    class InTime(Drum):
        domain = SpaceTime(Disc((0.0, 0.0), 1.0), t=(0, 1))

    with pytest.raises(InputError, match="SpaceTime"):
        rbfnet.eigenpairs(InTime, 2, num_centers=30)
