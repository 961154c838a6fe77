"""Every shape, by its name in one table, against its equation and the closed forms of its volume and surface."""

from __future__ import annotations

import math
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from torch import Tensor

from rbfnet.domains import Ball, Box, Difference, Disc, Domain, Ellipse, Interval, Polygon, Rectangle, SpaceTime
from rbfnet.nn import Ansatz, RBFNetwork
from rbfnet.operators import laplacian, partial
from tests.domains.quarter import Quarter

F64 = torch.float64


@dataclass
class Shape:
    domain: Domain
    inside: Callable[[Tensor], Tensor]
    """Positive inside, zero on the boundary: written down anew, in closed form."""
    volume: float
    surface: float
    rel: float = 1e-12
    """Of the surface: parts of boundaries are counted."""


def square(x: Tensor, low: float, high: float) -> Tensor:
    return torch.minimum(x - low, high - x).amin(dim=1)


def disc(x: Tensor, center: list[float], radius: float) -> Tensor:
    return radius - (x - torch.tensor(center, dtype=F64)).pow(2).sum(dim=1).sqrt()


def ell(x: Tensor) -> Tensor:
    """The L-shape: the square of side 2 without that of side 1 in its upper right."""
    return torch.minimum(square(x, 0, 2), torch.maximum(1 - x[:, 0], 1 - x[:, 1]))


A, B = 3.0, 0.5
CIRCUMFERENCE = quad(lambda t: math.hypot(A * math.sin(t), B * math.cos(t)), 0, 2 * math.pi, epsabs=1e-12, limit=200)[0]
LENS = 2 * math.pi / 3 - math.sqrt(3) / 2
QUARTER = 0.25 * math.pi * 0.25

