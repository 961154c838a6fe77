"""Nodes: how close and how far apart they are, by kd-trees, on domains of every kind."""

from __future__ import annotations

from pathlib import Path

import meshio
import numpy as np
import pytest
import torch
from scipy.spatial import Delaunay, cKDTree
from torch import Tensor

from rbfnet import InputError
from rbfnet.domains import Ball, Box, Disc, Domain, Interval, Mesh, Nodes, PointCloud, Rectangle, SpaceTime, place_nodes
from tests.domains.quarter import Quarter
from tests.domains.test_shapes import SHAPES, Shape

F64 = torch.float64

PLATE = Rectangle(x=(0, 1), y=(0, 1)) - Disc((0.5, 0.5), 0.2)
CUBE = Box(x=(0, 1), y=(0, 1), z=(0, 1))

placed = pytest.mark.parametrize("shape", [s for s in SHAPES.values() if len(s.domain.coords) < 4], ids=lambda s: repr(s.domain))


def apart(nodes: Nodes) -> Tensor:
    """The distance from each node to the nearest other one, relative to the spacing."""
    return torch.from_numpy(cKDTree(nodes.x.numpy()).query(nodes.x.numpy(), 2)[0][:, 1]) / nodes.spacing


def far(points: Tensor, nodes: Tensor, spacing: Tensor) -> Tensor:
    """The distance from points to the nearest node, relative to its spacing."""
    distance, nearest = cKDTree(nodes.numpy()).query(points.numpy())
    return torch.from_numpy(distance) / spacing[torch.from_numpy(nearest)]


def check(domain: Domain, nodes: Nodes, closest: float = 0.65) -> None:
    on = len(nodes.normals)
    assert float(apart(nodes).min()) >= closest
    assert float(far(domain.interior(4000, "random"), nodes.x, nodes.spacing).max()) <= 1.0
    assert float(far(domain.boundary(2000, "random"), nodes.boundary, nodes.spacing[:on]).max()) <= 1.0
    assert bool(domain.contains(nodes.x).all())


@placed
def test_nodes_keep_their_distance_and_leave_no_gap(shape: Shape) -> None:
    domain, size = shape.domain, float((shape.domain.box[1] - shape.domain.box[0]).max())
    nodes = place_nodes(domain, count=300)
    check(domain, nodes)
    assert len(nodes.x) == pytest.approx(300, rel=0.06)
    # The equation of the boundary, written down anew, is zero on it, and positive inside by more than that.
    assert float(shape.inside(nodes.boundary).abs().max()) <= 1e-12 * size
    if len(domain.coords) > 1:
        assert bool((shape.inside(nodes.interior) > 0).all())
    assert torch.allclose(nodes.normals.norm(dim=1), torch.ones(1, dtype=F64))
    # A step along the normal leads out, one against it leads in; at sharp or reentrant corners one of a side may not.
    step, off = 1e-5 * size, 1e-9 * size
    outside = shape.inside(nodes.boundary + step * nodes.normals) <= off
    inside = shape.inside(nodes.boundary - step * nodes.normals) >= -off
    assert int((~(outside & inside)).sum()) <= 6
    for number, name in enumerate(domain.parts):
        mine = nodes.boundary[nodes.part == number]
        if len(mine) and len(domain.coords) == 2:
            assert cKDTree(domain.boundary(4000, part=name).numpy()).query(mine.numpy())[0].max() < 4e-3 * size


def test_every_corner_is_a_node() -> None:
    corners = {
        PLATE: [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]],
        SHAPES["polygon"].domain: [[0, 0], [2, 0], [2, 1], [1, 1], [1, 2], [0, 2]],
        SHAPES["intersection"].domain: [[0.5, 0.75**0.5], [0.5, -(0.75**0.5)]],
        SHAPES["bitten"].domain: [[0.5, 0], [0, 0.5], [1, 0], [1, 1], [0, 1]],
        CUBE: [[float(x), float(y), float(z)] for x in (0, 1) for y in (0, 1) for z in (0, 1)],
        SHAPES["octant_of_a_shell"].domain: (np.kron([[1.0], [0.5]], np.eye(3))).tolist(),
    }
    for domain, points in corners.items():
        nodes = place_nodes(domain, spacing=0.25)
        assert torch.cdist(torch.tensor(points, dtype=F64), nodes.boundary).amin(dim=1).max() < 1e-12


