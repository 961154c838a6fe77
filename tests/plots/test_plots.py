"""Figures are asserted on by their artists."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.collections import EllipseCollection, PathCollection, QuadMesh

from rbfnet.nn import RBFNetwork
from rbfnet.plots import plot_centers, plot_error, plot_parity, plot_values, style

GRID = torch.cartesian_prod(torch.linspace(0, 1, 5), torch.linspace(0, 2, 4))


def test_a_grid_is_an_image_with_each_value_in_its_place() -> None:
    ax = plot_values(GRID, GRID[:, 0] + 10 * GRID[:, 1], ("x", "y"), "u")
    (mesh,) = [c for c in ax.collections if isinstance(c, QuadMesh)]
    array = mesh.get_array()
    assert array is not None and array.shape == (4, 5)
    expected = np.linspace(0, 1, 5)[None, :] + 10 * np.linspace(0, 2, 4)[:, None]
    assert np.allclose(np.asarray(array), expected)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x", "y")


def test_the_order_of_the_points_does_not_matter() -> None:
    order = torch.randperm(20)
    first = plot_values(GRID, GRID[:, 0], ("x", "y")).collections[0].get_array()
    second = plot_values(GRID[order], GRID[order, 0], ("x", "y")).collections[0].get_array()
    assert np.array_equal(np.asarray(first), np.asarray(second))


def test_scattered_points_are_a_triangulation() -> None:
    x = torch.rand(50, 2)
    (triangles,) = plot_values(x, x[:, 0], ("x", "y")).collections
    assert np.asarray(triangles.get_array()).shape == (50,)


def test_scattered_values_may_be_unknown() -> None:
    """Warnings are errors here."""
    x = torch.rand(50, 2)
    (triangles,) = plot_values(x, torch.where(x[:, 0] > 0.5, x[:, 0], torch.nan), ("x", "y")).collections
    assert np.isnan(np.asarray(triangles.get_array(), dtype=float)).sum() == int((x[:, 0] <= 0.5).sum())
    plt.gcf().canvas.draw()


def test_one_coordinate_is_a_line_from_left_to_right() -> None:
    x = torch.tensor([[2.0], [0.0], [1.0]])
    (line,) = plot_values(x, x[:, 0] ** 2, ("x",), "u").lines
    assert np.array_equal(np.asarray(line.get_xydata()), np.array([[0, 0], [1, 1], [2, 4]]))


def test_a_grid_with_a_hole_is_blank_there() -> None:
    axis = torch.linspace(-1.0, 1.0, 21)
    grid = torch.cartesian_prod(axis, axis)
    outside = grid.norm(dim=1) > 0.5
    (mesh,) = plot_values(grid[outside], grid[outside, 0], ("x", "y")).collections
    image = np.ma.masked_invalid(np.asarray(mesh.get_array()).reshape(21, 21))
    assert np.array_equal(np.ma.getmaskarray(image), ~outside.reshape(21, 21).T.numpy())
    assert np.allclose(image.compressed(), np.broadcast_to(axis.numpy(), (21, 21))[~image.mask])


def test_three_coordinates_are_refused() -> None:
    with pytest.raises(ValueError, match="A map needs one or two coordinates, but the points have 3"):
        plot_values(torch.rand(4, 3), torch.rand(4), ("x", "y", "z"))


def test_error_colours_are_symmetric_about_zero() -> None:
    ax = plot_error(GRID, GRID[:, 0] - 3 * GRID[:, 1], ("x", "y"))
    low, high = ax.collections[0].get_clim()
    assert low is not None and high is not None
    assert low == -high == pytest.approx(-6.0)


def test_an_error_of_zero_everywhere_can_be_drawn() -> None:
    assert plot_error(GRID, torch.zeros(20), ("x", "y")).collections[0].get_clim() == (-1.0, 1.0)


def test_parity_has_every_point_and_the_diagonal() -> None:
    points, diagonal = plot_parity(torch.tensor([0.0, 1.0]), torch.tensor([0.1, 2.0]), "z").lines
    assert np.allclose(np.asarray(points.get_xydata()), np.array([[0, 0.1], [1, 2]]))
    assert np.allclose(np.asarray(diagonal.get_xydata()), np.array([[0, 0], [2, 2]]))


@pytest.mark.parametrize("per_center", [False, True])
def test_centres_are_drawn_where_they_are_with_their_weights_and_widths(per_center: bool) -> None:
    network = RBFNetwork(2, 1, 9, centers="grid", per_center=per_center)
    network.set_coefficients(torch.arange(9.0)[:, None])
    ax = plot_centers(network, ("x", "y"))
    (dots,) = [c for c in ax.collections if isinstance(c, PathCollection)]
    assert np.allclose(np.asarray(dots.get_offsets()), network.centers.detach().numpy())
    assert np.allclose(np.asarray(dots.get_array()), np.arange(9))
    assert len([c for c in ax.collections if isinstance(c, EllipseCollection)]) == 1


def test_outlines_are_where_the_squared_distance_is_one() -> None:
    network = RBFNetwork(2, 1, None, centers=torch.tensor([[0.3, 0.2], [1.0, 1.0]]), epsilon=4.0, metric="full", per_center=True)
    with torch.no_grad():
        network.metric.raw.add_(0.8 * torch.randn(network.metric.raw.shape))
    ax = plot_centers(network, ("x", "y"))
    (outlines,) = [c for c in ax.collections if isinstance(c, EllipseCollection)]
    found: list[Any] = [outlines.get_widths(), outlines.get_heights(), outlines.get_angles()]
    width, height, angle = found[0], found[1], np.radians(found[2])
    turn = np.linspace(0.0, 2.0 * np.pi, 9)[:, None]
    along = np.stack([np.cos(angle), np.sin(angle)], -1), np.stack([-np.sin(angle), np.cos(angle)], -1)
    d = (width * np.cos(turn) / 2)[..., None] * along[0] + (height * np.sin(turn) / 2)[..., None] * along[1]
    s = np.einsum("tmi,mij,tmj->tm", d, network.shape_matrix.detach().numpy(), d)
    assert np.allclose(s, 1.0, rtol=1e-4)


def test_outlines_that_would_hide_the_centres_are_left_out() -> None:
    ax = plot_centers(RBFNetwork(2, 1, 9, centers="grid", epsilon=0.01), ("x", "y"))
    assert not [c for c in ax.collections if isinstance(c, EllipseCollection)]


def test_given_axes_are_drawn_on_and_returned() -> None:
    _, ax = plt.subplots()
    assert plot_values(GRID, GRID[:, 0], ("x", "y"), ax=ax) is ax
    assert plot_centers(RBFNetwork(1, 1, 5), ("x",), ax=ax) is ax


def test_the_style_ends_with_its_block() -> None:
    before = mpl.rcParams["font.size"], mpl.rcParams["figure.figsize"]
    with style():
        assert mpl.rcParams["figure.figsize"] == [5.2, 4.2]
    assert (mpl.rcParams["font.size"], mpl.rcParams["figure.figsize"]) == before