SHAPES = {
    "interval": Shape(Interval(x=(-1, 3)), lambda x: square(x, -1, 3), 4.0, 2.0),
    "rectangle": Shape(
        Rectangle(x=(0, 3), y=(0, 1)), lambda x: torch.minimum(square(x[:, :1], 0, 3), square(x[:, 1:], 0, 1)), 3.0, 8.0
    ),
    "box": Shape(Box(x=(0, 1), y=(0, 1), z=(0, 1)), lambda x: square(x, 0, 1), 1.0, 6.0),
    "disc": Shape(Disc((1, -2), 0.5), lambda x: disc(x, [1, -2], 0.5), math.pi / 4, math.pi),
    "ball": Shape(Ball((0, 0, 1), 2), lambda x: disc(x, [0, 0, 1], 2), 32 * math.pi / 3, 16 * math.pi),
    "ball_in_5d": Shape(Ball([0.5] * 5, 1), lambda x: disc(x, [0.5] * 5, 1), 8 * math.pi**2 / 15, 8 * math.pi**2 / 3),
    "ellipse": Shape(
        Ellipse((1, 2), (A, B)),
        lambda x: 1 - ((x[:, 0] - 1) / A).square() - ((x[:, 1] - 2) / B).square(),
        math.pi * A * B,
        CIRCUMFERENCE,
    ),
    "polygon": Shape(Polygon([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)]), ell, 3.0, 8.0),
    "polygon_with_hole": Shape(
        # Clockwise outside: either sense will do.
        Polygon([(0, 0), (0, 3), (3, 3), (3, 0)], holes=[[(1, 1), (2, 1), (2, 2), (1, 2)]]),
        lambda x: torch.minimum(square(x, 0, 3), -square(x, 1, 2)),
        8.0,
        16.0,
    ),
    "union": Shape(
        Disc((0, 0), 1) | Disc((1, 0), 1),
        lambda x: torch.maximum(disc(x, [0, 0], 1), disc(x, [1, 0], 1)),
        2 * math.pi - LENS,
        8 * math.pi / 3,
        1e-3,
    ),
    "intersection": Shape(
        Disc((0, 0), 1) & Disc((1, 0), 1),
        lambda x: torch.minimum(disc(x, [0, 0], 1), disc(x, [1, 0], 1)),
        LENS,
        4 * math.pi / 3,
        1e-3,
    ),
    "bitten": Shape(
        Rectangle(x=(0, 1), y=(0, 1)) - Disc((0, 0), 0.5),
        lambda x: torch.minimum(square(x, 0, 1), -disc(x, [0, 0], 0.5)),
        1 - QUARTER,
        3 + math.pi / 4,
        1e-3,
    ),
    "pierced": Shape(
        Rectangle(x=(-1, 1), y=(-1, 1)) - Disc((0.5, 0.5), 0.2) - Disc((-0.5, 0), 0.3),
        lambda x: torch.minimum(square(x, -1, 1), -torch.maximum(disc(x, [0.5, 0.5], 0.2), disc(x, [-0.5, 0.0], 0.3))),
        4 - math.pi * 0.13,
        8 + math.pi,
    ),
    "octant_of_a_shell": Shape(
        (Ball((0, 0, 0), 1) - Ball((0, 0, 0), 0.5)) & Box(x=(0, 2), y=(0, 2), z=(0, 2)),
        lambda x: torch.minimum(torch.minimum(disc(x, [0] * 3, 1), -disc(x, [0] * 3, 0.5)), square(x, 0, 2)),
        math.pi / 6 * (1 - 1 / 8),
        math.pi / 2 * 1.25 + 3 * math.pi / 4 * 0.75,
        5e-3,
    ),
    "two_rings": Shape(
        (Disc((0, 0), 1) - Disc((0, 0), 0.5)) | (Disc((3, 0), 1) - Disc((3, 0), 0.5)),
        lambda x: torch.maximum(*(torch.minimum(disc(x, [c, 0], 1), -disc(x, [c, 0], 0.5)) for c in (0.0, 3.0))),
        1.5 * math.pi,
        6 * math.pi,
    ),
    "island": Shape(
        Disc((0, 0), 2) - (Disc((0, 0), 1.5) - Disc((0, 0), 0.5)),
        lambda x: torch.minimum(disc(x, [0, 0], 2), -torch.minimum(disc(x, [0, 0], 1.5), -disc(x, [0, 0], 0.5))),
        2 * math.pi,
        8 * math.pi,
    ),
    "slanted": Shape(
        Polygon([(0.1, 0.2), (3.3, 0.9), (1.1, 2.7)]),
        lambda x: torch.stack(
            [
                ((b[0] - a[0]) * (x[:, 1] - a[1]) - (b[1] - a[1]) * (x[:, 0] - a[0])) / math.dist(a, b)
                for a, b in [((0.1, 0.2), (3.3, 0.9)), ((3.3, 0.9), (1.1, 2.7)), ((1.1, 2.7), (0.1, 0.2))]
            ]
        ).amin(dim=0),
        (3.2 * 2.5 - 0.7 * 1.0) / 2,
        math.dist((0.1, 0.2), (3.3, 0.9)) + math.dist((3.3, 0.9), (1.1, 2.7)) + math.dist((1.1, 2.7), (0.1, 0.2)),
    ),
    "two_intervals": Shape(
        Interval(x=(0, 1)) | Interval(x=(2, 4)),
        lambda x: torch.maximum(square(x, 0, 1), square(x, 2, 4)),
        3.0,
        4.0,
    ),
}

each = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)


@each
def test_contains_is_what_the_equation_says(shape: Shape) -> None:
    low, high = shape.domain.box
    # Points around the box as well as in it.
    x = low - 0.1 + (high - low + 0.2) * torch.rand(4000, len(low), dtype=F64)
    assert torch.equal(shape.domain.contains(x), shape.inside(x) >= 0)
    assert torch.equal(shape.domain.contains(x), shape.domain.implicit(x) >= 0)
    assert not shape.domain.contains(torch.full_like(x[:1], math.nan)).any()