def test_edges_of_solids_have_nodes() -> None:
    nodes = place_nodes(CUBE, spacing=0.2)
    on_edge = ((nodes.boundary == 0) | (nodes.boundary == 1)).sum(dim=1) == 2
    assert int(on_edge.sum()) == 12 * 4
    bored = CUBE - Ball((0.5, 0.5, 1.0), 0.3)
    nodes = place_nodes(bored, spacing=0.15)
    rim = (nodes.boundary - torch.tensor([0.5, 0.5, 1.0], dtype=F64)).norm(dim=1) - 0.3
    rim_nodes = (rim.abs() < 1e-12) & ((nodes.boundary[:, 2] - 1).abs() < 1e-12)
    assert int(rim_nodes.sum()) == round(2 * np.pi * 0.3 / 0.15)


def test_the_density_follows_the_spacing() -> None:
    def h(x: Tensor) -> Tensor:
        return 0.01 + 0.04 * x[:, 0]

    domain = Rectangle(x=(0, 1), y=(0, 1))
    nodes = place_nodes(domain, spacing=h)
    check(domain, nodes)
    for low in (0.0, 0.25, 0.5, 0.75):
        strip = (nodes.x[:, 0] >= low) & (nodes.x[:, 0] < low + 0.25)
        x = torch.linspace(low, low + 0.25, 1001, dtype=F64)[:, None]
        # Six neighbours at equal distances are 2 / sqrt 3 nodes in a square of that side, and the front is less dense.
        assert int(strip.sum()) == pytest.approx(1.1 * 0.25 * float((h(x) ** -2).mean()), rel=0.08)


def test_a_spacing_with_a_count_is_scaled_to_fit_it() -> None:
    nodes = place_nodes(PLATE, count=800, spacing=lambda x: 1 + 20 * PLATE.distance(x))
    check(PLATE, nodes, 0.6)
    assert len(nodes.x) == pytest.approx(800, rel=0.06)
    ratio = nodes.spacing / (1 + 20 * PLATE.distance(nodes.x))
    assert torch.allclose(ratio, ratio[0])


def test_graded_nodes_are_denser_near_holes() -> None:
    domain = Rectangle(x=(-0.5, 0.5), y=(-0.5, 0.5)) - Disc((0, 0), 0.1)
    nodes = place_nodes(domain, count=1000, spacing="graded")
    check(domain, nodes, 0.6)
    away = nodes.x.norm(dim=1)
    assert float(nodes.spacing[away > 0.6].mean() / nodes.spacing[away < 0.12].mean()) == pytest.approx(6.5, rel=0.15)


def test_nodes_on_a_line_are_at_equal_steps() -> None:
    nodes = place_nodes(Interval(x=(0, 1)), spacing=0.1)
    assert torch.allclose(nodes.x[:, 0].sort().values, torch.linspace(0, 1, 11, dtype=F64), atol=1e-9)
    assert nodes.normals.tolist() == [[-1.0], [1.0]]


def test_one_seed_gives_the_same_nodes_bit_for_bit() -> None:
    def once(seed: int) -> Tensor:
        torch.manual_seed(seed)
        return place_nodes(Ball((0, 0, 0), 1), spacing=0.3).x

    assert torch.equal(once(3), once(3)) and not torch.equal(once(3), once(4))


def test_a_mesh_in_any_order_has_even_nodes(tmp_path: Path) -> None:
    points = place_nodes(Disc((0, 0), 1), count=300).x.numpy()
    cells = np.random.default_rng(0).permutation(Delaunay(points).simplices)
    meshio.write_points_cells(tmp_path / "disc.vtk", np.column_stack([points, 0 * points[:, 0]]), [("triangle", cells)])
    mesh = Mesh(tmp_path / "disc.vtk")
    nodes = place_nodes(mesh, count=100)
    check(mesh, nodes)
    # Its facets are shorter than the spacing: nodes go along the boundary without regard to them.
    on_boundary = cKDTree(nodes.boundary.numpy()).query(nodes.boundary.numpy(), 2)[0][:, 1]
    assert np.ptp(on_boundary) < 0.03 * on_boundary.mean()


