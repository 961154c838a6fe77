"""Films: frames have the values of the solution, on one scale."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.animation import FFMpegWriter
from matplotlib.collections import QuadMesh
from PIL import Image

import rbfnet
from rbfnet.domains import Disc
from rbfnet.errors import InputError
from rbfnet.plots import animate
from rbfnet.problems import Dirichlet, Heat, Interior, Poisson, Problem


@pytest.fixture(scope="module")
def rod() -> rbfnet.Solution:
    return rbfnet.solve(Heat(), num_centers=30)


class Membrane(Problem):
    """laplacian u = -4 in the unit disc: u = 1 - r^2."""

    domain = Disc((0, 0), 1)

    def conditions(self) -> Any:
        return [Interior(lambda u: u.laplacian("x", "y") + 4), Dirichlet(0.0)]


def test_a_film_in_time_is_the_solution_at_each_time(rod: rbfnet.Solution, tmp_path: Path) -> None:
    film: Any = animate(rod, tmp_path / "film.gif", frames=5)
    frames = list(film.new_frame_seq())
    assert [frame.place for frame in frames] == [0.0, 0.25, 0.5, 0.75, 1.0]
    for frame in frames:
        exact = np.exp(-(np.pi**2) / 4 * frame.place) * np.sin(np.pi * frame.x[:, 0])
        assert np.allclose(frame.values, exact, atol=1e-6)
    with Image.open(tmp_path / "film.gif") as image:
        assert getattr(image, "n_frames", 1) == 5
    assert not list(tmp_path.glob(".part*"))


def test_all_frames_have_the_same_axes_and_the_time_in_the_title(rod: rbfnet.Solution, tmp_path: Path) -> None:
    _, ax = plt.subplots()
    film: Any = animate(rod, tmp_path / "film.gif", frames=3, ax=ax)
    seen = []
    for frame in film.new_frame_seq():
        film._func(frame)
        (line,) = ax.lines
        assert np.array_equal(np.asarray(line.get_ydata()), frame.values)
        seen.append((ax.get_xlim(), ax.get_ylim()))
        assert ax.get_title() == f"t = {frame.place:.4g}"
    low, high = seen[0][1]
    assert seen == [seen[0]] * 3 and low < 0.0 and high > 1.0
    assert seen[0][0] == (0.0, 1.0)


def test_colours_of_a_map_are_fixed(tmp_path: Path) -> None:
    class Box(Problem):
        domain = rbfnet.domains.Box(x=(0, 1), y=(0, 1), z=(0, 2))

        def conditions(self) -> Any:
            return [Interior(lambda u: u.laplacian("x", "y", "z")), Dirichlet(lambda x, y, z: x + y * z)]

    solution = rbfnet.solve(Box(num_interior=300, num_boundary=200), num_centers=60)
    _, ax = plt.subplots()
    film: Any = animate(solution, tmp_path / "film.gif", "z", frames=3, ax=ax)
    for frame in film.new_frame_seq():
        film._func(frame)
        (mesh,) = [c for c in ax.collections if isinstance(c, QuadMesh)]
        x, y = frame.x.T
        assert np.allclose(frame.values, x + y * frame.place, atol=1e-3)
        assert np.allclose(np.array(mesh.get_clim(), dtype=float), [0.0, 3.0], atol=1e-3)
        assert ax.get_aspect() == 1.0


def test_ends_without_points_are_left_out(tmp_path: Path) -> None:
    solution = rbfnet.solve(Membrane(num_interior=150, num_boundary=50), num_centers=50)
    film: Any = animate(solution, tmp_path / "film.gif", "y", frames=4, output="2*u")
    for frame in film.new_frame_seq():
        inside = frame.x[:, 0] ** 2 + frame.place**2
        assert (inside <= 1 + 1e-9).all() and np.allclose(frame.values, 2 * (1 - inside), atol=1e-3)


def test_mp4_needs_ffmpeg(rod: rbfnet.Solution, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FFMpegWriter, "isAvailable", classmethod(lambda cls: False))
    with pytest.raises(InputError, match=r"needs ffmpeg, which is not installed; install it, or write a \.gif file"):
        animate(rod, tmp_path / "film.mp4", frames=2)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not FFMpegWriter.isAvailable(), reason="ffmpeg is not installed")
def test_mp4_is_written_by_ffmpeg(rod: rbfnet.Solution, tmp_path: Path) -> None:
    animate(rod, tmp_path / "film.mp4", frames=2)
    # The box that an MP4 file begins with.
    assert (tmp_path / "film.mp4").read_bytes()[4:8] == b"ftyp"


def test_a_film_that_fails_leaves_the_old_file(rod: rbfnet.Solution, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "film.gif"
    file.write_bytes(b"old")
    monkeypatch.setattr("matplotlib.animation.PillowWriter.finish", lambda self: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        animate(rod, file, frames=2)
    assert file.read_bytes() == b"old" and list(tmp_path.iterdir()) == [file]


def test_progress_is_shown_of_what_takes_long(
    rod: rbfnet.Solution, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    animate(rod, tmp_path / "film.gif", frames=2)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr("rbfnet.plots._late_progress.PATIENCE", 0.0)
    animate(rod, tmp_path / "film.gif", frames=2)
    assert "frame drawn 2/2" in capsys.readouterr().err
    animate(rod, tmp_path / "film.gif", frames=2, progress=False)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"coordinate": "z"}, "There is no coordinate 'z'"),
        ({"frames": 1}, "frames must be at least 2, but got 1."),
        ({"frames": 2.5}, "frames must be a whole number"),
        ({"output": 3}, "There is no output of number '3'"),
        ({"output": "v"}, "v"),
        ({"path": "film.avi"}, "A film is a .gif or an .mp4 file, but got 'film.avi'."),
        ({"at": {"x": 0.5}}, "All coordinates are held"),
    ],
)
def test_wrong_input_is_refused(rod: rbfnet.Solution, arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        animate(rod, **arguments)
    assert sentence in str(caught.value)


def test_a_problem_without_time_needs_a_coordinate() -> None:
    solution = rbfnet.solve(Poisson(num_interior=80, num_boundary=40), num_centers=20)
    with pytest.raises(InputError, match="There is no coordinate 't'; known: x, y"):
        animate(solution)