@each
def test_volume_by_closed_form_and_by_monte_carlo(shape: Shape) -> None:
    assert shape.domain.volume == pytest.approx(shape.volume, rel=3e-11)
    low, high = shape.domain.box
    x = low + (high - low) * torch.rand(100_000, len(low), dtype=F64)
    share = (shape.inside(x) >= 0).double().mean().item()
    error = 5 * math.sqrt(share * (1 - share) / len(x))
    assert share * (high - low).prod().item() == pytest.approx(shape.volume, abs=error * (high - low).prod().item() + 1e-12)


@each
@pytest.mark.parametrize("sampler", ["halton", "random"])
def test_boundary_points_satisfy_the_equation_and_are_as_many_as_asked_for(shape: Shape, sampler: str) -> None:
    points, normals = shape.domain.boundary_with_normals(203, sampler)
    flat = len(shape.domain.coords) == 1
    assert len(points) == (shape.surface if flat else 203) and points.dtype == normals.dtype == F64
    assert shape.inside(points).abs().max() < 1e-14 * 10
    assert shape.domain.contains(points).all()
    assert shape.domain.boundary_measure() == pytest.approx(shape.surface, rel=max(shape.rel, 1e-12))


@each
def test_normals_are_outward_unit_vectors_along_the_gradient(shape: Shape) -> None:
    points, normals = shape.domain.boundary_with_normals(150, "random")
    torch.testing.assert_close(normals.square().sum(dim=1), torch.ones(len(points), dtype=F64))
    h = 1e-6
    assert shape.domain.contains(points - h * normals).all() and not shape.domain.contains(points + h * normals).any()
    steps = h * torch.eye(points.shape[1], dtype=F64)
    gradient = torch.stack([(shape.inside(points + s) - shape.inside(points - s)) / (2 * h) for s in steps], dim=1)
    gradient = gradient / gradient.square().sum(dim=1, keepdim=True).sqrt()
    torch.testing.assert_close(normals, -gradient, atol=1e-5, rtol=0)
    torch.testing.assert_close(shape.domain.normals(points), normals, atol=1e-6, rtol=0)


@each
def test_the_divergence_theorem_holds(shape: Shape) -> None:
    """The mean of x . n over the boundary, times its measure, is D times the volume: points are even, and normals right."""
    domain = shape.domain
    points, normals = domain.boundary_with_normals(4000)
    flux = (points * normals).sum(dim=1)
    # Each part has its share of the points to within one.
    total = flux.mean().item() * domain.boundary_measure() if points.shape[1] > 1 else flux.sum().item()
    assert total == pytest.approx(points.shape[1] * shape.volume, rel=5e-3 if points.shape[1] > 2 else 2e-3)


@each
def test_distance_is_zero_on_the_boundary_positive_inside_with_a_slope(shape: Shape) -> None:
    domain = shape.domain
    points, normals = domain.boundary_with_normals(100, "random")
    assert domain.distance(points).abs().max() < 1e-14
    assert (domain.distance(domain.interior(500, "random")) > 0).all()
    # A box is a product: its slope falls off towards the corners, where it must, so points near them tell nothing.
    x = points.requires_grad_()
    (slope,) = torch.autograd.grad(domain.distance(x).sum(), x)
    along = -(slope * normals).sum(dim=1)
    assert (along > 0).all() and along.median() > 0.1
    torch.testing.assert_close(slope, -along[:, None] * normals, atol=1e-7, rtol=1e-7)


@each
def test_derivatives_of_the_distance_are_finite_and_right_to_second_order(shape: Shape) -> None:
    domain = shape.domain
    x = torch.cat([domain.interior(60), domain.boundary(20), domain.interior(9 if len(domain.coords) == 2 else 8, "halton")])
    assert torch.isfinite(laplacian(domain.distance, x)).all()
    inside = domain.interior(200)
    inside = inside[(shape.inside(inside) > 0.05)]
    h = 1e-4
    for i in range(inside.shape[1]):
        e = torch.zeros(inside.shape[1], dtype=F64)
        e[i] = h
        d = domain.distance
        order = tuple(int(i == j) for j in range(len(e)))
        wanted = (d(inside + e) - d(inside - e)) / (2 * h)
        torch.testing.assert_close(partial(d, inside, order)[:, 0], wanted, atol=1e-4, rtol=1e-4)
        wanted = (d(inside + e) - 2 * d(inside) + d(inside - e)) / h**2
        torch.testing.assert_close(partial(d, inside, tuple(2 * o for o in order))[:, 0], wanted, atol=1e-3, rtol=1e-2)