def test_a_mesh_of_tetrahedra_has_nodes_on_its_edges(tmp_path: Path) -> None:
    grid = np.stack(np.meshgrid(*[np.linspace(0, 1, 4)] * 3, indexing="ij"), -1).reshape(-1, 3)
    corner = np.stack(np.meshgrid(*[range(3)] * 3, indexing="ij"), -1).reshape(-1, 3) @ [16, 4, 1]
    paths = [
        np.cumsum([0, *np.array([16, 4, 1])[list(p)]]) for p in ([0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0])
    ]
    meshio.write_points_cells(tmp_path / "cube.vtk", grid, [("tetra", np.concatenate([corner[:, None] + p for p in paths]))])
    mesh = Mesh(tmp_path / "cube.vtk")
    nodes = place_nodes(mesh, spacing=0.2)
    check(mesh, nodes)
    sides = ((nodes.boundary.abs() < 1e-12) | ((nodes.boundary - 1).abs() < 1e-12)).sum(dim=1)
    assert int((sides == 3).sum()) == 8 and int((sides == 2).sum()) == 12 * 4 and int((sides == 0).sum()) == 0


def test_of_a_point_cloud_some_points_are_chosen() -> None:
    cloud = PointCloud(torch.rand(2000, 2, dtype=F64), ("x", "y"))
    nodes = place_nodes(cloud, spacing=0.05)
    assert float(apart(nodes).min()) >= 1.0 and not len(nodes.boundary)
    assert float(far(cloud.points, nodes.x, nodes.spacing).max()) <= 1.0
    assert cKDTree(cloud.points.numpy()).query(nodes.x.numpy())[0].max() == 0.0
    assert len(place_nodes(cloud, count=300).x) == pytest.approx(300, rel=0.03)


def test_a_domain_of_a_user_whose_pieces_are_not_all_of_its_boundary() -> None:
    domain = Quarter()
    nodes = place_nodes(domain, count=400)
    assert float(apart(nodes).min()) >= 0.65
    assert float(far(domain.interior(2000, "random"), nodes.x, nodes.spacing).max()) <= 1.1
    assert len(nodes.x) == pytest.approx(400, rel=0.05)


def test_narrow_gaps_and_acute_corners_keep_the_distance() -> None:
    for domain in (
        Rectangle(x=(0, 1), y=(0, 1)) - Rectangle(x=(0.1, 0.9), y=(0.51, 0.52)),
        SHAPES["slanted"].domain & Disc((1, 1), 1),
        Disc((0, 0), 1) - Disc((0.3, 0), 0.69),
    ):
        nodes = place_nodes(domain, spacing=0.1)
        assert float(apart(nodes).min()) >= 0.6
        assert bool(domain.contains(nodes.x).all())


@pytest.mark.slow
def test_many_nodes() -> None:
    for domain, count in ((PLATE, 100_000), (Ball((0, 0, 0), 1), 30_000)):
        nodes = place_nodes(domain, count=count)
        assert float(apart(nodes).min()) >= 0.65
        assert float(far(domain.interior(300_000, "random"), nodes.x, nodes.spacing).max()) <= 1.0
        assert len(nodes.x) == pytest.approx(count, rel=0.04)


@pytest.mark.parametrize(
    ("domain", "arguments", "what"),
    [
        (PLATE, {}, "count=1000 or spacing=0.1"),
        (PLATE, {"spacing": "graded"}, "count"),
        (PLATE, {"spacing": "even"}, "'graded'"),
        (PLATE, {"spacing": 0.0}, "spacing"),
        (PLATE, {"spacing": 1e-5}, "increase"),
        (PLATE, {"count": 0}, "count"),
        (PLATE, {"spacing": lambda x: x[:, 0] - 0.5}, "positive"),
        (PLATE, {"spacing": lambda x: x}, "one number per point"),
        (SpaceTime(PLATE, t=(0, 1)), {"count": 10}, "domain.space"),
        (Ball([0.5] * 5, 1), {"count": 10}, "three dimensions"),
        (PointCloud(torch.zeros(3, 2), ("x", "y")), {"count": 2}, "distinct"),
    ],
)
def test_wrong_input_is_one_sentence(domain: Domain, arguments: dict[str, object], what: str) -> None:
    with pytest.raises(InputError, match=what):
        place_nodes(domain, **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("domain", [Disc((0.0, 0.0), 1.0), Ball((0.0, 0.0, 0.0), 1.0)], ids=["plane", "space"])
def test_a_spacing_beyond_the_domain_gives_a_single_node(domain: Domain) -> None:
    assert len(place_nodes(domain, spacing=100.0).x) == 1
