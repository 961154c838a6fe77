from __future__ import annotations

import math

import pytest
import torch

from rbfnet.domains import Box, PointCloud, Rectangle


@pytest.mark.parametrize("sampler", ["halton", "random", "grid"])
def test_interior_points_fill_the_box(sampler: str) -> None:
    box = Box(x=(-1, 1), y=(0, 4), z=(2, 3))
    points = box.interior(64, sampler)
    assert points.shape == (64, 3)
    assert points.dtype == torch.float64
    assert box.contains(points).all()
    middle = box.box.mean(dim=0)
    assert ((points > middle).double().mean(dim=0) - 0.5).abs().max() < 0.25


def test_boundary_points_lie_on_faces_in_proportion_to_their_area() -> None:
    box = Rectangle(x=(0, 3), y=(0, 1))
    points = box.boundary(800)
    on_face = [points[:, 0] == 0, points[:, 0] == 3, points[:, 1] == 0, points[:, 1] == 1]
    assert torch.stack(on_face).any(dim=0).all()
    # The faces x = 0 and x = 3 have length 1, the other two length 3.
    assert [int(face.sum()) for face in on_face] == [100, 100, 300, 300]


def test_the_boundary_of_an_interval_is_its_two_ends() -> None:
    assert Box(x=(0, 2)).boundary(10).tolist() == [[0.0], [2.0]]


def test_the_grid_holds_the_corners_and_about_as_many_points_as_asked_for() -> None:
    grid = Rectangle(x=(0, 1), y=(2, 3)).grid(100)
    assert len(grid) == 100
    assert torch.tensor([1.0, 3.0], dtype=torch.float64) in grid


def test_contains_includes_the_boundary_and_nothing_outside() -> None:
    x = torch.tensor([[0.0, 0.0], [0.5, 1.0], [1.0 + 1e-12, 0.5]], dtype=torch.float64)
    assert Rectangle(x=(0, 1), y=(0, 1)).contains(x).tolist() == [True, True, False]


@pytest.mark.parametrize("sides", [{}, {"x": (1, 0)}, {"x": (0, 0)}, {"x": (0, math.inf)}, {"x": (math.nan, 1)}])
def test_a_box_with_a_side_that_is_none_is_refused(sides: dict[str, tuple[float, float]]) -> None:
    with pytest.raises(ValueError, match=r"side|Side"):
        Box(**sides)


def test_a_rectangle_has_two_sides() -> None:
    with pytest.raises(ValueError, match="two sides, but got 1: x"):
        Rectangle(x=(0, 1))


def test_an_unknown_sampler_is_answered_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="did you mean 'halton'"):
        Box(x=(0, 1)).interior(5, "haltn")


def test_a_point_cloud_draws_its_own_points_and_has_no_boundary() -> None:
    points = torch.rand(20, 2, dtype=torch.float64)
    cloud = PointCloud(points, ("a", "b"))
    drawn = cloud.interior(20)
    assert sorted(drawn.tolist()) == sorted(points.tolist())
    with pytest.raises(ValueError, match="no boundary"):
        cloud.boundary(4)
    with pytest.raises(ValueError, match="21 points"):
        cloud.interior(21)
    with pytest.raises(ValueError, match="finite"):
        PointCloud(torch.tensor([[math.nan, 0.0]]), ("a", "b"))
