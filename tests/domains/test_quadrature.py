"""Integrals over every geometry against closed forms, and of overlapping shapes against mpmath."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from functools import cache
from pathlib import Path

import meshio
import mpmath
import numpy as np
import pytest
import torch
from scipy.special import iv
from torch import Tensor

from rbfnet import InputError
from rbfnet.domains import (
    Ball,
    Box,
    Difference,
    Disc,
    Domain,
    Ellipse,
    Interval,
    Mesh,
    PointCloud,
    Polygon,
    Rectangle,
    SpaceTime,
)
from tests.domains.quarter import Quarter

F64 = torch.float64
A = (1.3, -0.7, 0.4)
"""The integrand is exp(A . x) wherever nothing else is said."""


def wave(x: Tensor) -> Tensor:
    return (x @ torch.tensor(A[: x.shape[1]], dtype=F64)).exp()


def one(x: Tensor) -> Tensor:
    return torch.ones_like(x[:, 0])


def box(*sides: tuple[float, float]) -> float:
    return math.prod((math.exp(a * high) - math.exp(a * low)) / a for a, (low, high) in zip(A, sides, strict=False))


def disc(center: tuple[float, float], r: float) -> float:
    k = math.hypot(*A[:2])
    return 2 * math.pi * r / k * iv(1, k * r) * math.exp(A[0] * center[0] + A[1] * center[1])


def ball(center: tuple[float, float, float], r: float) -> float:
    k = math.hypot(*A)
    s = k * r
    return 4 * math.pi / k**3 * (s * math.cosh(s) - math.sinh(s)) * math.exp(sum(a * c for a, c in zip(A, center, strict=True)))


def triangle(*corners: tuple[float, float]) -> float:
    """2 |T| times the divided difference of exp at the values of A . x at the corners."""
    (ax, ay), (bx, by), (cx, cy) = corners
    area = abs((bx - ax) * (cy - ay) - (by - ay) * (cx - ax)) / 2
    p, q, r = (A[0] * x + A[1] * y for x, y in corners)
    return 2 * area * sum(math.exp(u) / ((u - v) * (u - w)) for u, v, w in ((p, q, r), (q, r, p), (r, p, q)))


@cache
def lens(d: float, r: float = 1.0, s: float = 1.0) -> float:
    """exp(A . x) over the intersection of the discs of radius r about (0, 0) and s about (d, 0): along lines, by mpmath."""
    meet = (d * d + r * r - s * s) / (2 * d)

    def chord(x: mpmath.mpf) -> mpmath.mpf:
        half = mpmath.sqrt(max(r * r - x * x if x > meet else s * s - (x - d) ** 2, 0))
        return mpmath.exp(A[0] * x) * 2 * mpmath.sinh(-A[1] * half) / -A[1]

    return float(mpmath.quad(chord, [d - s, meet, r]))


D = (0.5, 0.4, 0.3)
LENGTH = math.hypot(*D)


def along(x: Tensor) -> Tensor:
    """exp of the distance along D."""
    return (x @ torch.tensor(D, dtype=F64) / LENGTH).exp()


@cache
def caps(r: float, s: float) -> float:
    """The same over the intersection of the balls of radius r about 0 and s about D."""
    meet = (LENGTH**2 + r * r - s * s) / (2 * LENGTH)
    one_side = mpmath.quad(lambda t: mpmath.exp(t) * mpmath.pi * (s * s - (t - LENGTH) ** 2), [LENGTH - s, meet])
    return float(one_side + mpmath.quad(lambda t: mpmath.exp(t) * mpmath.pi * (r * r - t * t), [meet, r]))


def round_(r: float, t: float) -> float:
    """The same over a ball of radius r whose centre is at t along D."""
    return 4 * math.pi * (r * math.cosh(r) - math.sinh(r)) * math.exp(t)


class Squircle(Quarter):
    """x^4 + y^4 <= 1."""

    volume = 4 * math.gamma(1.25) ** 2 / math.gamma(1.5)
    box = torch.tensor([[-1.0, -1.0], [1.0, 1.0]], dtype=F64)

    def within(self, x: Tensor, slack: float) -> Tensor:
        return x.pow(4).sum(dim=1) <= (1 + slack) ** 4

    def implicit(self, x: Tensor) -> Tensor:
        return 1 - x.pow(4).sum(dim=1)


SQUARE = Rectangle(x=(-1, 1), y=(-1, 1))
CUBE = Box(x=(-1, 1), y=(-1, 1), z=(-1, 1))
IN_SQUARE, IN_CUBE = box((-1, 1), (-1, 1)), box((-1, 1), (-1, 1), (-1, 1))
ELL = box((0, 2), (0, 2)) - box((1, 2), (1, 2))
CORNERS = ((0.1, 0.2), (3.3, 0.9), (1.1, 2.7))
SEGMENT = math.acos(0.3) - 0.3 * math.sqrt(1 - 0.09)
HOLES = [((-0.8 + 0.4 * i, -0.8 + 0.4 * j), 0.1 + 0.015 * i) for i in range(5) for j in range(5)]
QUARTER = math.pi / 96
"""Of x^2 y^2 over the quarter of the unit disc."""


def squares(x: Tensor) -> Tensor:
    return x[:, 0].square() * x[:, 1].square()


CASES: dict[str, tuple[Domain, Callable[[Tensor], Tensor], float]] = {
    # -- one shape
    "interval": (Interval(x=(-1, 3)), wave, box((-1, 3))),
    "box": (CUBE, wave, IN_CUBE),
    "disc": (Disc((1, -2), 0.5), wave, disc((1, -2), 0.5)),
    "ball": (Ball((0, 0, 1), 2), wave, ball((0, 0, 1), 2)),
    "ball in 5-D": (Ball([0] * 5, 1), lambda x: squares(x), 8 * math.pi**2 / 15 / 63),
    "ellipse": (Ellipse((0, 0), (3, 0.5)), squares, 1.5 * 9 * 0.25 * math.pi / 24),
    "polygon": (Polygon([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)]), wave, ELL),
    "slanted": (Polygon(CORNERS), wave, triangle(*CORNERS)),
    "polygon with holes": (
        Polygon(
            [(-1, -1), (1, -1), (1, 1), (-1, 1)],
            holes=[CORNERS_SMALL := [(0, 0), (0.5, 0.1), (0.2, 0.6)], [(-0.5, -0.5), (-0.4, -0.5), (-0.4, -0.2)]],
        ),
        wave,
        IN_SQUARE - triangle(*CORNERS_SMALL) - triangle((-0.5, -0.5), (-0.4, -0.5), (-0.4, -0.2)),
    ),
    # -- on a line
    "intervals": (
        (Interval(x=(0, 1)) | Interval(x=(2, 4))) - Interval(x=(2.5, 2.6)),
        wave,
        box((0, 1)) + box((2, 4)) - box((2.5, 2.6)),
    ),
    "intervals that meet": (Interval(x=(0, 1)) | Interval(x=(1, 2)), wave, box((0, 2))),
    # -- in the plane
    "square minus disc": (SQUARE - Disc((0.1, 0.2), 0.5), wave, IN_SQUARE - disc((0.1, 0.2), 0.5)),
    "square minus two discs": (
        SQUARE - Disc((0.5, 0), 0.1) - Disc((-0.5, 0), 0.1),
        wave,
        IN_SQUARE - disc((0.5, 0), 0.1) - disc((-0.5, 0), 0.1),
    ),
    "L of rectangles": (Rectangle(x=(0, 2), y=(0, 2)) - Rectangle(x=(1, 3), y=(1, 3)), wave, ELL),
    "rectangles side by side": (Rectangle(x=(0, 1), y=(0, 2)) | Rectangle(x=(1, 2), y=(0, 1)), wave, ELL),
    "overlapping discs": (Disc((0, 0), 1) | Disc((1, 0), 1), wave, disc((0, 0), 1) + disc((1, 0), 1) - lens(1.0)),
    "lens": (Disc((0, 0), 1) & Disc((1, 0), 1), wave, lens(1.0)),
    "narrow lens": (Disc((0, 0), 1) & Disc((1.499, 0), 0.5), wave, lens(1.499, 1.0, 0.5)),
    "crescent": (Disc((0, 0), 1) - Disc((1, 0), 1), wave, disc((0, 0), 1) - lens(1.0)),
    "half of a disc": (Disc((0, 0), 1) & Rectangle(x=(-2, 2), y=(0, 2)), lambda x: x[:, 1], 2 / 3),
    "disc cut by a line": (Disc((0, 0), 1) & Rectangle(x=(-2, 0.3), y=(-2, 2)), one, math.pi - SEGMENT),
    "disc cut by an oblique line": (
        Disc((0, 0), 1) & Polygon([(-9, -9), (0.3 * 1.25 + 9 * 0.75, -9), (0.3 * 1.25 - 9 * 0.75, 9), (-9, 9)]),
        one,
        math.pi - SEGMENT,
    ),
    "bitten corner": (Rectangle(x=(0, 1), y=(0, 1)) - Disc((0, 0), 1), squares, 1 / 9 - QUARTER),
    "holes that touch": (
        SQUARE - Disc((-0.3, 0.1), 0.3) - Disc((0.3, 0.1), 0.3),
        wave,
        IN_SQUARE - disc((-0.3, 0.1), 0.3) - disc((0.3, 0.1), 0.3),
    ),
    "a hole that touches the wall": (SQUARE - Disc((0.5, 0), 0.5), wave, IN_SQUARE - disc((0.5, 0), 0.5)),
    "many holes": (Difference(SQUARE, *[Disc(*hole) for hole in HOLES]), wave, IN_SQUARE - sum(disc(*hole) for hole in HOLES)),
    "thin ring": (Disc((0, 0), 1) - Disc((0, 0), 0.999), wave, disc((0, 0), 1) - disc((0, 0), 0.999)),
    "island": (
        (SQUARE - Disc((0, 0), 0.8)) | (Disc((0, 0), 0.5) - Disc((0.1, 0), 0.2)),
        wave,
        IN_SQUARE - disc((0, 0), 0.8) + disc((0, 0), 0.5) - disc((0.1, 0), 0.2),
    ),
    "long": (
        Rectangle(x=(0, 1e4), y=(0, 1)) - Rectangle(x=(1e3, 2e3), y=(0.2, 0.7)),
        lambda x: (x[:, 0] / 1e4 + x[:, 1]).exp(),
        1e4 * ((math.e - 1) ** 2 - (math.exp(0.2) - math.exp(0.1)) * (math.exp(0.7) - math.exp(0.2))),
    ),
    "far away": (Disc((1e3, 1e3), 1) - Disc((1e3, 1e3), 0.3), lambda x: wave(x - 1e3), disc((0, 0), 1) - disc((0, 0), 0.3)),
    "ellipses that cross": (Ellipse((0, 0), (1, 0.5)) & Ellipse((0, 0), (0.5, 1)), one, 2 * math.atan(0.5)),
    "ellipse minus disc": (Ellipse((0, 0), (2, 1)) - Disc((0.5, 0), 0.4), one, math.pi * (2 - 0.16)),
    "polygon minus disc": (Polygon(CORNERS) - Disc((1.4, 1.2), 0.3), wave, triangle(*CORNERS) - disc((1.4, 1.2), 0.3)),
    "of a user's own": (Quarter(), squares, QUARTER),
    "minus a disc": (Quarter() - Disc((0.5, 0.5), 0.1), one, math.pi / 4 - math.pi / 100),
    "squircle": (Squircle(), one, 4 * math.gamma(1.25) ** 2 / math.gamma(1.5)),
    # -- in space
    "ball minus ball": (
        Ball((0, 0, 0), 1) - Ball((0.1, 0.2, 0.1), 0.5),
        wave,
        ball((0, 0, 0), 1) - ball((0.1, 0.2, 0.1), 0.5),
    ),
    "box minus ball": (CUBE - Ball((0.1, 0.2, 0.1), 0.5), wave, IN_CUBE - ball((0.1, 0.2, 0.1), 0.5)),
    "box minus two balls": (
        CUBE - Ball((0.5, 0.2, 0.1), 0.3) - Ball((-0.4, -0.4, 0.1), 0.35),
        wave,
        IN_CUBE - ball((0.5, 0.2, 0.1), 0.3) - ball((-0.4, -0.4, 0.1), 0.35),
    ),
    "box minus box": (CUBE - Box(x=(0, 2), y=(0, 2), z=(0, 2)), wave, IN_CUBE - box((0, 1), (0, 1), (0, 1))),
    "octant of a shell": (
        (Ball((0, 0, 0), 1) - Ball((0, 0, 0), 0.5)) & Box(x=(0, 2), y=(0, 2), z=(0, 2)),
        lambda x: x.square().sum(dim=1),
        math.pi / 2 * (1 - 1 / 32) / 5,
    ),
    "balls in common": (Ball((0, 0, 0), 1) & Ball(D, 0.8), along, caps(1.0, 0.8)),
    "balls together": (Ball((0, 0, 0), 1) | Ball(D, 0.8), along, round_(1.0, 0.0) + round_(0.8, LENGTH) - caps(1.0, 0.8)),
    "ball cut by a ball": (Ball((0, 0, 0), 1) - Ball(D, 0.8), along, round_(1.0, 0.0) - caps(1.0, 0.8)),
    # -- in time
    "disc in time": (
        SpaceTime(Disc((0, 0), 1), t=(0, 2)),
        lambda x: wave(x[:, :2]) * x[:, 2].exp(),
        disc((0, 0), 1) * (math.e**2 - 1),
    ),
    "ring in time": (
        SpaceTime(Disc((0, 0), 1) - Disc((0.2, 0), 0.3), t=(0, 2)),
        lambda x: wave(x[:, :2]) * x[:, 2].exp(),
        (disc((0, 0), 1) - disc((0.2, 0), 0.3)) * (math.e**2 - 1),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_an_integral_is_what_its_closed_form_says(name: str) -> None:
    domain, function, exact = CASES[name]
    x, weights = domain.quadrature(900)
    assert x.dtype == weights.dtype == F64 and len(x) == len(weights)
    assert (weights @ function(x)).item() == pytest.approx(exact, rel=1e-10)
    assert domain.contains(x).all() and (weights > 0).all()
    assert weights.sum().item() == pytest.approx(domain.volume, rel=1e-10)
    # As many as are asked for, or as the shape asks for.
    assert len(x) < (30_000 if len(domain.coords) == 3 else 3500)


@pytest.mark.parametrize("name", ["disc", "polygon", "square minus two discs", "lens", "interval", "box minus ball"])
def test_more_nodes_resolve_shorter_waves(name: str) -> None:
    """Five waves across the domain; of twice as many nodes on a line the errors tell how far they are."""
    domain, *_ = CASES[name]
    low, high = domain.box
    k = 2 * math.pi * 5 / (high - low) / len(low) ** 0.5
    found = []
    for n in (20_000, 60_000):
        x, weights = domain.quadrature(n)
        assert 0.3 * n < len(x) < 2 * n
        found.append(float(weights @ ((x - low) @ k).cos()))
    assert found[0] == pytest.approx(found[1], abs=1e-11 * domain.volume)


@pytest.mark.parametrize("depth", [1e-2, 1e-4, 1e-6, 1e-9])
@pytest.mark.parametrize("axis", [0, 1])
def test_a_hole_that_just_breaks_through_the_wall(depth: float, axis: int) -> None:
    center = [0.1, 0.1]
    center[axis] = 0.5 + depth
    inside = mpmath.mpf(0.5) - mpmath.mpf(depth)
    segment = mpmath.mpf(0.25) * mpmath.acos(2 * inside) - inside * mpmath.sqrt(mpmath.mpf(0.25) - inside**2)
    assert (SQUARE - Disc(center, 0.5)).volume == pytest.approx(4 - math.pi / 4 + float(segment), rel=1e-12)


def test_the_volume_of_a_combination_is_exact_and_found_once() -> None:
    domain = Disc((0, 0), 1) | Disc((1, 0), 1)
    assert domain.volume == pytest.approx(2 * math.pi - (2 * math.pi / 3 - math.sqrt(3) / 2), rel=1e-12)
    again = pickle.loads(pickle.dumps(domain))
    assert again.volume == domain.volume
    assert torch.equal(again.quadrature(900)[0], domain.quadrature(900)[0])
    far = Ball([0] * 4, 1) - Ball([0] * 4, 0.5)
    assert far.volume == pytest.approx(math.pi**2 / 2 * (1 - 1 / 16))


def triangles(n: int) -> tuple[np.ndarray, np.ndarray]:
    side = n + 1
    vertices = np.stack(np.meshgrid(np.linspace(0, 1, side), np.linspace(0, 1, side), indexing="ij"), axis=-1).reshape(-1, 2)
    corner = [side * i + j for i in range(n) for j in range(n)]
    return vertices, np.array([t for c in corner for t in ((c, c + side, c + side + 1), (c, c + side + 1, c + 1))])


def test_meshes(tmp_path: Path) -> None:
    unit = box((0, 1), (0, 1))
    for n, points, tolerance in ((4, 900, 1e-12), (30, 900, 1e-12), (80, 900, 1e-12)):
        vertices, cells = triangles(n)
        meshio.write_points_cells(tmp_path / "square.vtk", vertices, [("triangle", cells)])
        mesh = Mesh(tmp_path / "square.vtk")
        x, weights = mesh.quadrature(points)
        assert (weights @ wave(x)).item() == pytest.approx(unit, rel=tolerance)
        assert mesh.contains(x).all() and (weights > 0).all() and len(x) <= 10 * points
    pierced = Mesh(tmp_path / "square.vtk") - Disc((0.5, 0.5), 0.2)
    x, weights = pierced.quadrature(900)
    assert (weights @ wave(x)).item() == pytest.approx(unit - disc((0.5, 0.5), 0.2), rel=1e-11)


def test_meshes_of_tetrahedra(tmp_path: Path) -> None:
    # Five of a cube.
    corners = np.array([(x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 1)], dtype=float)
    cells = np.array([(0, 1, 2, 4), (3, 1, 2, 7), (5, 1, 4, 7), (6, 2, 4, 7), (1, 2, 4, 7)])
    meshio.write_points_cells(tmp_path / "cube.vtk", corners, [("tetra", cells)])
    mesh = Mesh(tmp_path / "cube.vtk")
    x, weights = mesh.quadrature(4000)
    assert (weights @ wave(x)).item() == pytest.approx(box((0, 1), (0, 1), (0, 1)), rel=1e-12)
    assert mesh.contains(x).all() and (weights > 0).all()
    # Cut by others there are equal weights, and a volume that is counted.
    cut = mesh - Ball((0.5, 0.5, 0.5), 0.3)
    x, weights = cut.quadrature(500)
    assert len(x) == 500 and weights.sum().item() == pytest.approx(1 - 0.036 * math.pi, rel=5e-3)


def test_in_many_dimensions_there_are_points_of_equal_weight() -> None:
    for domain in (Box(**{f"x{i}": (0, 1) for i in range(9)}), Ball([0] * 9, 1), Ball([0] * 4, 1) & Ball([0.5] * 4, 1)):
        x, weights = domain.quadrature(500)
        assert len(x) == 500 and torch.equal(weights, torch.full_like(weights, domain.volume / 500))
    x, weights = Box(**{f"x{i}": (0, 1) for i in range(5)}).quadrature(1024)
    assert (weights @ x.sum(dim=1).exp()).item() == pytest.approx((math.e - 1) ** 5, rel=1e-8)


@pytest.mark.parametrize(
    "domain", [Disc((0, 0), 1), Polygon(CORNERS), CUBE, Disc((0, 0), 1) & SQUARE, SpaceTime(SQUARE, t=(0, 1))]
)
def test_a_number_of_nodes_is_whole_and_positive(domain: Domain) -> None:
    for n in (0, 2.5):
        with pytest.raises(InputError, match="The number of points must be a whole number"):
            domain.quadrature(n)  # type: ignore[arg-type]


def test_a_cloud_of_points_has_no_integral() -> None:
    with pytest.raises(InputError, match="no volume"):
        PointCloud(torch.rand(9, 2), ("x", "y")).quadrature(5)
