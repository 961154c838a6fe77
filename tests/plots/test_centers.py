"""Centres, weights, widths and the outline of the domain."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.collections import EllipseCollection, PathCollection

import rbfnet
from rbfnet.domains import Difference, Disc, Interval, Rectangle, SpaceTime
from rbfnet.nn import RBFNetwork
from rbfnet.plots import centers
from rbfnet.plots._outline import outline
from rbfnet.problems import Condition, Dirichlet, Initial, Interior


@pytest.mark.parametrize("per_center", [False, True])
def test_centres_are_drawn_where_they_are_with_their_weights_and_widths(per_center: bool) -> None:
    network = RBFNetwork(2, 1, 9, centers="grid", per_center=per_center)
    network.set_coefficients(torch.arange(9.0)[:, None])
    ax = centers(network)
    (dots,) = [c for c in ax.collections if isinstance(c, PathCollection)]
    assert np.allclose(np.asarray(dots.get_offsets()), network.centers.detach().numpy())
    assert np.allclose(np.asarray(dots.get_array()), np.arange(9))
    assert len([c for c in ax.collections if isinstance(c, EllipseCollection)]) == 1
    assert ax.get_title() == "9 centres" and ax.get_xlabel() == "x"


def test_outlines_are_where_the_squared_distance_is_one() -> None:
    network = RBFNetwork(2, 1, None, centers=torch.tensor([[0.3, 0.2], [1.0, 1.0]]), epsilon=4.0, metric="full", per_center=True)
    with torch.no_grad():
        network.metric.raw.add_(0.8 * torch.randn(network.metric.raw.shape))
    (outlines,) = [c for c in centers(network).collections if isinstance(c, EllipseCollection)]
    found: list[Any] = [outlines.get_widths(), outlines.get_heights(), outlines.get_angles()]
    width, height, angle = found[0], found[1], np.radians(found[2])
    turn = np.linspace(0.0, 2.0 * np.pi, 9)[:, None]
    along = np.stack([np.cos(angle), np.sin(angle)], -1), np.stack([-np.sin(angle), np.cos(angle)], -1)
    d = (width * np.cos(turn) / 2)[..., None] * along[0] + (height * np.sin(turn) / 2)[..., None] * along[1]
    s = np.einsum("tmi,mij,tmj->tm", d, network.shape_matrix.detach().numpy(), d)
    assert np.allclose(s, 1.0, rtol=1e-4)


def test_outlines_that_would_hide_the_centres_are_left_out() -> None:
    ax = centers(RBFNetwork(2, 1, 9, centers="grid", epsilon=0.01))
    assert not [c for c in ax.collections if isinstance(c, EllipseCollection)]


def test_one_coordinate_has_weights_over_centres() -> None:
    _, given = plt.subplots()
    network = RBFNetwork(1, 1, 5)
    network.set_coefficients(torch.arange(5.0)[:, None])
    ax = centers(network, ax=given)
    assert ax is given
    assert np.allclose(np.asarray(ax.lines[0].get_xydata())[:, 1], np.arange(5))


def test_time_is_horizontal_and_the_domain_is_outlined() -> None:
    solution = rbfnet.solve(rbfnet.problems.Heat(), num_centers=60, solver="least_squares", allow_unsolved=True)
    ax = centers(solution)
    (dots,) = [c for c in ax.collections if isinstance(c, PathCollection)]
    assert np.allclose(np.asarray(dots.get_offsets()), solution.model.centers.detach().numpy()[:, ::-1])
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_aspect()) == ("t", "x", "auto")
    (low_t, high_t), (low_x, high_x) = solution.problem.domain.box.T.flip(0).tolist()
    (box,) = ax.lines
    assert set(map(tuple, np.asarray(box.get_xydata()))) == {(t, x) for t in (low_t, high_t) for x in (low_x, high_x)}


def test_space_is_outlined_where_centres_lie_in_space() -> None:
    class Plate(rbfnet.Problem):
        domain = SpaceTime(Disc((0.0, 0.0), 0.5), t=(0, 0.1))

        def conditions(self) -> Iterable[Condition]:
            yield Interior(lambda u: u.d("t") - u.laplacian("x", "y"))
            yield Dirichlet(0.0)
            yield Initial(lambda x, y: 0.25 - x**2 - y**2)

    ax = centers(rbfnet.solve(Plate(), num_centers=40, solver="evolve", allow_unsolved=True))
    (circle,) = ax.lines
    assert np.allclose(np.linalg.norm(np.asarray(circle.get_xydata()), axis=1), 0.5)
    assert ax.get_aspect() == 1.0


def test_an_outline_lies_on_the_boundary_and_does_not_cross_holes() -> None:
    domain = Difference(Rectangle(x=(-1, 1), y=(-1, 1)), Disc((0.8, 0), 0.5))
    _, ax = plt.subplots()
    outline(ax, domain)
    lines = [np.asarray(line.get_xydata()) for line in ax.lines]
    points = torch.from_numpy(np.concatenate(lines))
    known = points[torch.isfinite(points).all(dim=1)]
    assert len(known) > 1000 and float(domain.implicit(known).abs().max()) < 1e-6
    steps = np.concatenate([np.linalg.norm(np.diff(line, axis=0), axis=1) for line in lines])
    assert np.nanmax(steps) < 0.05


def test_data_and_solids_have_no_outline() -> None:
    _, ax = plt.subplots()
    outline(ax, rbfnet.fit(torch.rand(20, 2), torch.rand(20)).problem.domain)
    outline(ax, SpaceTime(Rectangle(x=(0, 1), y=(0, 1)), t=(0, 1)))
    outline(ax, Interval(x=(0, 1)))
    assert not ax.lines


@pytest.mark.parametrize("output", [1, "v", -1])
def test_an_output_that_does_not_exist_is_refused(output: int | str) -> None:
    with pytest.raises(ValueError, match="There is no output"):
        centers(RBFNetwork(2, 1, 5), output)