@each
def test_distance_keeps_float32(shape: Shape) -> None:
    x = shape.domain.interior(50).float()
    found = shape.domain.distance(x)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, shape.domain.distance(x.double()).float(), atol=1e-5, rtol=1e-3)
    assert shape.domain.contains(shape.domain.boundary(50).float()).all()


@each
def test_a_shape_can_be_sent_to_another_process(shape: Shape) -> None:
    shape.domain.boundary(3)
    again = pickle.loads(pickle.dumps(shape.domain))
    torch.manual_seed(3)
    wanted = shape.domain.boundary(40, "random")
    torch.manual_seed(3)
    assert torch.equal(again.boundary(40, "random"), wanted) and repr(again) == repr(shape.domain)


def test_an_ansatz_on_a_polygon_is_zero_on_its_boundary_with_derivatives() -> None:
    domain = SHAPES["polygon"].domain
    model = Ansatz(RBFNetwork(2, 1, 10, dtype=F64), distance=domain.distance)
    model.set_coefficients(torch.randn(model.coefficients.shape, dtype=F64))
    assert not model(domain.boundary(64)).any()
    assert torch.isfinite(laplacian(model, domain.interior(64))).all()


def test_the_distance_of_a_polygon_at_its_vertices_and_where_edges_line_up() -> None:
    vertices = [(0.0, 0.0), (2.0, 0.0), (2.0, 1.0), (1.0, 1.0), (1.0, 2.0), (0.0, 2.0)]
    domain = Polygon(vertices)
    x = torch.tensor([*vertices, (0.5, 1.0), (1.0, 0.5)], dtype=F64)
    for order in ((1, 0), (0, 1), (2, 0), (1, 1)):
        assert torch.isfinite(partial(domain.distance, x, order)).all()
    assert not domain.distance(x[:6]).any() and (domain.distance(x[6:]) > 0).all()


def test_the_distance_of_a_convex_polygon_is_that_of_its_definition() -> None:
    """2 / integral over directions of 1 / (distance to the boundary), by the trapezoid rule."""
    domain = Polygon([(0, 0), (4, 0), (3, 2), (0, 1)])
    x = torch.tensor([[1.0, 0.5], [2.5, 1.2], [0.2, 0.8]], dtype=F64)
    vertices = np.array([(0, 0), (4, 0), (3, 2), (0, 1)], dtype=float)
    along = np.roll(vertices, -1, axis=0) - vertices
    normal = np.column_stack([along[:, 1], -along[:, 0]])
    angles = 2 * np.pi * (np.arange(200_000) + 0.5) / 200_000
    directions = np.column_stack([np.cos(angles), np.sin(angles)])
    for point, value in zip(x.numpy(), domain.distance(x), strict=True):
        # A ray leaves a convex polygon by the first of the lines it meets.
        inverse = ((directions @ normal.T) / ((vertices - point) * normal).sum(axis=1)).max(axis=1)
        assert value.item() == pytest.approx(2 / (inverse.mean() * 2 * np.pi), rel=1e-8)


def test_the_polygon_and_the_difference_of_boxes_are_the_same_shape() -> None:
    other = Rectangle(x=(0, 2), y=(0, 2)) - Rectangle(x=(1, 3), y=(1, 3))
    x = -0.5 + 3 * torch.rand(2000, 2, dtype=F64)
    assert torch.equal(other.contains(x), SHAPES["polygon"].domain.contains(x))
    assert other.boundary_measure() == pytest.approx(8.0, rel=1e-3)
    assert other.parts == ("x=low", "x=high", "y=low", "y=high", "hole 1 x=low", "hole 1 y=low")


