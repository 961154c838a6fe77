"""Answers that need no PyTorch come without it, and so at once."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rbfnet.cli import checks

Command = Callable[..., tuple[int, str, str]]
TABLE = ["problem=table", "problem.path=points.csv", "problem.inputs=[x]", "problem.outputs=[z]"]

HELP = {
    "rbfnet train problem=terrain": ["--help"],
    "rbfnet train problem=wave": ["train", "--help"],
    "rbfnet train kernel=matern kernel.nu=3.5": ["train", "-h"],
    "num_centers: 700": ["train", "network.num_centers=700", "--help"],
    "rbfnet resume runs/mine trainer.max_epochs=500": ["resume", "--help"],
    "rbfnet resume runs/mine": ["help", "resume"],
    "rbfnet list | grep": ["list", "--help"],
    "gaussian ": ["list"],
}

WRONG = {
    "solver": ["train", "solver=lbgfs"],
    "stage": ["train", "solver=sequence", "solver.stages=[adam,lbgfs]"],
    "kernel": ["train", "kernel=gausian"],
    "class": ["train", "kernel=custom", "kernel._target_=rbfnet.kernels.Gausian"],
    "module": ["train", "kernel=custom", "kernel._target_=nowhere.Mine"],
    "problem": ["train", "problem=poison"],
    "key": ["train", "network.num_centres=3"],
    "argument": ["train", "+kernel.beta=2"],
    "trainer": ["train", "+trainer.precision=16"],
    "file": ["train", *TABLE, "problem.path=nowhere.csv"],
    "column": ["train", *TABLE, "problem.outputs=[w]"],
    "position": ["train", *TABLE, "problem.inputs=[5]"],
    "decimal": ["train", *TABLE, "problem.decimal=x"],
    "directory": ["train", "run_dir=full"],
    "seed": ["train", "seed=-1"],
    "dtype": ["train", "dtype=float46"],
    "figures": ["train", "figures=maybe"],
    "resume": ["resume", "nowhere"],
}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str, str, bool]]:
    """By command its exit code, output, errors, and whether PyTorch was there after it; all in one process."""
    directory = tmp_path_factory.mktemp("answers")
    (directory / "points.csv").write_text("x,z\n1,2\n")
    (directory / "full").mkdir()
    (directory / "full/precious").write_text("x")
    program = """
import contextlib, io, json, sys
from rbfnet.cli.main import dispatch
answers = {}
for line in json.load(sys.stdin):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = dispatch(line)
        except SystemExit as end:
            code = end.code
    answers[" ".join(line)] = code, out.getvalue(), err.getvalue(), "torch" in sys.modules
print(json.dumps(answers))
"""
    lines = json.dumps([*HELP.values(), *WRONG.values()])
    done = subprocess.run([sys.executable, "-c", program], input=lines, cwd=directory, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert sorted(p.name for p in directory.iterdir()) == ["full", "points.csv"]
    return json.loads(done.stdout)


@pytest.mark.parametrize("example", HELP)
def test_every_command_has_its_help_with_an_example(answers: dict[str, tuple[int, str, str, bool]], example: str) -> None:
    code, out, err, torch = answers[" ".join(HELP[example])]
    assert (code, err, torch) == (0, "", False)
    assert example in out


@pytest.mark.parametrize("name", WRONG)
def test_wrong_names_and_files_are_told_without_pytorch(answers: dict[str, tuple[int, str, str, bool]], name: str) -> None:
    code, out, err, torch = answers[" ".join(WRONG[name])]
    assert (code, out, torch) == (2, "", False)
    assert err.startswith("rbfnet: ") and err.count("\n") == 1


@pytest.mark.parametrize("name", sorted(set(WRONG) - {"solver", "kernel", "problem", "key", "resume"}))
def test_the_run_itself_refuses_the_same_in_the_same_words(command: Command, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The checks ahead are for speed alone: without them the sentence is that of the run."""
    Path("points.csv").write_text("x,z\n1,2\n")
    Path("full").mkdir()
    Path("full/precious").write_text("x")
    ahead = command(*WRONG[name])
    monkeypatch.setattr("rbfnet.cli.train.check", lambda config, fresh: None)
    assert command(*WRONG[name]) == ahead


