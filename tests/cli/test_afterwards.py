"""The commands for what comes after a run."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import pty
import select
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import meshio
import numpy as np
import pytest
import torch

import rbfnet
from rbfnet.cli.command import elements
from rbfnet.cli.main import NAMES, dispatch

Command = Callable[..., tuple[int, str, str]]
POINTS = np.random.default_rng(0).random((5, 2))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two finished runs, one that has only begun, and one that is damaged."""
    directory = tmp_path_factory.mktemp("afterwards") / "runs [a]"
    directory.mkdir()
    for name, num in (("good", 120), ("poor", 9)):
        arguments = ["train", f"run_dir={directory / name}", f"network.num_centers={num}", "figures=false", "--allow-unsolved"]
        assert dispatch(arguments) == 0
    (directory / "begun").mkdir()
    (directory / "begun/config.yaml").write_text((directory / "poor/config.yaml").read_text())
    (directory / "damaged").mkdir()
    (directory / "damaged/config.yaml").write_text("a: [1")
    return directory


@pytest.fixture
def good(runs: Path) -> str:
    return str(runs / "good")


def write_points(name: str = "points.csv") -> None:
    Path(name).write_text("y,note,x\n" + "".join(f"{y!r},a,{x!r}\n" for x, y in POINTS.tolist()))


def read_csv(name: str) -> tuple[list[str], np.ndarray]:
    rows = list(csv.reader(Path(name).read_text().splitlines()))
    return rows[0], np.array(rows[1:], dtype=float)


# -- predict --------------------------------------------------------------------------------------------------------------------


def test_predict_writes_derivatives_beside_the_coordinates(command: Command, good: str) -> None:
    write_points()
    code, out, err = command("predict", good, "points.csv", "--out", "out.csv", "--derivatives", "u,u_x,laplacian(u),d(u,x,y)")
    assert (code, out, err) == (0, "out.csv\n", "rbfnet: 5 points.\n")
    head, values = read_csv("out.csv")
    assert head == ["x", "y", "u", "u_x", "laplacian(u)", "d(u,x,y)"]
    x, y = np.pi * POINTS.T
    u = np.sin(x) * np.sin(y)
    expected = [*POINTS.T, u, np.pi * np.cos(x) * np.sin(y), -2 * np.pi**2 * u, np.pi**2 * np.cos(x) * np.cos(y)]
    np.testing.assert_allclose(values, np.stack(expected, axis=1), atol=1e-4)
    assert sorted(p.name for p in Path.cwd().iterdir()) == ["out.csv", "points.csv"]


def test_predict_never_overwrites_unless_told_to(command: Command, good: str) -> None:
    write_points()
    Path("out.csv").write_text("precious")
    code, out, err = command("predict", good, "points.csv", "-o", "out.csv")
    assert (code, out) == (2, "") and "'out.csv' already exists; choose another name, or give --force" in err
    assert Path("out.csv").read_text() == "precious"
    assert command("predict", good, "points.csv", "-o", "out.csv", "--force", "-q") == (0, "", "")
    assert read_csv("out.csv")[0] == ["x", "y", "u"]
    code, _, err = command("predict", good, "points.csv", "-o", "points.csv", "--force")
    assert code == 2 and "is the file of points itself" in err


def test_a_row_that_is_no_point_leaves_no_file(command: Command, good: str) -> None:
    Path("points.csv").write_text("x,y\n" + "0.5,0.5\n" * 20_000 + "0.5,a\n")
    code, _, err = command("predict", good, "points.csv", "-o", "out.csv", "-q")
    assert code == 2 and "Row 20001, column 'y' of 'points.csv' holds 'a'" in err
    assert [p.name for p in Path.cwd().iterdir()] == ["points.csv"]


@pytest.mark.parametrize("out", ["out.csv", "out.npz", "out.vtu"])
def test_a_table_without_rows_leaves_no_file(command: Command, good: str, out: str) -> None:
    Path("points.csv").write_text("x,y\n")
    code, _, err = command("predict", good, "points.csv", "-o", out)
    assert code == 2 and "has a header but no rows" in err
    assert [p.name for p in Path.cwd().iterdir()] == ["points.csv"]