def test_boundary_points_are_evenly_spaced_on_curves() -> None:
    for name in ("disc", "ellipse", "polygon"):
        points = SHAPES[name].domain.boundary(2000)
        step = (points.roll(-1, 0) - points).square().sum(dim=1).sqrt()
        assert step.min() > (0.7 if name == "polygon" else 0.999) * step.max(), name
    # Where a part is cut to pieces, within an eighth.
    kept = SHAPES["bitten"].domain.boundary(1000, part="hole 1")
    step = (kept[1:] - kept[:-1]).square().sum(dim=1).sqrt()
    assert step.max() < 1.3 * step.min()


def test_points_on_a_sphere_are_even() -> None:
    """Archimedes: each coordinate of a sphere in 3-D is uniform; in 5-D its density goes with (1 - z^2)."""
    points = Ball((0, 0, 0), 1).boundary(4000)
    for z in points.T:
        assert (z.sort().values - torch.linspace(-1, 1, 4000, dtype=F64)).abs().max() < 0.02
    points = Ball([0] * 5, 1).boundary(4000)
    assert points.mean(dim=0).abs().max() < 0.02
    torch.testing.assert_close(points.square().mean(dim=0), torch.full((5,), 0.2, dtype=F64), atol=0.01, rtol=0)


def test_parts_are_chosen_by_name_by_the_beginning_of_names_or_by_a_function() -> None:
    domain = SHAPES["pierced"].domain
    assert isinstance(domain, Difference)
    assert domain.parts == ("x=low", "x=high", "y=low", "y=high", "hole 1", "hole 2")
    assert (disc(domain.boundary(30, part="hole 2"), [-0.5, 0], 0.3).abs() < 1e-12).all()
    assert (square(domain.boundary(30, part="outer"), -1, 1).abs() < 1e-12).all()
    assert (domain.boundary(30, part="x=low")[:, 0] == -1).all()
    right = domain.boundary(30, part=lambda x: x[:, 0] > 0.8)
    assert len(right) == 30 and (right[:, 0] > 0.8).all()
    assert domain.boundary_measure(lambda x: x[:, 0] > 0.8) == pytest.approx(2.4, rel=1e-2)
    boxes = Rectangle(x=(0, 3), y=(0, 3)) - Rectangle(x=(1, 2), y=(1, 2)) - Disc((0.5, 0.5), 0.1)
    assert boxes.parts[4:] == ("hole 1 x=low", "hole 1 x=high", "hole 1 y=low", "hole 1 y=high", "hole 2")
    assert boxes.boundary_measure("hole 1") == pytest.approx(4.0)
    assert SHAPES["two_rings"].domain.parts == ("circle (1)", "hole 1 (1)", "circle (2)", "hole 1 (2)")
    assert (Polygon([(0, 0), (3, 0), (3, 3)], holes=[[(1, 0.2), (2, 0.2), (2, 0.5)]]) - Disc((2, 1.5), 0.1)).parts == (
        "outer",
        "hole 1",
        "hole 2",
    )


def test_a_boundary_that_two_members_share_is_counted_once() -> None:
    overlap = Rectangle(x=(0, 2), y=(0, 1)) & Rectangle(x=(1, 3), y=(0, 1))
    assert overlap.boundary_measure() == pytest.approx(4.0, rel=1e-3) and overlap.volume == pytest.approx(1.0, rel=1e-3)
    beside = Rectangle(x=(0, 1), y=(0, 1)) | Rectangle(x=(1, 2), y=(0, 1))
    assert beside.boundary_measure() == pytest.approx(6.0, rel=1e-3)
    assert beside.contains(torch.tensor([[1.0, 0.5]], dtype=F64)).all()
    with pytest.raises(ValueError, match="only touch"):
        beside.distance(beside.box)