def test_what_the_checks_know_is_what_the_yaml_lists() -> None:
    """Which another test holds to the arguments of the constructors."""
    assert checks._arguments("rbfnet.kernels.Matern") == {"nu"}
    assert checks._arguments("rbfnet.problems.Table") == {
        "path", "inputs", "outputs", "validation", "test", "decimal", "units_row", "missing", "scale", "periodic", "sphere",
        "weights", "gradients", "noise", "gradient_noise", "bounds", "equation", "equation_noise",
    }  # fmt: skip
    assert checks._arguments("rbfnet.training.RAD") == {"period", "k", "c", "pool"}
    assert checks._arguments("rbfnet.kernels.Gaussian") == set()
    assert checks._arguments("own.Mine") is None


def test_a_logger_whose_package_is_missing(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name.startswith("tensorboard") else find(name))
    for choice in ("logger=tensorboard", "logger=[csv,tensorboard]"):
        code, out, err = command("train", choice)
        assert (code, out) == (2, "")
        assert err == "rbfnet: logger=tensorboard needs a package that is not installed: pip install 'rbfnet[tensorboard]'.\n"


def test_a_sentence_about_yaml_names_file_and_line(command: Command) -> None:
    files = {
        "tab": (b"_target_: a\ndomain:\n\tx: 1\n", "line 3, column 1: YAML must be indented with spaces, but there is a tab."),
        "bracket": (b"_target_: a\nx: [1, 2\ny: 3\n", "line 3, column 2: expected ',' or ']', but got ':'."),
        "twice": (b"_target_: a\nx: 1\nx: 2\n", "line 3, column 1: found duplicate key x."),
        "quote": (b"_target_: a\nx: 'it\n", "line 3, column 1: found unexpected end of stream."),
        "alias": (b"_target_: *a\n", "line 1, column 11: found undefined alias 'a'."),
    }
    Path("mine/problem").mkdir(parents=True)
    for name, (text, _) in files.items():
        Path(f"mine/problem/{name}.yaml").write_bytes(text)
    for name, (_, sentence) in files.items():
        code, out, err = command("train", "--config-dir", "mine", f"problem={name}")
        assert (code, out) == (2, "")
        assert err == f"rbfnet: 'mine/problem/{name}.yaml' cannot be read as YAML: {sentence}\n"
    Path("mine/problem/latin.yaml").write_bytes(b"_target_: a\n# H\xf6he\n")
    assert "There is no problem 'brackets'; did you mean 'bracket'?" in command("train", "-cd", "mine", "problem=brackets")[2]
    assert "'mine/problem/latin.yaml' is not a text file in UTF-8 (line 2)" in command("train", "-cd", "mine", "problem=latin")[2]


@pytest.mark.parametrize("text", [b"", b"- a\n", b"text\n", b"x: 1\n"])
def test_yaml_that_is_no_node_is_one_sentence(command: Command, text: bytes) -> None:
    Path("mine/problem").mkdir(parents=True)
    Path("mine/problem/own.yaml").write_bytes(text)
    code, _, err = command("train", "--config-dir", "mine", "problem=own")
    assert code == 2 and err.startswith("rbfnet: problem ") and err.count("\n") == 1


def test_names_with_brackets_are_printed_as_they_are(command: Command) -> None:
    rows = "".join(f"{i % 7},{i % 5},{i % 3}\n" for i in range(40))
    Path("a,b=c d.csv").write_text(f"Länge (m),x:warning:,Height [m]\n{rows}")
    table = ["problem=table", "problem.path=a,b=c d.csv", "problem.inputs=[Länge (m),x:warning:]", "problem.outputs=[Height [m]]"]
    code, out, err = command("train", *table, "run_dir=d [1], e=f", "figures=false")
    assert (code, err) == (0, "")
    assert "\nHeight [m]  " in out and out.splitlines()[-1] == "d [1], e=f"
    assert Path("d [1], e=f/summary.json").is_file()
