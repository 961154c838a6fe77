from __future__ import annotations

import pytest
import torch
from scipy.spatial import cKDTree

import rbfnet
from rbfnet.domains import Disc, Domain, Interval, PointCloud, Rectangle, graded
from rbfnet.domains._graded import _holes
from rbfnet.errors import InputError
from rbfnet.problems import FourDisks

SQUARE = Rectangle(x=(-0.5, 0.5), y=(-0.5, 0.5))


def spacing(points: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(cKDTree(points.numpy()).query(points.numpy(), k=5)[0][:, 1:].mean(axis=1))


def test_a_hole_is_as_wide_as_it_is_and_an_outer_boundary_is_none() -> None:
    points, width = _holes(SQUARE - Disc(center=(0.1, 0.0), radius=0.2))
    assert torch.allclose((points - torch.tensor([0.1, 0.0])).norm(dim=1), torch.tensor(0.2, dtype=torch.float64))
    assert torch.allclose(width, torch.tensor(0.4, dtype=torch.float64), atol=0.01)
    assert not len(_holes(SQUARE)[0])


def test_the_spacing_grows_with_the_distance_from_the_hole() -> None:
    """Proportional to R + d: beyond the hole to the distance from its middle, three times as wide at three times the distance."""
    torch.manual_seed(0)
    points = graded(SQUARE - Disc(center=(0.0, 0.0), radius=0.1), 3000, 0.0)
    away, apart = points.norm(dim=1), spacing(points)
    near = apart[(away > 0.11) & (away < 0.13)].mean() / 0.12
    far = apart[(away > 0.35) & (away < 0.4)].mean() / 0.375
    assert float(near / far) == pytest.approx(1.0, abs=0.15)


def test_without_holes_points_are_even_and_reach_as_far_as_the_margin() -> None:
    points = graded(SQUARE, 2000, 0.25)
    assert points.shape == (2000, 2) and 0.7 < float(points.abs().max()) <= 0.75
    share = float((points.abs() < 0.375).all(dim=1).double().mean())
    assert share == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize("domain", [Interval(x=(0, 1)), PointCloud(torch.rand(10, 2, dtype=torch.float64), ("x", "y"))])
def test_other_domains(domain: Domain) -> None:
    if isinstance(domain, PointCloud):
        with pytest.raises(InputError, match="boundary"):
            graded(domain, 20, 0.1)
    else:
        assert graded(domain, 20, 0.1).shape == (20, 1)


@pytest.mark.slow
def test_graded_centres_are_several_times_as_accurate_around_holes_as_even_ones() -> None:
    errors = []
    for centers in ("halton", "graded"):
        problem = FourDisks(num_interior=1500, num_boundary=700)
        solution = rbfnet.solve(problem, num_centers=700, centers=centers)
        assert solution.errors is not None
        errors.append(solution.errors["rel_l2"])
    assert errors[1] < 0.2 * errors[0]


def test_graded_centres_need_a_number() -> None:
    with pytest.raises(InputError, match="num_centers"):
        rbfnet.solve(FourDisks, num_centers=None, centers="graded")