def test_a_geometry_of_ones_own_has_all_the_rest() -> None:
    domain = Quarter()
    for sampler in ("grid", "poisson_disc", "boundary_refined", "sobol"):
        points = domain.interior(50, sampler)
        assert len(points) == 50 and domain.contains(points).all()
    points, normals = SpaceTime(domain, t=(0, 1)).boundary_with_normals(50, part="arc")
    torch.testing.assert_close(points[:, :2], normals[:, :2])
    pierced = domain - Disc((0.5, 0.5), 0.1)
    assert pierced.parts == ("arc", "hole 1") and pierced.volume == pytest.approx(math.pi / 4 - math.pi / 100)
    torch.testing.assert_close(domain.normals(points[:, :2]), normals[:, :2])


def test_normals_at_a_corner_are_between_its_sides_and_keep_float32() -> None:
    corners = torch.tensor([[0.0, 0.0], [3.0, 3.0]])
    for domain in (Rectangle(x=(0, 3), y=(0, 3)), Polygon([(0, 0), (3, 0), (3, 3), (0, 3)])):
        found = domain.normals(corners)
        assert found.dtype == torch.float32
        torch.testing.assert_close(found, torch.tensor([[-1.0, -1.0], [1.0, 1.0]]) / math.sqrt(2), atol=1e-3, rtol=0)


def test_shapely_meshio_and_scipy_are_imported_where_they_are_needed() -> None:
    code = "import rbfnet.domains, sys; print([m for m in ('shapely', 'meshio', 'scipy') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_quadrature() -> None:
    x, w = Interval(x=(0, 2)).quadrature(5)
    assert (w * x[:, 0] ** 9).sum().item() == pytest.approx(2**10 / 10, rel=1e-13)
    x, w = Box(x=(0, 2), y=(-1, 2), z=(0, 1)).quadrature(70)
    assert len(x) == len(w) == 64
    assert (w * x[:, 0] ** 7 * x[:, 1] ** 6 * x[:, 2]).sum().item() == pytest.approx(2**8 / 8 * (2**7 + 1) / 7 / 2, rel=1e-13)
    for name, tolerance in (("disc", 1e-2), ("ball", 1e-2), ("bitten", 1e-2)):
        domain = SHAPES[name].domain
        x, w = domain.quadrature(2000)
        assert len(x) == len(w) and w.sum().item() == pytest.approx(SHAPES[name].volume, rel=1e-12)
        box = domain.box
        fine = box[0] + (box[1] - box[0]) * torch.rand(400_000, len(box[0]), dtype=F64)
        f = fine.square().sum(dim=1) * (SHAPES[name].inside(fine) >= 0)
        wanted = f.mean().item() * (box[1] - box[0]).prod().item()
        assert (w * x.square().sum(dim=1)).sum().item() == pytest.approx(wanted, rel=tolerance)


def test_points_outside_are_refused_with_the_first_of_them() -> None:
    domain = SHAPES["disc"].domain
    domain.require_inside(domain.boundary(20))
    x = torch.tensor([[1.0, -2.0], [5.0, 0.0], [math.nan, 0.0]], dtype=F64)
    with pytest.raises(ValueError, match=r"2 of 3 sensors lie outside Disc\(.*row 1 with \(x, y\) = \(5, 0\)"):
        domain.require_inside(x, "sensors")
    with pytest.raises(ValueError, match=r"must be \(N, 2\), but got \(3, 3\)"):
        domain.contains(torch.zeros(3, 3))
    with pytest.raises(ValueError, match="is not on the boundary"):
        domain.normals(x[:1])


