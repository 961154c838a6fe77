"""Any values over one or two coordinates."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.collections import PathCollection, QuadMesh

from rbfnet.plots import values

GRID = torch.cartesian_prod(torch.linspace(0, 1, 5), torch.linspace(0, 2, 4))


def test_a_grid_is_an_image_with_each_value_in_its_place() -> None:
    ax = values(GRID, GRID[:, 0] + 10 * GRID[:, 1], ("x", "y"), "u")
    (mesh,) = [c for c in ax.collections if isinstance(c, QuadMesh)]
    array = mesh.get_array()
    assert array is not None and array.shape == (4, 5)
    expected = np.linspace(0, 1, 5)[None, :] + 10 * np.linspace(0, 2, 4)[:, None]
    assert np.allclose(np.asarray(array), expected)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x", "y")


def test_the_order_of_the_points_does_not_matter() -> None:
    order = torch.randperm(20)
    first = values(GRID, GRID[:, 0], ("x", "y")).collections[0].get_array()
    second = values(GRID[order], GRID[order, 0], ("x", "y")).collections[0].get_array()
    assert np.array_equal(np.asarray(first), np.asarray(second))


def test_scattered_points_are_dots() -> None:
    x = torch.rand(50, 2)
    ax = values(x, x[:, 0], ("x", "y"))
    (dots,) = ax.collections
    assert isinstance(dots, PathCollection)
    assert np.allclose(np.asarray(dots.get_offsets()), x) and np.allclose(np.asarray(dots.get_array()), x[:, 0])


def test_values_may_be_unknown() -> None:
    """Warnings are errors here."""
    x = torch.rand(50, 2)
    values(x, torch.where(x[:, 0] > 0.5, x[:, 0], torch.nan), ("x", "y"))
    plt.gcf().canvas.draw()


def test_one_coordinate_is_a_line_from_left_to_right() -> None:
    x = torch.tensor([[2.0], [0.0], [1.0]])
    (line,) = values(x, x[:, 0] ** 2, ("x",), "u").lines
    assert np.array_equal(np.asarray(line.get_xydata()), np.array([[0, 0], [1, 1], [2, 4]]))


def test_a_grid_with_a_hole_is_blank_there() -> None:
    axis = torch.linspace(-1.0, 1.0, 21)
    grid = torch.cartesian_prod(axis, axis)
    outside = grid.norm(dim=1) > 0.5
    (mesh,) = values(grid[outside], grid[outside, 0], ("x", "y")).collections
    image = np.ma.masked_invalid(np.asarray(mesh.get_array()).reshape(21, 21))
    assert np.array_equal(np.ma.getmaskarray(image), ~outside.reshape(21, 21).T.numpy())
    assert np.allclose(image.compressed(), np.broadcast_to(axis.numpy(), (21, 21))[~image.mask])


@pytest.mark.parametrize(("limits", "pointed"), [({}, "neither"), ({"vmin": 0.5}, "min"), ({"vmin": 0.5, "vmax": 0.6}, "both")])
def test_the_colour_bar_shows_that_values_are_left_out(limits: dict[str, float], pointed: str) -> None:
    ax = values(GRID, GRID[:, 0], ("x", "y"), **limits)  # type: ignore[arg-type]
    assert ax.collections[0].colorbar.extend == pointed  # type: ignore[union-attr]


def test_given_axes_are_drawn_on_and_returned() -> None:
    _, ax = plt.subplots()
    assert values(GRID, GRID[:, 0], ("x", "y"), ax=ax) is ax


@pytest.mark.parametrize(
    ("x", "u", "names", "sentence"),
    [
        (torch.rand(4, 3), torch.rand(4), "xyz", r"A map needs points \(N, 1\) or \(N, 2\).*but got points \(4, 3\)"),
        (torch.rand(4, 2), torch.rand(3), "xy", r"one value per point, but got \(3,\) for 4 points"),
        (torch.rand(4, 2), torch.rand(4), "x", "a name per coordinate"),
    ],
)
def test_what_does_not_fit_is_refused(x: torch.Tensor, u: torch.Tensor, names: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        values(x, u, tuple(names))
