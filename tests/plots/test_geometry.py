"""Geometries: the outline is the boundary, points are inside, normals point outwards."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import meshio
import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.quiver import Quiver

from rbfnet.domains import Ball, Box, Disc, Domain, Interval, Mesh, PointCloud, Polygon, Rectangle, SpaceTime
from rbfnet.errors import InputError
from rbfnet.plots import geometry

HOLE = Rectangle(x=(0, 2), y=(0, 1)) - Disc((0.5, 0.5), 0.3)
ELL = Polygon([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)], holes=[[(0.2, 0.2), (0.6, 0.2), (0.4, 0.6)]])
BALL = Disc((0, 0), 1) | Rectangle(x=(0, 2), y=(-0.5, 0.5))


def parts(ax: Axes) -> list[np.ndarray]:
    """The lines of the boundary; the first has the points inside."""
    return [np.asarray(line.get_xydata()) for line in ax.lines[1:]]


def length(line: np.ndarray) -> float:
    return float(np.nansum(np.linalg.norm(np.diff(line, axis=0), axis=1)))


def arrows(ax: Axes) -> tuple[np.ndarray, np.ndarray]:
    (quiver,) = [c for c in ax.collections if isinstance(c, Quiver)]
    return np.asarray(quiver.get_offsets()), np.column_stack([np.asarray(quiver.U), np.asarray(quiver.V)])


# The arcs of the union: where the disc is outside of the rectangle, |y| > 1/2 or x < 0.
LENGTHS: list[tuple[Domain, float]] = [
    (HOLE, 6 + 0.6 * math.pi),
    (ELL, 8 + 0.4 + 2 * math.hypot(0.2, 0.4)),
    (BALL, 2 * math.pi - math.pi / 3 + 2 * (2 - math.sqrt(0.75)) + 1),
]


@pytest.mark.parametrize(("domain", "expected"), LENGTHS)
def test_the_outline_is_the_boundary(domain: Domain, expected: float) -> None:
    ax = geometry(domain)
    lines = parts(ax)
    assert sum(map(length, lines)) == pytest.approx(expected, rel=5e-3)
    for line in lines:
        points = torch.from_numpy(line[np.isfinite(line).all(axis=1)])
        assert domain.within(points, 1e-9).all() and not domain.within(points, -1e-9).any()
    assert ax.get_aspect() == 1.0
    legend = ax.get_legend()
    assert legend is not None and [t.get_text() for t in legend.get_texts()] == list(domain.parts)


@pytest.mark.parametrize("domain", [HOLE, ELL, BALL])
def test_points_are_inside_and_normals_point_outwards(domain: Domain) -> None:
    ax = geometry(domain, 100)
    inside = torch.from_numpy(np.asarray(ax.lines[0].get_xydata()))
    assert len(inside) == 100 and domain.contains(inside).all()
    at, along = (torch.from_numpy(part) for part in arrows(ax))
    assert torch.allclose(along.norm(dim=1), along.norm(dim=1)[:1])
    assert domain.within(at - 0.01 * along, 0.0).all() and not domain.within(at + 0.01 * along, 0.0).any()


def test_edges_of_a_mesh_in_any_order_are_drawn(tmp_path: Path) -> None:
    """A wheel of 500 spokes: at 720 points, neighbours would be on different edges."""
    angle = np.linspace(0, 2 * np.pi, 501)[:-1]
    rim = np.column_stack([np.cos(angle), np.sin(angle), 0 * angle])
    cells = np.array([[k, (k + 1) % 500, 500] for k in range(500)])
    np.random.default_rng(0).shuffle(cells)
    meshio.write_points_cells(tmp_path / "wheel.vtk", np.vstack([rim, np.zeros((1, 3))]), [("triangle", cells)])
    (line,) = parts(geometry(Mesh(tmp_path / "wheel.vtk"), normals=False))
    assert np.allclose(np.linalg.norm(line[np.isfinite(line).all(axis=1)], axis=1), 1.0, atol=1e-4)
    assert length(line) > 0.9 * 2 * math.pi
    # All around.
    assert np.abs(np.diff(np.sort(np.arctan2(line[:, 1], line[:, 0])[np.isfinite(line[:, 0])]))).max() < 0.02


def test_points_can_be_given() -> None:
    mine = torch.rand(7, 2)
    ax = geometry(HOLE, mine, normals=False)
    assert np.array_equal(np.asarray(ax.lines[0].get_xydata(), dtype=np.float32), mine.numpy())
    assert not [c for c in ax.collections if isinstance(c, Quiver)]


def test_an_interval_is_a_line() -> None:
    ax = geometry(Interval(x=(-1, 2)), 10)
    (line,) = ax.collections[0].get_segments()  # type: ignore[attr-defined]
    assert np.allclose(line, [[-1, 0], [2, 0]])
    at, along = arrows(ax)
    assert np.allclose(at[:, 0], [-1, 2]) and along[0, 0] < 0 < along[1, 0] and not along[:, 1].any()


def test_time_is_horizontal_and_has_a_scale_of_its_own() -> None:
    ax = geometry(SpaceTime(Interval(x=(-1, 1)), t=(0, 3)))
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_aspect()) == ("t", "x", "auto")
    (line,) = parts(ax)
    assert (line.min(axis=0).tolist(), line.max(axis=0).tolist()) == ([0, -1], [3, 1])
    assert np.allclose(arrows(ax)[1][:, 0], 0.0)


@pytest.mark.parametrize("domain", [Ball((0, 0, 0), 1), Box(x=(0, 1), y=(0, 2), z=(0, 1)), SpaceTime(Disc((0, 0), 1), t=(0, 2))])
def test_three_coordinates_are_in_perspective(domain: Domain) -> None:
    ax: Any = geometry(domain, 50)
    assert ax.name == "3d" and ax.get_zlabel() == domain.coords[2]
    inside, boundary = (torch.tensor(np.array(line.get_data_3d()).T) for line in ax.lines)
    assert len(inside) == 50 and domain.contains(inside).all()
    assert domain.within(boundary, 1e-9).all() and not domain.within(boundary, -1e-9).any()
    assert geometry(domain, ax=ax) is ax


def test_a_point_cloud_has_points_alone() -> None:
    ax = geometry(PointCloud(torch.rand(30, 2), ("x", "y")), 20)
    assert len(ax.lines) == 1 and not ax.collections


def test_the_generator_of_the_user_is_left_alone() -> None:
    before = torch.get_rng_state()
    geometry(Ball((0, 0, 0), 1))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("disc",), "geometry draws a Domain, but got 'disc'; of a problem, give problem.domain."),
        ((Box(a=(0, 1), b=(0, 1), c=(0, 1), d=(0, 1)),), "geometry draws up to three coordinates"),
        ((HOLE, 0), "points must be a whole number of at least 1, but got 0."),
        ((HOLE, torch.rand(5, 3)), "Points in (x, y) must be (N, 2), but got (5, 3)."),
    ],
)
def test_wrong_input_is_refused(arguments: tuple[Any, ...], sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        geometry(*arguments)
    assert sentence in str(caught.value)


def test_three_coordinates_need_the_projection() -> None:
    with pytest.raises(InputError, match="Three coordinates need axes of projection '3d', but got 'rectilinear'"):
        geometry(Ball((0, 0, 0), 1), ax=plt.subplots()[1])