def test_arrays_and_meshes_in_and_out(command: Command, good: str) -> None:
    np.savez("points.npz", x=POINTS[:, 0], y=POINTS[:, 1])
    assert command("predict", good, "points.npz", "-o", "out.npz", "--what=u_y")[0] == 0
    with np.load("out.npz") as found:
        expected = rbfnet.load(good).predict(POINTS, "u_y")
        assert set(found) == {"x", "y", "u_y"} and np.array_equal(found["u_y"], expected)
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0.5, 0.5, 0.0]])
    meshio.Mesh(vertices, [("triangle", np.array([[0, 1, 2]]))]).write("mesh.vtu")
    assert command("predict", good, "mesh.vtu", "-o", "out.vtu", "--what", "u,u_x")[0] == 0
    mesh = meshio.read("out.vtu")
    assert set(mesh.point_data) == {"u", "u_x"} and len(mesh.cells_dict["triangle"]) == 1
    np.testing.assert_allclose(mesh.point_data["u"], [0, 0, 1], atol=1e-5)
    assert command("predict", good, "mesh.vtu", "-o", "mesh.csv")[0] == 0
    assert read_csv("mesh.csv")[1].shape == (3, 3)


def test_parquet_in_and_out(command: Command, good: str) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    write_points()
    assert command("predict", good, "points.csv", "-o", "out.parquet")[0] == 0
    assert command("predict", good, "out.parquet", "-o", "again.csv")[0] == 0
    assert np.array_equal(parquet.read_table("out.parquet")["u"].to_numpy(), read_csv("again.csv")[1][:, 2])


def test_many_points_have_progress_in_plain_lines(command: Command, good: str) -> None:
    np.savetxt("many.csv", np.tile(POINTS, (4000, 1)), delimiter=";", header="x;y", comments="")
    code, out, err = command("predict", good, "many.csv", "-o", "out.csv")
    assert code == 0 and out == "out.csv\n"
    assert "points 20000/20000" in err and "\x1b" not in err
    assert len(Path("out.csv").read_text().splitlines()) == 20_001


def test_progress_is_shown_for_every_kind_of_file_on_standard_error(command: Command, good: str) -> None:
    many = np.random.default_rng(0).random((20_000, 2))
    np.savez("many.npz", y=many[:, 1], x=many[:, 0])
    with gzip.open("many.csv.gz", "wt") as file:
        np.savetxt(file, many, delimiter=",", header="x,y", comments="")
    corners = np.arange(19_998).reshape(-1, 3)
    meshio.Mesh(np.pad(many, ((0, 0), (0, 1))), [("triangle", corners)]).write("many.vtu")
    for given in ("many.npz", "many.csv.gz", "many.vtu"):
        code, out, err = command("predict", good, given, "-o", "out.vtu", "-f")
        assert (code, out) == (0, "out.vtu\n") and "points 20000/20000" in err, given
        assert command("predict", good, given, "-o", "out.vtu", "-f", "-q") == (0, "", "")
    mesh = meshio.read("out.vtu")
    assert np.array_equal(mesh.cells_dict["triangle"], corners)
    assert np.array_equal(mesh.point_data["u"], rbfnet.load(good).predict(many, progress=False))


# -- evaluate and export --------------------------------------------------------------------------------------------------------


def test_evaluate_measures_against_the_reference_or_a_table(command: Command, good: str) -> None:
    code, out, _ = command("evaluate", good, "--json")
    summary = json.loads((Path(good) / "summary.json").read_text())
    assert code == 0 and json.loads(out)["u"] == pytest.approx(summary["errors"])
    Path("true.csv").write_text("u;y;x\n1;0.5;0.5\n3;0.5;0.5\n")
    found = json.loads(command("evaluate", good, "true.csv", "--json")[1])
    assert found["u"]["max_abs"] == pytest.approx(2.0, abs=1e-4)
    code, out, err = command("evaluate", good, "true.csv", "-v")
    assert (code, err) == (0, "") and "errors: true.csv" in out and "dirichlet, equation 0" in out
    Path("comma.csv").write_text("u;y;x\n-;m;m\n1;0,5;0,5\n")
    found = json.loads(command("evaluate", good, "comma.csv", "--json", "--decimal", ",", "--units-row")[1])
    assert found["u"]["max_abs"] < 1e-4
    Path("other.csv").write_text("x,y,v\n1,1,1\n")
    code, _, err = command("evaluate", good, "other.csv")
    assert code == 2 and "has none of the outputs u; its columns are x, y, v" in err


