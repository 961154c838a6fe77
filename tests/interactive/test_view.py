"""Scenes of PyVista: their meshes hold the solution, end with the domain, and can be drawn without a screen."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest

import rbfnet
from rbfnet.domains import Ball, Disc
from rbfnet.interactive import view
from rbfnet.problems import Dirichlet, Interior, Poisson

pyvista = pytest.importorskip("pyvista", reason="the extra interactive is not installed")


@pytest.fixture(autouse=True)
def _off_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pyvista, "OFF_SCREEN", True)


class InBall(rbfnet.Problem):
    """u = 1 - r^2."""

    domain = Ball((0, 0, 0), 1.0)

    def conditions(self) -> Any:
        yield Interior(lambda u: u.laplacian() + 6)
        yield Dirichlet(0.0)


@pytest.fixture(scope="module")
def ball() -> rbfnet.Solution:
    return rbfnet.solve(InBall(), num_centers=120, allow_unsolved=True)


@pytest.mark.parametrize("kind", ["slices", "isosurfaces"])
def test_values_are_where_they_belong(ball: rbfnet.Solution, kind: str) -> None:
    mesh = view(ball, kind=kind, steps=41).mesh
    mesh = mesh.combine() if isinstance(mesh, pyvista.MultiBlock) else mesh
    r = np.linalg.norm(mesh.points, axis=1)
    assert mesh.n_points > 100 and r.max() <= 1 + 1e-3
    # Between the points of the grid values are linear.
    assert np.abs(mesh["u"] - (1 - r**2)).max() < 5e-3
    if kind == "isosurfaces":
        assert len(np.unique(mesh["u"].round(3))) == 7
    else:
        assert (np.abs(mesh.points).min(axis=1) < 1e-6).all()


def test_a_volume_is_empty_outside(ball: rbfnet.Solution) -> None:
    mesh = view(ball, kind="volume", steps=21).meshes[0]
    r = np.linalg.norm(mesh.points, axis=1)
    assert np.abs(mesh["u"][r > 1 + 1e-9]).max() < 1e-3
    assert np.abs(mesh["u"] - (1 - r**2))[r <= 1].max() < 1e-3


def test_two_coordinates_are_a_surface_that_ends_with_the_domain() -> None:
    domain = Disc((0, 0), 1.0) - Disc((0.3, 0), 0.3)
    x = domain.interior(300)
    solution = rbfnet.fit(x, x[:, 0] ** 2, kernel="gaussian")
    solution.problem.domain = domain  # The data came from here.
    mesh = view(solution).mesh
    points = np.asarray(mesh.points)
    assert np.allclose(mesh["u"], points[:, 0] ** 2, atol=2e-3)
    assert np.hypot(*points[:, :2].T).max() < 1.01 and np.hypot(points[:, 0] - 0.3, points[:, 1]).min() > 0.29
    assert np.ptp(points[:, 2]) == pytest.approx(1.0, rel=0.02)


def test_coordinates_that_share_no_unit_are_drawn_in_a_cube() -> None:
    x = np.random.default_rng(0).random((60, 3)) * [1.0, 100.0, 0.01]
    mesh = view(rbfnet.fit(x, x[:, 1], coords=["a", "b", "c"]), kind="volume", steps=5).meshes[0]
    assert np.allclose(np.reshape(mesh.bounds, (3, 2)) @ [-1, 1], 1.0)


def test_a_screenshot_has_a_picture(ball: rbfnet.Solution, tmp_path: Any) -> None:
    image = view(ball, steps=11).screenshot(str(tmp_path / "u.png"), return_img=True)
    assert image.std() > 5 and (tmp_path / "u.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"kind": "cloud"}, "There is no kind 'cloud'"),
        ({"coords": ["x"]}, "view shows two or three coordinates, but got x"),
        ({"coords": ["x", "w"]}, "There is no coordinate 'w'"),
        ({"steps": 1}, "steps must be at least 2, but got 1"),
        ({"coords": ["x", "y"], "at": {"z": float("nan")}}, r"at\['z'\] must be a finite number|at of view must be"),
    ],
)
def test_wrong_input_is_one_sentence(ball: rbfnet.Solution, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(rbfnet.InputError, match=sentence):
        view(ball, **options)


def test_what_cannot_be_viewed() -> None:
    with pytest.raises(rbfnet.InputError, match="solution of view must be a Solution, but got <class"):
        view(cast(Any, Poisson))
