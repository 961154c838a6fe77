"""Meshes written by meshio and read back."""

from __future__ import annotations

import itertools
import pickle
from pathlib import Path
from typing import Any

import meshio
import numpy as np
import pytest
import torch

from rbfnet import InputError
from rbfnet.domains import Disc, Mesh, Polygon
from rbfnet.operators import laplacian

F64 = torch.float64
Array = np.ndarray[Any, Any]


def cubes(dims: int, n: int) -> tuple[Array, Array]:
    """The unit cube as n^D cubes of D! simplices each (Kuhn's), those without the corner where all coordinates are above 1/2."""
    side = n + 1
    vertices = np.stack(np.meshgrid(*[np.linspace(0, 1, side)] * dims, indexing="ij"), axis=-1).reshape(-1, dims)
    steps = side ** np.arange(dims - 1, -1, -1)
    cells = []
    for corner in itertools.product(range(n), repeat=dims):
        if min(corner) >= n / 2:
            continue
        for path in itertools.permutations(range(dims)):
            cells.append(np.cumsum([corner @ steps, *steps[list(path)]]))
    # Graded, so that sizes differ by more than an octave; planes at 1/2 stay.
    graded = np.where(vertices < 0.5, 2 * vertices**2, vertices)
    return graded, np.array(cells)


def ell(x: torch.Tensor) -> torch.Tensor:
    return ((x >= 0) & (x <= 1)).all(dim=1) & (x <= 0.5).any(dim=1)


def write(path: Path, dims: int, n: int = 6, **arguments: Any) -> Path:
    vertices, cells = cubes(dims, n)
    kind = {2: "triangle", 3: "tetra"}[dims]
    points = np.column_stack([vertices, np.zeros((len(vertices), 3 - dims))])
    meshio.Mesh(points, [(kind, cells)], **arguments).write(path)
    return path


@pytest.mark.parametrize("suffix", ["vtu", "vtk", "msh", "inp"])
@pytest.mark.parametrize("dims", [2, 3])
def test_a_mesh_comes_back_from_its_file(tmp_path: Path, dims: int, suffix: str) -> None:
    mesh = Mesh(write(tmp_path / f"ell.{suffix}", dims))
    volume, surface = {2: (0.75, 4.0), 3: (0.875, 6.0)}[dims]
    assert mesh.coords == ("x", "y", "z")[:dims] and mesh.parts == ("boundary",)
    assert mesh.box.tolist() == [[0] * dims, [1] * dims]
    assert mesh.volume == pytest.approx(volume) and mesh.boundary_measure() == pytest.approx(surface)


@pytest.mark.parametrize("dims", [2, 3])
def test_contains_is_what_the_shape_says(tmp_path: Path, dims: int) -> None:
    mesh = Mesh(write(tmp_path / "ell.vtu", dims))
    x = -0.1 + 1.2 * torch.rand(5000, dims, dtype=F64)
    assert torch.equal(mesh.contains(x), ell(x))
    # The vertices themselves, and points on the boundary, are in it, and at 1e-6 from it no longer.
    assert mesh.contains(torch.from_numpy(cubes(dims, 6)[0][np.unique(cubes(dims, 6)[1])])).all()
    points, normals = mesh.boundary_with_normals(500, "random")
    assert mesh.contains(points).all() and mesh.contains(points - 1e-6 * normals).all()
    assert not mesh.contains(points + 1e-6 * normals).any()
    assert mesh.within(points - 2e-3 * normals, -1e-3).double().mean() > 0.95
    assert not mesh.within(points - 5e-4 * normals, -1e-3).any()
    assert not mesh.contains(torch.full((1, dims), torch.nan)).any()


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("sampler", ["halton", "sobol", "random", "latin_hypercube", "grid", "poisson_disc"])
def test_interior_points_are_uniform_though_cells_are_not(tmp_path: Path, dims: int, sampler: str) -> None:
    mesh = Mesh(write(tmp_path / "ell.vtu", dims))
    n = 400 if sampler == "poisson_disc" else 4000
    points = mesh.interior(n, sampler)
    assert points.shape == (n, dims) and points.dtype == F64 and ell(points).all()
    for axis in range(dims):
        # The lower half has 2/3 of the L, and 4/7 in space.
        share = (points[:, axis] < 0.5).double().mean().item()
        assert share == pytest.approx({2: 2 / 3, 3: 4 / 7}[dims], abs=0.06 if sampler in ("grid", "poisson_disc") else 0.03)
        low = (points[:, axis] < 0.25).double().mean().item()
        assert low == pytest.approx({2: 1 / 3, 3: 2 / 7}[dims], abs=0.06 if sampler in ("grid", "poisson_disc") else 0.03)


@pytest.mark.parametrize("dims", [2, 3])
def test_boundary_points_and_normals_obey_the_divergence_theorem(tmp_path: Path, dims: int) -> None:
    mesh = Mesh(write(tmp_path / "ell.vtu", dims))
    points, normals = mesh.boundary_with_normals(6000)
    assert len(points) == 6000
    assert (normals.abs().sum(dim=1) - 1).abs().max() < 1e-12
    for axis in range(dims):
        flux = (points[:, axis] ** 2 * normals[:, axis]).mean().item() * mesh.boundary_measure()
        inside = 2 * mesh.interior(20_000, "sobol")[:, axis].mean().item() * mesh.volume
        assert flux == pytest.approx(inside, rel=5e-3)