BOW_TIE = [(0, 0), (1, 1), (1, 0), (0, 1)]
WRONG = {
    "a polygon that crosses itself": (lambda: Polygon(BOW_TIE), "Self-intersection"),
    "a polygon of two vertices": (lambda: Polygon([(0, 0), (1, 1)]), "must be at least three, but got 2"),
    "a polygon on a line": (lambda: Polygon([(0, 0), (1, 1), (2, 2)]), "holes inside"),
    "a polygon in space": (lambda: Polygon([(0, 0, 0), (1, 1, 1), (2, 2, 0)]), r"shape \(N, 2\), but got \(3, 3\)"),
    "a hole outside": (lambda: Polygon([(0, 0), (1, 0), (0, 1)], holes=[[(5, 5), (6, 5), (5, 6)]]), "Hole lies outside"),
    "a vertex that is infinite": (lambda: Polygon([(0, 0), (math.inf, 0), (0, 1)]), "must be finite, but got inf"),
    "words for numbers": (lambda: Disc(("a", "b"), 1), "not an array of numbers"),  # type: ignore[arg-type]
    "a radius of zero": (lambda: Disc((0, 0), 0), "must be positive, but got 0"),
    "a radius that is none": (lambda: Disc((0, 0), math.nan), "must be finite, but got nan"),
    "a disc in space": (lambda: Disc((0, 0, 0), 1), r"shape \(2,\), but got \(3,\)"),
    "a ball on a line": (lambda: Ball((0,), 1), "use Interval"),
    "a flat ellipse": (lambda: Ellipse((0, 0), (1, -1)), "must be positive, but got -1"),
    "names that do not fit": (lambda: Disc((0, 0), 1, coords=("x", "x")), "2 different names"),
    "nothing in common": (lambda: Disc((0, 0), 1) & Disc((5, 0), 1), "Disc.* is empty: none of"),
    "boxes that touch but do not overlap": (lambda: Box(x=(0, 1)) & Box(x=(1, 2)), " is empty: none of"),
    "all taken away": (lambda: Disc((0, 0), 1) - Rectangle(x=(-2, 2), y=(-2, 2)), " is empty: none of"),
    "other coordinates": (lambda: Disc((0, 0), 1) - Disc((0, 0), 0.5, coords=("r", "z")), r"\(x, y\) and \(r, z\)"),
    "no domain": (lambda: Disc((0, 0), 1) | 3, "but got 3"),  # type: ignore[operator]
    "one member": (lambda: Difference(Disc((0, 0), 1)), "at least two domains, but got 1"),
    "space-time in space": (lambda: Disc((0, 0), 1) | SpaceTime(Interval(x=(0, 1)), y=(0, 1)), "combine the spaces"),
    "an interval of two sides": (lambda: Interval(x=(0, 1), y=(0, 1)), "one side"),
    "an unknown part": (lambda: Rectangle(x=(0, 1), y=(0, 1)).boundary(5, part="x=hi"), "did you mean 'x=high'"),
    "a part that is gone": (lambda: (Disc((0, 0), 1) - Disc((0, 0), 0.5)).boundary(5, part="hole 2"), "did you mean 'hole 1'"),
    "a function with no point": (
        lambda: Disc((0, 0), 1).boundary(5, part=lambda x: x[:, 0] > 2),
        "is false at all boundary points of Disc",
    ),
    "an unknown sampler": (lambda: Disc((0, 0), 1).interior(5, "sobel"), "did you mean 'sobol'"),
    "an unknown sampler of a boundary": (lambda: Disc((0, 0), 1).boundary(5, "sobel"), "did you mean 'sobol'"),
    "no points": (lambda: Disc((0, 0), 1).interior(0), "at least 1, but got 0"),
    "half a point": (lambda: Disc((0, 0), 1).boundary(2.5), "but got 2.5"),  # type: ignore[arg-type]
    "no time": (lambda: Disc((0, 0), 1).initial(5), "has no time; use SpaceTime"),
}


@pytest.mark.parametrize(("attempt", "sentence"), WRONG.values(), ids=WRONG)
def test_wrong_input_is_answered_in_a_sentence(attempt: Callable[[], object], sentence: str) -> None:
    from rbfnet import InputError

    with pytest.raises(InputError, match=sentence):
        attempt()
