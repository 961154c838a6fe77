"""Spectra: the points are the eigenvalues."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.linalg
import torch
from matplotlib.axes import Axes

from rbfnet.domains import Interval, SpaceTime
from rbfnet.errors import InputError
from rbfnet.nn import RBFNetwork
from rbfnet.plots import spectrum
from rbfnet.problems import Dirichlet, Initial, Interior, Problem
from rbfnet.solvers.time import PER_CENTER, Lines, resolved


def drawn(ax: Axes) -> dict[str, np.ndarray]:
    """The eigenvalues by marker."""
    found = {str(line.get_marker()): np.asarray(line.get_xydata()) for line in ax.lines}
    return {marker: points[:, 0] + 1j * points[:, 1] for marker, points in found.items() if marker != "None"}


def test_the_points_are_the_eigenvalues_and_those_that_grow_are_crosses() -> None:
    matrix = np.random.default_rng(2).normal(size=(30, 30))
    expected = np.sort_complex(scipy.linalg.eigvals(matrix))
    found = drawn(spectrum(np.linalg.eigvals(matrix)))
    assert np.allclose(np.sort_complex(found["o"]), expected[expected.real <= 0])
    assert np.allclose(np.sort_complex(found["x"]), expected[expected.real > 0])


@pytest.mark.parametrize("growth", [0.0, 20.0])
def test_the_heat_equation_decays_unless_it_is_heated(growth: float) -> None:
    """Eigenvalues -(k pi)^2 + growth."""

    class Rod(Problem):
        domain = SpaceTime(Interval(x=(0, 1)), t=(0, 1))

        def conditions(self) -> Any:
            return [Interior(lambda u: u.d("t") - u.d("xx") - growth * u), Dirichlet(0.0), Initial(0.0)]

    problem, space = Rod(), Rod.domain.space
    network = RBFNetwork(1, 1, points=space.box, num_centers=20, overlap=4.0, dtype=torch.float64)
    problem.follow(20, in_space=True)
    ax = spectrum(Lines(problem, network, problem.sample(), *resolved(space, network, PER_CENTER)))
    found = np.concatenate(list(drawn(ax).values()))
    first = np.sort(found.real)[::-1][:4]
    assert np.allclose(first, growth - (np.arange(1, 5) * np.pi) ** 2, rtol=1e-5)
    assert ax.get_title().endswith(f"largest real part {growth - np.pi**2:.3g}")
    assert len(drawn(ax).get("x", [])) == (1 if growth else 0)


def test_rounding_is_no_growth() -> None:
    """A skew-symmetric operator only oscillates."""
    matrix = np.random.default_rng(2).normal(size=(30, 30))
    ax = spectrum(np.linalg.eigvals(matrix - matrix.T))
    assert list(drawn(ax)) == ["o"] and ax.get_title() == "30 eigenvalues, largest real part 0"
    low, high = ax.get_xlim()
    assert low < -0.1 and high > 0.1


def test_the_right_half_plane_is_shaded() -> None:
    (shade,) = spectrum([-1.0, -0.5 + 2j, -0.5 - 2j]).patches
    left, right = shade.get_extents().x0, shade.get_extents().x1
    ax = shade.axes
    assert ax is not None
    assert ax.transData.inverted().transform((left, 0))[0] == pytest.approx(0.0)
    assert ax.transData.inverted().transform((right, 0))[0] == pytest.approx(ax.get_xlim()[1])


def test_parts_over_decades_are_on_a_logarithmic_axis() -> None:
    ax = spectrum(-np.logspace(0, 6, 30))
    assert (ax.get_xscale(), ax.get_yscale()) == ("symlog", "linear")
    assert spectrum([-1.0, -2.0]).get_xscale() == "linear"


def test_zero_alone_can_be_drawn() -> None:
    assert spectrum(torch.zeros(3)).get_title() == "3 eigenvalues, largest real part 0"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            np.eye(3),
            "The eigenvalues must be (N,), with at least one, but got (3, 3); take those of a matrix by numpy.linalg.eigvals.",
        ),
        ([], "with at least one, but got (0,)."),
        ([1.0, np.inf], "1 of 2 eigenvalues are not finite"),
        ("heat", "The eigenvalues must be an array of numbers, but got 'heat'"),
    ],
)
def test_wrong_input_is_refused(given: Any, sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        spectrum(given)
    assert sentence in str(caught.value)