def named(vertices: Array) -> tuple[Array, Array]:
    """The lines on x = 0, and one inside."""
    left = np.flatnonzero(vertices[:, 0] == 0)
    return np.stack([left[:-1], left[1:]], axis=1), cubes(2, 6)[1][10, [0, 2]][None]


@pytest.mark.parametrize("kind", ["gmsh22", "gmsh", "abaqus"])
def test_groups_name_the_parts(tmp_path: Path, kind: str) -> None:
    vertices, cells = cubes(2, 6)
    lines, inner = named(vertices)
    path = tmp_path / ("named.inp" if kind == "abaqus" else "named.msh")
    points = np.column_stack([vertices, np.zeros(len(vertices))])
    blocks = [("triangle", cells), ("line", lines), ("line", inner)]
    if kind == "abaqus":
        none = np.array([], dtype=int)
        sets = {"inlet": [none, np.arange(len(lines)), none], "crack": [none, none, np.arange(1)]}
        meshio.Mesh(points, blocks, cell_sets=sets).write(path)
    else:
        tags = [np.ones(len(cells), dtype=int), np.full(len(lines), 7), np.full(1, 9)]
        names = {"inlet": np.array([7, 1]), "crack": np.array([9, 1]), "body": np.array([1, 2])}
        data = {"gmsh:physical": tags, "gmsh:geometrical": tags}
        # The newer format names the entity (dimension and tag) that each vertex is of.
        entities = np.column_stack([np.full(len(vertices), 2), np.ones(len(vertices), dtype=int)])
        entities[lines] = [1, 7]
        entities[inner] = [1, 9]
        on = {"gmsh:dim_tags": entities} if kind == "gmsh" else {}
        meshio.Mesh(points, blocks, cell_data=data, field_data=names, point_data=on).write(path, file_format=kind)
    mesh = Mesh(path, coords=("r", "z"))
    # A group of facets inside is no part of the boundary.
    assert mesh.coords == ("r", "z") and mesh.parts == ("inlet", "boundary")
    along, normals = mesh.boundary_with_normals(20, part="inlet")
    assert (along[:, 0] == 0).all() and (normals == torch.tensor([-1.0, 0.0])).all()
    assert mesh.boundary_measure("inlet") == pytest.approx(1.0) and mesh.boundary_measure("boundary") == pytest.approx(3.0)
    with pytest.raises(InputError, match="did you mean 'inlet'"):
        mesh.boundary(5, part="inlett")


def test_a_flat_mesh_has_the_distance_of_its_outline(tmp_path: Path) -> None:
    mesh = Mesh(write(tmp_path / "ell.vtu", 2))
    outline = Polygon([(0, 0), (1, 0), (1, 0.5), (0.5, 0.5), (0.5, 1), (0, 1)])
    x = mesh.interior(100)
    torch.testing.assert_close(mesh.distance(x), outline.distance(x))
    torch.testing.assert_close(laplacian(mesh.distance, x), laplacian(outline.distance, x), rtol=1e-6, atol=1e-6)
    points, normals = mesh.boundary_with_normals(101, "random")
    torch.testing.assert_close(mesh.normals(points), normals, atol=1e-6, rtol=0)
    assert len(mesh.interior(50, "boundary_refined")) == 50


def test_a_mesh_takes_part_in_combinations_and_can_be_sent(tmp_path: Path) -> None:
    mesh = Mesh(write(tmp_path / "ell.vtu", 2))
    pierced = mesh - Disc((0.25, 0.25), 0.1)
    assert pierced.parts == ("boundary", "hole 1") and pierced.volume == pytest.approx(0.75 - torch.pi / 100)
    assert len(pierced.boundary(50, part="hole 1")) == 50
    again = pickle.loads(pickle.dumps(mesh))
    assert torch.equal(again.grid(100), mesh.grid(100))


def test_what_is_no_mesh_is_refused_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match=r"There is no mesh file '.*no.msh'"):
        Mesh(tmp_path / "no.msh")
    for name in ("text.msh", "text.vtu", "text.txt"):
        (tmp_path / name).write_text("not a mesh\n")
        with pytest.raises(InputError, match=f"{name}' cannot be read as a mesh"):
            Mesh(tmp_path / name)
    assert capsys.readouterr().out == ""
    square = np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
    meshio.Mesh(square, [("quad", np.array([[0, 1, 2, 3]]))]).write(tmp_path / "quads.vtu")
    with pytest.raises(InputError, match="no triangles and no tetrahedra; the cells found are: quad"):
        Mesh(tmp_path / "quads.vtu")
    square[2, 2] = 0.5
    meshio.Mesh(square, [("triangle", np.array([[0, 1, 2], [0, 2, 3]]))]).write(tmp_path / "bent.vtu")
    with pytest.raises(InputError, match="is a curved surface in space"):
        Mesh(tmp_path / "bent.vtu")
    meshio.Mesh(square * [1, 0, 0], [("triangle", np.array([[0, 1, 2], [0, 2, 3]]))]).write(tmp_path / "flat.vtu")
    with pytest.raises(InputError, match=r"Cell 0 of .* has no volume"):
        Mesh(tmp_path / "flat.vtu")
    meshio.Mesh(square * np.nan, [("triangle", np.array([[0, 1, 2]]))]).write(tmp_path / "nan.vtu")
    with pytest.raises(InputError, match="not finite"):
        Mesh(tmp_path / "nan.vtu")
    with pytest.raises(InputError, match="path of a file, but got 3"):
        Mesh(3)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="tetrahedra, for which there is no smooth distance"):
        Mesh(write(tmp_path / "ell.vtu", 3, 2)).distance(torch.zeros(1, 3))