def test_export_is_compared_with_the_model(command: Command, good: str) -> None:
    code, out, err = command("export", good, "--out", "a.pt2", "--derivatives", "u,sqrt(u_x^2+u_y^2)")
    assert (code, err) == (0, "") and out.splitlines()[-1] == "a.pt2"
    assert "computes u, sqrt(u_x^2+u_y^2); maximum difference from the model:" in out
    found = torch.export.load("a.pt2").module()(torch.from_numpy(POINTS))
    slope = rbfnet.load(good).predict(POINTS, "sqrt(u_x^2+u_y^2)")
    np.testing.assert_allclose(found["sqrt(u_x^2+u_y^2)"].numpy(), slope, rtol=1e-6)
    assert command("export", good, "--out", "a.pt2")[0] == 2
    code, _, err = command("export", good, "--out", "b.pt2", "--what", "u_z")
    assert code == 2 and "There is no coordinate 'z'" in err and not Path("b.pt2").exists()


@pytest.mark.slow
def test_onnx(command: Command, good: str) -> None:
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    # Derivatives have larger terms that cancel than values have.
    assert command("export", good, "-o", "higher.onnx", "--what", "u_xx,laplacian(u),d(u,x,x,y)")[::2] == (0, "")
    assert command("export", good, "-o", "a.onnx", "--what", "u,u_x")[0] == 0
    session = runtime.InferenceSession("a.onnx")
    found = session.run(None, {session.get_inputs()[0].name: POINTS})
    np.testing.assert_allclose(np.stack(found, axis=1), rbfnet.load(good).predict(POINTS, ["u", "u_x"]), atol=1e-6)


# -- plot -----------------------------------------------------------------------------------------------------------------------


def test_slices_and_films_are_pictures(command: Command, good: str) -> None:
    code, out, err = command("plot", good, "--slice", "y=0,.5,1", "--out", "slices.png", "-v")
    assert (code, err) == (0, "") and out.splitlines()[-1] == "slices.png" and "from " in out
    assert Path("slices.png").read_bytes().startswith(b"\x89PNG")
    x = np.linspace(0, 1, 501)
    points = np.concatenate([np.stack([x, np.full_like(x, y)], axis=1) for y in (0, 0.5, 1)])
    found = rbfnet.load(good).predict(points, progress=False)
    ends = [float(word) for word in out.partition("from ")[2].split("\n")[0].split(" to ")]
    # Slices are evaluated one after the other, and sums of another length are rounded otherwise.
    assert ends == pytest.approx([found.min(), found.max()], rel=1e-3, abs=1e-7)
    assert command("plot", good, "--animate", "y", "--frames", "3", "--out", "film.gif", "--what", "u_x") == (0, "film.gif\n", "")
    from PIL import Image

    with Image.open("film.gif") as film:
        assert getattr(film, "n_frames", 1) == 3
    code, _, err = command("plot", good, "--slice", "y=0", "--out", "slices.png")
    assert code == 2 and "already exists" in err


