"""Errors are measured at scattered points: what vanishes on a grid is seen, and norms are norms."""

from __future__ import annotations

from collections.abc import Callable
from math import pi

import pytest
import torch
from torch import Tensor, sin

import rbfnet
from rbfnet.domains import Ball, Box, Disc, Domain, Interval, PointCloud, Polygon, Rectangle, SpaceTime
from rbfnet.problems import Reference
from rbfnet.training.verdict._reference_errors import errors


class Known(rbfnet.Problem):
    def __init__(self, domain: Domain, exact: Callable[..., Tensor]) -> None:
        super().__init__()
        self.domain, self.exact = domain, exact

    def conditions(self):
        return []


def reference(domain: Domain, exact: Callable[..., Tensor] = lambda *x: x[0]) -> Reference:
    found = Known(domain, exact).test_set()
    assert found is not None
    return found


DOMAINS: dict[str, Domain] = {
    "interval": Interval(x=(-1, 3)),
    "intervals": Interval(x=(0, 1)) | Interval(x=(2, 4)),
    "rectangle": Rectangle(x=(0, 100), y=(0, 1)),
    "box": Box(x=(0, 1), y=(0, 1), z=(0, 1)),
    "ball": Ball((0, 0, 0), 1),
    "in 5-D": Box(**{f"x{i}": (0, 1) for i in range(5)}),
    "polygon": Polygon([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)]),
    "square minus disc": Rectangle(x=(-1, 1), y=(-1, 1)) - Disc((0, 0), 0.5),
    "in time": SpaceTime(Disc((0, 0), 1), t=(0, 2)),
}


@pytest.mark.parametrize("name", DOMAINS)
def test_test_points_are_scattered_inside_and_the_same_each_time(name: str) -> None:
    domain = DOMAINS[name]
    torch.manual_seed(5)
    before = torch.get_rng_state()
    x = reference(domain).x
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(6)
    assert torch.equal(x, reference(domain).x)
    assert x.shape == (10_000, len(domain.coords)) and domain.contains(x).all()
    # No two of them on a line along an axis: there is no grid to hide on.
    assert all(len(column.unique()) == len(x) for column in x.T)
    # As dense near the boundary as elsewhere, and up to it.
    assert domain.distance(x).abs().min() < 1e-2 * domain.distance(x).max()


@pytest.mark.parametrize("name", [n for n in DOMAINS if n != "in 5-D"])
def test_means_over_test_points_are_integrals(name: str) -> None:
    domain = DOMAINS[name]
    low, high = domain.box

    def f(*columns: Tensor) -> Tensor:
        return torch.stack([1 + sin(3 * (c - a) / (b - a)) for c, a, b in zip(columns, low, high, strict=True)]).prod(dim=0)

    y = reference(domain, f).y[:, 0]
    x, weights = domain.quadrature(4000)
    assert float(y.square().mean()) == pytest.approx(float(weights @ f(*x.unbind(1)).square()) / domain.volume, rel=5e-3)


def test_the_ends_of_a_line_are_test_points() -> None:
    assert {-1.0, 3.0} <= set(reference(DOMAINS["interval"]).x[:, 0].tolist())
    assert {0.0, 1.0, 2.0, 4.0} <= set(reference(DOMAINS["intervals"]).x[:, 0].tolist())


@pytest.mark.parametrize("waves", [9, 21, 99])
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_what_vanishes_on_a_grid_is_seen(waves: int, dims: int) -> None:
    """sin(pi k x) sin(pi k y) ... is zero on the grid of k + 1 points a side."""
    domain = Box(**{name: (0, 1) for name in "xyz"[:dims]})

    def exact(*columns: Tensor) -> Tensor:
        return torch.stack([sin(pi * waves * c) for c in columns]).prod(dim=0)

    test = reference(domain, exact)
    found = errors(lambda x: torch.zeros(len(x), 1, dtype=x.dtype), test.x, test.y)
    assert found["rel_l2"] == 1.0
    assert found["rmse"] == pytest.approx(2 ** (-dims / 2), rel=0.02)
    assert found["max_abs"] > 0.9


def test_a_point_cloud_is_measured_at_its_points() -> None:
    points = torch.rand(50, 2, dtype=torch.float64)
    assert torch.equal(reference(PointCloud(points, ("x", "y"))).x, points)
    assert len(reference(PointCloud(torch.rand(20_000, 1).double(), ("x",))).x) == 10_000