def test_films_as_mp4_need_ffmpeg_and_say_so(command: Command, good: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("matplotlib.animation.FFMpegWriter.isAvailable", lambda: False)
    code, out, err = command("plot", good, "--animate", "y", "--frames", "2", "--out", "film.mp4")
    assert (code, out) == (2, "") and not Path("film.mp4").exists()
    assert err == "rbfnet: Writing 'film.mp4' needs ffmpeg, which is not installed; install it, or write a .gif file.\n"


def test_films_that_take_long_show_progress_unless_quiet(command: Command, good: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rbfnet.plots._late_progress.PATIENCE", 0.0)
    asked = ("plot", good, "--animate", "y", "--frames", "2", "--out", "film.gif", "--force")
    code, out, err = command(*asked)
    assert (code, out) == (0, "film.gif\n") and "frame drawn 2/2" in err
    assert command(*asked, "-q") == (0, "film.gif\n", "")


def test_the_whole_is_drawn_into_the_run_unless_told_otherwise(command: Command, runs: Path) -> None:
    code, out, _ = command("plot", str(runs / "poor"))
    assert code == 0 and out == f"{runs / 'poor' / 'figures' / 'overview.png'}\n"
    assert Path(out.strip()).is_file()
    assert command("plot", str(runs / "poor"))[0] == 0  # a figure of the run may be drawn again


# -- runs and show --------------------------------------------------------------------------------------------------------------


def test_runs_are_compared_in_a_table(command: Command, runs: Path) -> None:
    code, out, err = command("runs", str(runs), "--csv")
    assert code == 0 and "damaged' cannot be read" in err
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["run"] for row in rows] == ["good", "poor", "begun"]
    assert list(rows[0]) == ["run", "network.num_centers", "error", "verdict", "seconds"]
    assert [row["network.num_centers"] for row in rows] == ["120", "9", "9"]
    assert rows[0]["verdict"] == "solved" and rows[2]["verdict"] == "not finished"
    assert float(rows[0]["error"]) < float(rows[1]["error"])
    markdown = command("runs", str(runs), "--markdown", "--sort", "network.num_centers", "-q")
    assert markdown[2] == "" and markdown[1].splitlines()[2].startswith(("| begun | 9 |", "| poor | 9 |"))
    code, out, _ = command("runs", str(runs), "-v")
    assert "rmse" in out and "\ngood   120 " in out and out.isascii() and "\x1b" not in out


def test_a_config_that_stands_for_endless_keys_is_shown_in_a_moment(command: Command) -> None:
    """By aliases thirty lines stand for 2^30 keys, and for a list as long."""
    lines = ["kernel: {_target_: rbfnet.kernels.Gaussian}", "a0: &a0 {x: 1, y: 2}", "b0: &b0 [1, 2]"]
    lines += [f"a{n}: &a{n} {{x: *a{n - 1}, y: *a{n - 1}}}\nb{n}: &b{n} [*b{n - 1}, *b{n - 1}]" for n in range(1, 31)]
    Path("all/one").mkdir(parents=True)
    Path("all/one/config.yaml").write_text("\n".join(lines))
    Path("all/two").mkdir(parents=True)
    Path("all/two/config.yaml").write_text(lines[0])
    code, out, _ = command("runs", "all", "--csv")
    assert code == 0 and len(out) < 100_000


def test_show_prints_the_config_and_runs_nothing(command: Command) -> None:
    code, out, err = command("show", "kernel=matern", "kernel.nu=3.5", "-p", "kernel")
    assert (code, err) == (0, "") and "nu: 3.5" in out
    assert not list(Path.cwd().iterdir())
    assert "There is no kernel 'matrn'; did you mean 'matern'?" in command("show", "kernel=matrn")[2]
    assert command("show", "--multirun", "seed=1,2")[0] == 2
    assert "--package takes a part of the config" in command("show", "-p")[2]


# -- completion -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_commands_choices_and_options(command: Command, shell: str) -> None:
    code, out, _ = command("completion", shell)
    assert code == 0
    for word in (*NAMES, "kernel=matern", "solver=lbfgs", "derivatives"):
        assert word in out
    assert command("completion", "csh")[2] == "rbfnet: There is no shell 'csh'; did you mean 'zsh'?\n"


def test_bash_completes(command: Command) -> None:
    Path("rbfnet.bash").write_text(command("completion", "bash")[1])
    script = """
    source rbfnet.bash
    ask() {
        COMP_LINE="$1"; COMP_POINT=${#COMP_LINE}; COMP_WORDS=("${@:2}"); COMP_CWORD=$(($# - 2))
        _rbfnet 2>/dev/null
        echo "${COMPREPLY[*]}"
    }
    ask "rbfnet comp" rbfnet comp
    ask "rbfnet train kernel=mat" rbfnet train kernel = mat
    ask "rbfnet predict --deri" rbfnet predict --deri
    """
    done = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["completion", "matern", "--derivatives"]


ASKED = {
    "rbfnet comp": "completion",
    "rbfnet train kernel=mat": "kernel=matern",
    "rbfnet predict --deri": "--derivatives",
    "rbfnet train problem.path=poi": "problem.path=points.csv",
}


@pytest.mark.skipif(shutil.which("fish") is None, reason="no fish")
@pytest.mark.parametrize("typed", ASKED)
def test_fish_completes(command: Command, typed: str) -> None:
    write_points()
    Path("rbfnet.fish").write_text(command("completion", "fish")[1])
    script = f"source rbfnet.fish; complete -C {shlex.quote(typed)}"
    done = subprocess.run(["fish", "-N", "-c", script], capture_output=True, text=True, env={**os.environ, "HOME": os.getcwd()})
    assert (done.stdout.split(), done.stderr) == ([ASKED[typed]], "")


@pytest.mark.skipif(shutil.which("zsh") is None, reason="no zsh")
def test_zsh_completes(command: Command) -> None:
    """Its completion works in its line editor alone, which needs a terminal."""
    write_points()
    Path("rbfnet.zsh").write_text(command("completion", "zsh")[1])
    child, terminal = pty.fork()
    if not child:
        os.environ.update(TERM="dumb", HOME=os.getcwd())
        os.execvp("zsh", ["zsh", "-f", "-i"])
    shown = b""

    def until(text: str) -> None:
        nonlocal shown
        while text.encode() not in shown:
            assert select.select([terminal], [], [], 20)[0], (text, shown)
            shown += os.read(terminal, 4096)
        shown = b""

    try:
        os.write(terminal, b"PS1='> '; unsetopt zle_bracketed_paste; autoload -Uz compinit; compinit -u -D; source rbfnet.zsh\n")
        os.write(terminal, b"rbfnet() { echo \"[[$*]]\"; }; echo rea''dy\n")
        until("ready")
        for typed, completed in ASKED.items():
            os.write(terminal, f"{typed}\t\n".encode())
            until(f"[[{' '.join([*typed.split()[1:-1], completed])}]]")
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(terminal)


# -- all of them ----------------------------------------------------------------------------------------------------------------


def test_lists_of_derivatives_are_split_outside_of_parentheses() -> None:
    assert elements("u, d(u,x,x),lap(u)") == ["u", "d(u,x,x)", "lap(u)"]
    with pytest.raises(rbfnet.InputError):
        elements("u,,v")


AFTER = ("evaluate", "predict", "plot", "runs", "show", "export", "completion")
WRONG = [
    ["predict"],
    ["predict", "nowhere", "points.csv", "--out", "a.csv"],
    ["predict", "RUN", "nowhere.csv", "--out", "a.csv"],
    ["predict", "RUN", "wrong.csv", "--out", "a.csv"],
    ["predict", "RUN", "points.csv", "--out", "a.xlsx"],
    ["predict", "RUN", "points.csv", "--out", "no/a.csv"],
    ["predict", "RUN", "points.csv", "--out", "a.csv", "--decimal", "x"],
    ["predict", "RUN", "points.csv", "--out"],
    ["predict", "RUN", "points.csv", "--out", "a.csv", "--out", "b.csv"],
    ["predict", "RUN", "points.csv", "--out", "a.csv", "--what", "u,,"],
    ["predict", "RUN", "points.csv", "--out", "a.csv", "trust=[a b]"],
    ["evaluate", "nowhere"],
    ["evaluate", "a" * 300],
    ["runs", "a" * 300],
    ["predict", "RUN", "a" * 300 + ".csv", "--out", "a.csv"],
    ["predict", "RUN", "points.csv", "--out", "a" * 300 + ".csv"],
    ["predict", "RUN", "points.csv", "--" + "a" * 300],
    ["evaluate", "RUN", "wrong.csv"],
    ["evaluate", "RUN", "--jsn"],
    ["plot", "RUN", "--slice", "z=1"],
    ["plot", "RUN", "--slice", "t"],
    ["plot", "RUN", "--animate", "z"],
    ["plot", "RUN", "--animate", "x", "--frames", "one"],
    ["plot", "RUN", "--what", "u_x"],
    ["plot", "RUN", "--slice", "x=1", "--animate", "x"],
    ["plot", "RUN", "--slice", "x=1", "--out", "a.gif"],
    ["runs", "nowhere"],
    ["runs", "."],
    ["runs", "RUN", "--csv", "--markdown"],
    ["runs", "RUN", "--sort", "colour"],
    ["export", "nowhere"],
    ["export", "RUN", "--out", "a.txt"],
    ["completion"],
    ["completion", "powershell"],
    ["show", "nonsense"],
]


def test_help_and_mistakes_are_answered_without_pytorch(runs: Path, tmp_path: Path) -> None:
    """All in one process, and nothing is left behind."""
    (tmp_path / "points.csv").write_text("x,y\n1,2\n")
    (tmp_path / "wrong.csv").write_text("a,b\n1,2\n")
    lines = [[word.replace("RUN", str(runs / "good")) for word in line] for line in WRONG]
    program = """
import contextlib, io, json, sys, time
from rbfnet.cli.main import dispatch
answers = []
for line in json.load(sys.stdin):
    out, err, start = io.StringIO(), io.StringIO(), time.perf_counter()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = dispatch(line)
    answers.append([code, out.getvalue(), err.getvalue(), "torch" in sys.modules])
print(json.dumps(answers))
"""
    asked = [[name, "--help"] for name in AFTER] + lines
    done = subprocess.run([sys.executable, "-c", program], input=json.dumps(asked), cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    for name, (code, out, err, torch_is_there) in zip(AFTER, answers, strict=False):
        assert (code, err, torch_is_there) == (0, "", False)
        assert f"rbfnet {name}" in out and "Examples\n  " in out
    for line, (code, out, err, torch_is_there) in zip(lines, answers[len(AFTER) :], strict=True):
        assert (code, out, torch_is_there) == (2, "", False), line
        assert err.startswith("rbfnet: ") and err.count("\n") == 1, (line, err)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["points.csv", "wrong.csv"]
